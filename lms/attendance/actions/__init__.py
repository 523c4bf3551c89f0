"""Every write of attendance: joins and beats, reports, corrections, credits."""

"""The roster, corrections, reports, appeals, closings and viewing groups, for programs."""

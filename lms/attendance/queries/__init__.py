"""Reads of attendance: rosters, one's own attendance, what counts so far, outcomes in bulk."""

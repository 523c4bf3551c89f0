"""Pages for rosters, corrections, appeals, closing and imports."""

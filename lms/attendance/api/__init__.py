"""API calls for rosters, corrections, imports, appeals, closings and viewing groups."""

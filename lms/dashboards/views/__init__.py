"""The desks' pages: what reads across slices."""

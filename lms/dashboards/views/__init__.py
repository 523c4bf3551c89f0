"""Pages that combine several slices."""

"""Pages that read across slices."""

"""Pages of nominations, a module for each subject."""

"""Forms of nominations, a module for each subject."""

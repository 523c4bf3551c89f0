"""The rows behind a figure, by what they list."""

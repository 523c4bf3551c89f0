"""Pages of knowledge checks."""

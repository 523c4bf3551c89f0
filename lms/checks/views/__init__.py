"""The pages of knowledge checks."""

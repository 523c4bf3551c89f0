"""The look of certificates."""

"""The pages of attendance imports."""

"""A person's place in a series."""

"""Every write of viewing groups."""

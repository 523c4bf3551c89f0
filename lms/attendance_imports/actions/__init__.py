"""Every write of attendance imports."""

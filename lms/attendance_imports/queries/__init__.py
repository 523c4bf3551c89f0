"""Every read of attendance imports."""

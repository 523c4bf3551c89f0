"""Every read of certificates."""

"""Who was there, and how we know."""

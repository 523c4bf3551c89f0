"""Changes of many rows at once: previewed, confirmed, and undone."""

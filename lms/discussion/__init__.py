"""Questions, raised hands and polls of a lecture."""

"""Pages: what came of it (public), how we count, and the reports of those who may count exactly."""

"""Pages: verify a number, issue for a series, one's own certificate and its file."""

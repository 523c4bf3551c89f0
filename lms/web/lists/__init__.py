"""Lists: their columns and filters, their addresses, their pages and files."""

"""What certificates look like."""

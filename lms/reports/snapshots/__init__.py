"""Reports frozen as they were published."""

"""The lecture room."""

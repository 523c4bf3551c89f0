"""What every slice stands on: no HTTP, no slice."""

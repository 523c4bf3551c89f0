"""What the API of attendance takes and answers."""

"""Pages for verifying, issuing and holding certificates."""

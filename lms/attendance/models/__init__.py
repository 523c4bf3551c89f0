"""Evidence (presence, heartbeats, imported files), corrections, groups, and the credits derived from them."""

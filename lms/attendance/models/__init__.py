"""Evidence (presence, beats, imported files), corrections by hand, groups, and the credit derived from them."""

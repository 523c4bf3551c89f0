"""Everything that writes nominations."""

"""Everything that reads nominations."""

"""Reports of meeting systems: read, matched to people, and taken over as presence."""

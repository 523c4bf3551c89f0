"""Facts in columns: the one store that all figures are counted from, and how they are counted."""

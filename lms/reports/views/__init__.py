"""Pages for public figures, definitions and reports."""

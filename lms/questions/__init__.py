"""Questions that staff put to people: their definition, answers, and forms on pages."""

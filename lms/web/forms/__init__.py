"""The base of forms, their fields, and texts in several languages."""

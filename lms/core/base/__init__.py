"""Errors, roles, events, settings and what else needs no database and no words."""

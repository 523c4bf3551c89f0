"""Viewing groups: many people before one screen, their list and its signature."""

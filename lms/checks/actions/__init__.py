"""Writes of knowledge checks."""

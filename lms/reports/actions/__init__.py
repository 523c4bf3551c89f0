"""Keeping what was counted."""

"""Reads of knowledge checks."""

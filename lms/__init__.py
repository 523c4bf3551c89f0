"""Serai: an online lecture series, run and proven."""

__version__ = "0.1.0"
"""The version that is being worked on. `lms.version` says which build this is."""

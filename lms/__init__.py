"""Serai: an online lecture series, run and proven."""

__version__ = "0.1.0"

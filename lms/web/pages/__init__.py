"""Shared parts of pages: language, times, pictures, assets, error pages, and caches of whole pages."""

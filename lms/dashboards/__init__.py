"""Dashboards and other pages that read across slices."""

"""Shared by the routes of all slices: guards, error pages, base form, base templates, API envelope."""

"""Imports of meeting reports: read, matched to people, and saved as presence."""

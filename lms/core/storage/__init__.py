"""Stored files, files that people bring, tables, secrets and locks."""

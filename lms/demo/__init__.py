"""Builds the demonstration programme with the same actions and imports as real data."""

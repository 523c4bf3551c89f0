"""Builds the demonstration programme through the same doors as real data."""

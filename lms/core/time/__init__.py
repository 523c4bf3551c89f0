"""The clock, dates, zones, durations and days off."""

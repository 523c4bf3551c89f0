"""Reads for dashboards: combine several slices for one page in a fixed number of queries."""

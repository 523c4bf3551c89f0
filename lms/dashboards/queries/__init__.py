"""Reads of the desks: what several slices say, put together for one page in a fixed number of queries."""

"""Reports: totals, exports, the public impact page."""

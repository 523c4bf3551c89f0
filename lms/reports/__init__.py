"""Read-outs: totals, exports, the public impact page."""

"""The way of each request: hosts, hooks, who asks, guards, limits, bodies, answers and the log."""

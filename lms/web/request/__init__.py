"""What each request passes: hosts, hooks, who asks, guards, limits, bodies, answers and the log."""

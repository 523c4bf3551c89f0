"""Work beside requests: jobs, recurring tasks, signals, leases, and what processes count."""

"""Every write of the catalogue: series and policies, lectures, their states, seats."""

"""Knowledge checks: the question bank of a series, checks made of it, attempts, and what came of them."""

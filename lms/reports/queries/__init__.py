"""The one place that counts: every door asks here, and all get the same figures."""

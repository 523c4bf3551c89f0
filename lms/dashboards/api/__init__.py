"""API calls that read several slices."""

"""What pages share: language, times, pictures, assets, error pages, and caches of whole pages."""

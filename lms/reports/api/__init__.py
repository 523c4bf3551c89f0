"""API calls for figures, published and saved reports, and exports."""

"""The figures, published and saved reports and exports, for programs."""

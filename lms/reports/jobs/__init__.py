"""Background work: exporting rows, sending scheduled reports."""

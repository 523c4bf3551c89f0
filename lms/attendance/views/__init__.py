"""The roster, corrections by hand, appeals, closing, and reports from outside."""

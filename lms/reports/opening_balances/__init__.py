"""Opening balances: sessions from before the system."""

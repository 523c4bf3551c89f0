"""People's pages: registering and signing in, the account, and administration."""

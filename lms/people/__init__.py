"""People, accounts, countries, sign-in, API tokens and privacy."""

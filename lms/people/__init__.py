"""Persons, accounts, countries, sign-in, API tokens, privacy."""

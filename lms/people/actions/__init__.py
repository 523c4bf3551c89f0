"""Changes of people, their accounts, and the list of countries."""

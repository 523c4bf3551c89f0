"""What can be done to people, their accounts, and the list of countries."""

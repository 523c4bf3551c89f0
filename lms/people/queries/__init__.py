"""Reads of people: countries, persons, and who an actor is."""

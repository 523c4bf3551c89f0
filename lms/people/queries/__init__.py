"""What is read about people: countries, persons, and who an actor is."""

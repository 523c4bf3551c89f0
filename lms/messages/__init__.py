"""Messages from the staff of a series to the people enrolled in it."""

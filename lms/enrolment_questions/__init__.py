"""The organiser's own questions to people who enrol in a series or register, and their answers."""

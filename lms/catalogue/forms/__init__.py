"""The forms of the catalogue, by series, lecture and time."""

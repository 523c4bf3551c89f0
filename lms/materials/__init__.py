"""Files that belong to a lecture: slides, forms, exercises."""

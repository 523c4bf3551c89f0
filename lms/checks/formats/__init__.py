"""Files of questions that other systems read and write."""

"""Languages and what is written in them: messages, sorting, text that people typed, documents on paper."""

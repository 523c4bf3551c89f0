"""The formats in which reports of attendance come: each a module that recognises its own by content, and reads it."""

"""Picture and sound of lectures that are given in the browser: received, packaged, and played from files."""

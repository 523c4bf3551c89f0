"""Looking after an installation: setting up, backing up, restoring, checking."""

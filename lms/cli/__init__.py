"""The `lms` command: every subcommand with `--help`; exit 0 only on success, errors as one clear line."""

"""What `lms check` looks at: each module has checks that say what is wrong and what to do."""

"""The checks of `lms check`: each module has checks that say what is wrong and what to do."""

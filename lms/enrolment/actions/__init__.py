"""Everything that writes enrolments."""

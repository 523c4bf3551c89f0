"""Attendance: who was present, and the evidence for it."""

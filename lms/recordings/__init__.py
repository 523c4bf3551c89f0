"""Recordings of lectures: trimmed, with chapters, downloaded, uploaded from elsewhere, and deleted by age."""

"""Slides of a lecture: pages of PDF files that are shown in step with picture and sound."""

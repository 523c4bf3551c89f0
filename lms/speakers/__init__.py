"""Speakers: the public profiles of people who speak in lectures, whether they have an account or not."""

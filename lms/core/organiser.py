"""The organiser, as the settings name it."""

from __future__ import annotations

from flask import current_app


def organiser_name() -> str:
    """The organiser's name; no password may be made of it."""
    name: str = current_app.extensions["lms.config"].organiser
    return name

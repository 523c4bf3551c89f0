"""The settings of the running application."""

from __future__ import annotations

from flask import current_app

from lms.config import Config


def settings() -> Config:
    """Returns the settings that the current application was made with."""
    config: Config = current_app.extensions["lms.config"]
    return config

"""The settings of Flask that a command on the data needs, and every application has."""

from __future__ import annotations

from typing import Any

from lms.config import Config
from lms.core.db import engine_options
from lms.core.secret_key import read_secrets


def data_settings(config: Config) -> dict[str, Any]:
    """The database, and the secrets of this installation: the current one, and those that are still accepted."""
    secret, *old_secrets = read_secrets(config)
    return {
        "SECRET_KEY": secret,
        "SECRET_KEY_FALLBACKS": old_secrets,
        "SQLALCHEMY_DATABASE_URI": config.database,
        "SQLALCHEMY_ENGINE_OPTIONS": engine_options(
            config.database, connections=config.database_connections, is_prepared=config.database_prepared != "off"
        ),
    }

"""What the commands share: an application to work in."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from lms.app import create_app, settle
from lms.config import Config


@contextmanager
def application() -> Iterator[Config]:
    """The application's context around a command that works on the data, which `lms init` has made."""
    app = create_app()
    settle()
    with app.app_context():
        config: Config = app.extensions["lms.config"]
        yield config

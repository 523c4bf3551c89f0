"""What the commands share: an application to work in."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from lms.app import create_app, settle
from lms.config import Config
from lms.core.schema import check_not_restoring, check_prepared


@contextmanager
def application(*, works_without_data: bool = False) -> Iterator[Config]:
    """The application's context around a command that works on the data, which `lms init` has made."""
    config = Config.load()
    if works_without_data:
        check_not_restoring(config)
    else:
        check_prepared(config)
    app = create_app(config)
    settle()
    with app.app_context():
        yield config

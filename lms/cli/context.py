"""Shared parts of the commands: an application to work in."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lms.config import Config


@contextmanager
def application(*, works_without_data: bool = False) -> "Iterator[Config]":
    """The application's context around a command that works on the data, which `lms init` has made."""
    from lms.app import create_app, settle
    from lms.config import Config
    from lms.core.database.schema import check_not_restoring, check_prepared

    config = Config.load()
    if works_without_data:
        check_not_restoring(config)
    else:
        check_prepared(config)
    app = create_app(config)
    settle()
    with app.app_context():
        yield config


@contextmanager
def core_application() -> Iterator[None]:
    """The context of a command that works on tables of the core only: without slices, pages and handlers of events."""
    from flask import Flask

    from lms.config import Config
    from lms.core.base.logs import configure
    from lms.core.database.schema import check_prepared
    from lms.core.database.session import db
    from lms.core.storage.secret_keys import data_settings

    config = Config.load()
    check_prepared(config)
    configure(config.log_level)
    app = Flask("lms")
    app.config.update(data_settings(config))
    db.init_app(app)
    with app.app_context():
        yield

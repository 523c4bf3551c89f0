"""Commands that look after an installation."""

from __future__ import annotations

import click

from lms.app import create_app
from lms.core import clock


@click.command()
@click.option("--no-copy", is_flag=True, help="Do not copy the database before migrating it.")
def init(no_copy: bool) -> None:
    """Creates or migrates the database, loads the countries and makes the key that certificates are signed with.

    Before it migrates an existing database it puts a copy in the data folder (before-<revision>-<time>).
    """
    from lms.operations.initialise import initialise

    app = create_app()
    config = app.extensions["lms.config"]
    with app.app_context():
        initialise(config, copies=not no_copy, tell=click.echo, at=clock.now())
    click.echo(f"Ready: {config.folder}")

"""The `lms` command: every subcommand with `--help`; exit 0 only on success, errors as one clear line."""

from __future__ import annotations

import sys

import click
from flask_migrate import upgrade

from lms.app import create_app
from lms.config import BadSetting, Config
from lms.core.errors import DomainError

__all__ = ["lms", "main"]


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name=None, version="0.1.0", prog_name="lms")
def lms() -> None:
    """Serai: run an international online lecture series and prove what came of it."""


@lms.command()
def init() -> None:
    """Creates or migrates the database and loads the countries."""
    app = create_app()
    with app.app_context():
        initialise()
    click.echo(f"Ready: {app.extensions['lms.config'].folder}")


def initialise() -> None:
    """Migrates the database to the newest form and loads what every installation has."""
    from lms.core import clock
    from lms.core.roles import SYSTEM
    from lms.people.actions import load_countries

    upgrade()
    load_countries(by=SYSTEM, at=clock.now())


@lms.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=8000, show_default=True)
@click.option("--workers", type=int, default=None, help="Web processes (LMS_WORKERS).")
def serve(host: str, port: int, workers: int | None) -> None:
    """Serves the pages and, on SQLite, runs the background jobs too."""
    from lms.serve import run

    run(Config.load(), host=host, port=port, workers=workers)


@lms.command()
def worker() -> None:
    """Runs the background jobs and sends the mail."""
    from lms.serve import run_worker

    run_worker(Config.load())


def main() -> None:
    """The entry point: turns what went wrong into one line on stderr."""
    try:
        lms(standalone_mode=False)
    except click.exceptions.Exit as error:
        sys.exit(error.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except click.Abort:
        sys.exit(130)
    except (DomainError, BadSetting) as error:
        click.echo(f"lms: {error}", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()

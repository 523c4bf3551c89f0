"""The `lms` command: every subcommand with `--help`; exit 0 only on success, errors as one clear line."""

import importlib
import os
import sys
from collections.abc import Mapping
from typing import Any

import click

from lms.version import build_version

COMMANDS = {
    "attendance": "attendance",
    "backup": "operations",
    "certificates": "certificates",
    "check": "operations",
    "demo": "server",
    "files": "stored_files:stored_files",
    "import": "imports:imports",
    "init": "operations",
    "keys": "certificates:signing_keys",
    "mail": "mail",
    "move": "operations",
    "packager": "server",
    "report": "reports",
    "restore": "operations",
    "serve": "server",
    "timezones": "timezones",
    "user": "users",
    "worker": "server",
}
"""The module of each command in `lms.cli`, and the attribute where its name is another one."""


class LazyGroup(click.Group):
    """A group that imports a command when it is used, so that a command starts with the code that it needs."""

    def __init__(self, *args: Any, lazy: Mapping[str, str], **options: Any) -> None:
        super().__init__(*args, **options)
        self._lazy = lazy

    def list_commands(self, _ctx: click.Context) -> list[str]:
        """The names of all commands."""
        return sorted(self._lazy)

    def get_command(self, _ctx: click.Context, name: str) -> click.Command | None:
        """The command of a name; None for an unknown one."""
        if name not in self._lazy:
            return None
        module, _, attribute = self._lazy[name].partition(":")
        command: click.Command = getattr(importlib.import_module(f"lms.cli.{module}"), attribute or name)
        return command


def _show_version(ctx: click.Context, _option: click.Parameter, is_asked: bool) -> None:
    if is_asked:
        click.echo(f"lms, version {build_version()}")
        ctx.exit()


@click.group(cls=LazyGroup, lazy=COMMANDS, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_show_version, help="Show the version."
)
def lms() -> None:
    """Serai: run an international online lecture programme, with provable figures."""


def main() -> None:
    """The entry point: turns what went wrong into one line on stderr. What it writes is for this user alone."""
    os.umask(0o077)
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # numpy would start threads before web processes are forked
    try:
        lms(standalone_mode=False)
    except click.exceptions.Exit as error:
        sys.exit(error.exit_code)
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        sys.exit(error.exit_code)
    except click.Abort:
        sys.exit(130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # nobody reads on: nothing is left to flush
        sys.exit(141)
    except Exception as error:
        line = what_went_wrong(error)
        if line is None:
            raise
        click.echo(f"lms: {line}", err=True)
        sys.exit(error.exit_code if isinstance(error, click.ClickException) else 1)


def what_went_wrong(error: Exception) -> str | None:
    """One line for a person at a terminal; None for what is a fault of the programme."""
    from sqlalchemy.exc import ArgumentError, DBAPIError

    from lms.config import BadSetting
    from lms.core.base.errors import DomainError
    from lms.core.database.session import reason_of

    match error:
        case click.UsageError(ctx=click.Context() as ctx):
            message = f"{error.format_message()} (see `{ctx.command_path} --help`)"
        case click.ClickException():
            message = error.format_message()
        case DomainError() | BadSetting():
            message = str(error)
        case DBAPIError():
            is_unprepared = "no such table" in str(error.orig) or getattr(error.orig, "sqlstate", "") == "42P01"
            remedy = " (run `lms init` to prepare it)" if is_unprepared else ""
            message = f"cannot use the database: {reason_of(error)}{remedy}"
        case ArgumentError():
            message = "LMS_DATABASE_URL is no address: postgresql://user:password@host/database, percent-encoded"
        case ModuleNotFoundError():
            message = f"the module {error.name} is not installed"
        case UnicodeEncodeError():
            message = "the input is not text"
        case OSError():
            message = f"{error.filename or 'the system'}: {error.strerror or error}"
        case _:
            return None
    return " ".join(message.split())


if __name__ == "__main__":
    main()

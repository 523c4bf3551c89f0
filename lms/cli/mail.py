"""Commands about mail."""

from __future__ import annotations

from typing import IO

import click

from lms.cli.context import core_application


@click.group()
def mail() -> None:
    """Reads what mail servers answer."""


@mail.command("bounces")
@click.argument("file", type=click.File("rb"), default="-")
def bounces(file: IO[bytes]) -> None:
    """Reads a delivery status notification from FILE or standard input, for a mail server that can run a command.

    Marks the e-mail that came back. Other messages change nothing. Exit 0 in each case, so that no bounce bounces.
    """
    from lms.core import clock
    from lms.mail.bounces import MOST_BYTES, take_bounce

    with core_application():
        click.echo(take_bounce(file.read(MOST_BYTES), at=clock.now()).value)

"""Commands about mail."""

import socket
from typing import IO

import click

from lms.cli.context import core_application


@click.group()
def mail() -> None:
    """Sends e-mail to try the settings, and reads what mail servers answer."""


@mail.command("bounces")
@click.argument("file", type=click.File("rb"), default="-")
def bounces(file: IO[bytes]) -> None:
    """Reads a delivery status notification from FILE or standard input, for a mail server that can run a command.

    Marks the e-mail that came back. Other messages change nothing. Exit 0 in each case, so that no bounce bounces.
    """
    from lms.core.time import clock
    from lms.mail.bounces import MOST_BYTES, take_bounce

    with core_application():
        click.echo(take_bounce(file.read(MOST_BYTES), at=clock.now()).value)


@mail.command("test")
@click.argument("address")
def test_mail(address: str) -> None:
    """Sends a test e-mail to ADDRESS at once, with the settings of this installation. Needs no database."""
    text = f"This e-mail was sent by `lms mail test` on {socket.gethostname()}. E-mail from Serai reaches you.\n"
    click.echo(_send(address, "Test of e-mail from Serai", text))


@mail.command("failure")
@click.argument("unit")
def tell_of_failure(unit: str) -> None:
    """E-mails LMS_OPERATOR that the service UNIT failed: for OnFailure= of systemd. Needs no database."""
    from lms.config import Config

    operator = Config.load().operator
    if not operator:
        click.echo("LMS_OPERATOR is empty: no one is told.", err=True)
        return
    host = socket.gethostname()
    text = f"{unit} failed on {host}.\n\nsystemctl status {unit}\njournalctl -u {unit} --since -1h\n"
    click.echo(_send(operator, f"{unit} failed on {host}", text))


def _send(address: str, subject: str, text: str) -> str:
    """Sends an e-mail; returns what became of it. Raises ClickException where it cannot be sent."""
    from lms.config import Config
    from lms.core.base.logs import configure
    from lms.mail.rendering import send_at_once

    config = Config.load()
    configure("CRITICAL")  # this names what is wrong
    try:
        send_at_once(config, address=address, subject=subject, text=text)
    except OSError as error:
        raise click.ClickException(f"the e-mail was not sent: {error.strerror or error}") from error
    except ValueError as error:
        raise click.ClickException(f"{address} is no e-mail address") from error
    folder = config.mail_folder
    return (
        f"The mail server took the e-mail to {address}." if folder is None else f"The e-mail was written to {folder}."
    )

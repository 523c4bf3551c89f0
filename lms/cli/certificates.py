"""Commands about certificates and the keys that sign them."""

import sys
from collections.abc import Iterator
from typing import IO, TYPE_CHECKING

import click

from lms.cli.context import application
from lms.cli.secret import rotate_secret
from lms.core.base.roles import SYSTEM
from lms.core.time import clock

if TYPE_CHECKING:
    from lms.certificates.verification.file_verification import Verdict

COUNTS_OF_ISSUING = {"issued": "issued", "already_issued": "already issued", "not_earned": "not earned"}


@click.group()
def certificates() -> None:
    """Issues and verifies certificates."""


@certificates.command("issue")
@click.argument("series")
@click.option(
    "--kind", type=click.Choice(["participation", "completion"]), help="The kind set in the policy of the series."
)
def issue_certificates(series: str, kind: str | None) -> None:
    """Issues the earned certificates of a series. Running it again issues nothing twice."""
    from lms.catalogue.models import CertificateKind
    from lms.catalogue.queries.series import find_series
    from lms.certificates.actions import awards

    with application():
        row = find_series(series)
        if row is None:
            raise click.ClickException(f"there is no series {series}")
        certificate_kind = CertificateKind(kind) if kind else None
        result = awards.issue_certificates(row.id, certificate_kind, by=SYSTEM, at=clock.now())
        for item in result["refused"]:
            click.echo(f"{item['person']}: {item['reason']}")
        counts = [f"{words} {result[name]}" for name, words in COUNTS_OF_ISSUING.items()]
        click.echo(", ".join([*counts, f"refused {len(result['refused'])}"]))


@certificates.command("verify")
@click.argument("file", type=click.File("rb"))
def verify_certificate(file: IO[bytes]) -> None:
    """Verifies a certificate PDF, a badge or a learning record.

    Says valid, superseded, revoked, withdrawn, altered or unknown.

    Works offline. If the database cannot be read, checks the signature only. Exits with 0 only if valid.
    """
    from sqlalchemy.exc import DBAPIError

    from lms.certificates import numbers
    from lms.certificates.pdf import store
    from lms.certificates.verification.file_reading import MOST_BYTES, Seal
    from lms.certificates.verification.file_verification import VerdictState, read_without_database, verdict_of_file

    content = file.read(MOST_BYTES + 1)
    with application(works_without_data=True):
        try:
            verdict = verdict_of_file(content, by=SYSTEM)
            address = store.address_of(numbers.parse(verdict.number or "") or "")
        except DBAPIError:
            read = read_without_database(content)
            if read.seal is not Seal.OURS:
                state = VerdictState.ALTERED if read.number and read.seal is Seal.BROKEN else VerdictState.UNKNOWN
                click.echo(f"{state} {read.number or ''}".strip() + f" (signature: {read.seal})")
                if read.seal is Seal.FOREIGN:
                    click.echo("not signed by a key in this data folder (LMS_DATA): ask the issuer")
            else:
                click.echo(f"signed by us, unaltered: {read.number}")
                click.echo(
                    "not checked whether it was superseded, revoked or withdrawn, because the database cannot be read"
                )
            sys.exit(1)
    for line in _lines_of(verdict, address):
        click.echo(line)
    if verdict.state is not VerdictState.VALID:
        sys.exit(1)


def _lines_of(verdict: "Verdict", address: str) -> Iterator[str]:
    """The result of checking a file, in lines. `address`: the verification page of its number."""
    shown, record = verdict.shown, verdict.record
    line = f"{verdict.state} {verdict.number or ''}".strip()
    if record is not None:
        stated = f": {record.content.name}, {record.content.hours:g} hours" if record.content else ""
        yield f"{line}: learning record of {record.day}{stated}"
        yield from record.changes
        return
    if shown is None:
        line += f" (signature: {verdict.read.seal})"
    elif shown.state != "withdrawn":
        line += f": {shown.name}, {shown.series}, {shown.kind}, {shown.hours:g} hours, {shown.issued_on}"
    yield line
    if shown is not None and shown.replaced_by:
        yield f"replaced by {shown.replaced_by}"
    if verdict.is_unsigned:
        yield "the file has no signature: it is impossible to tell whether it was altered"
    if shown is None and verdict.is_known:
        yield f"original certificate: {address}"


@click.group("keys")
def signing_keys() -> None:
    """Manages the keys that sign certificates."""


@signing_keys.command("list")
def list_signing_keys() -> None:
    """Lists all keys, past and present, newest first: id, start and end of use."""
    from lms.certificates.keys import list_keys

    with application():
        for known in list_keys():
            until = known.retired_at.isoformat(timespec="seconds") if known.retired_at else "in use"
            click.echo(f"{known.kid}  {known.since.isoformat(timespec='seconds')}  {until}")


@signing_keys.command("rotate")
def rotate_signing_key() -> None:
    """Starts using a new key, or the one set in LMS_SIGNING_KEY. Earlier signatures stay valid."""
    from lms.certificates.keys import rotate_key

    with application():
        click.echo(rotate_key(by=SYSTEM, at=clock.now()))


signing_keys.add_command(rotate_secret)

"""The `lms` command: every subcommand with `--help`; exit 0 only on success, errors as one clear line."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import click
from sqlalchemy.exc import ArgumentError, DBAPIError

from lms.app import create_app
from lms.cli.attendance import attendance
from lms.cli.context import application
from lms.cli.mail import mail
from lms.cli.operations import backup, check, init, restore
from lms.cli.reports import report
from lms.cli.secret import rotate_secret
from lms.cli.timezones import timezones
from lms.config import BadSetting, Config
from lms.core import clock
from lms.core.errors import DomainError, Fault, Invalid, NotFound
from lms.core.imports import ImportAnswer
from lms.core.roles import SYSTEM, Role


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name=None, version="0.1.0", prog_name="lms")
def lms() -> None:
    """Serai: run an international online lecture programme, with provable figures."""


lms.add_command(attendance)
lms.add_command(mail)
lms.add_command(report)
lms.add_command(timezones)
for command in (init, backup, restore, check):
    lms.add_command(command)


@lms.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", type=click.IntRange(1, 65535), default=8000, show_default=True)
@click.option("--workers", type=click.IntRange(min=1), default=None, help="Web processes (LMS_WORKERS).")
def serve(host: str, port: int, workers: int | None) -> None:
    """Serves the site. On SQLite, also runs the background jobs."""
    from lms.serve import run

    run(Config.load(), host=host, port=port, workers=workers)


@lms.command()
@click.option("--with-server", is_flag=True, hidden=True, help="Stop when standard input closes.")
def worker(with_server: bool) -> None:
    """Runs background jobs and sends e-mail."""
    from lms.serve import run_worker

    config = Config.load()
    if config.is_demonstration_incomplete:
        from lms.demo.build import add_rest

        add_rest(create_app, config, say=click.echo)
    run_worker(config, with_server=with_server)


@lms.group()
def user() -> None:
    """Manages staff accounts."""


@user.command("create")
@click.argument("email")
@click.option("--name", required=True, help="Full name.")
@click.option("--role", type=click.Choice([role.value for role in Role]), required=True)
@click.option("--country", help="Country code. Required for a focal point.")
def create_user(email: str, name: str, role: str, country: str | None) -> None:
    """Grants a role and prints a one-time link to sign in and set a password."""
    from lms.people.actions.access import create_staff

    with application() as config:
        secret = create_staff(email, name, Role(role), country, by=SYSTEM, at=clock.now())
        click.echo(f"{config.base_url}/sign-in/{secret}")


@user.command("reset-second-factor")
@click.argument("email")
def reset_second_factor(email: str) -> None:
    """Resets the second factor of someone who lost their device. Use it when no administrator can."""
    from lms.people.actions.factors import reset_second_factor as reset
    from lms.people.queries.persons import find_person_by_email

    with application():
        person = find_person_by_email(email)
        if person is None:
            raise click.ClickException("there is no one with this e-mail address")
        reset(person.public_id, by=SYSTEM, at=clock.now())
        click.echo("Signing in no longer needs a code. All sessions have ended.")


@lms.group("import")
def imports() -> None:
    """Imports files. All rows or none; importing the same file again changes nothing."""


def skips_bad_rows(command: Callable[..., None]) -> Callable[..., None]:
    """The option of every import."""
    option = click.option(
        "--skip-bad-rows", is_flag=True, help="Import the good rows. Without it, one bad row stops the import."
    )
    return option(command)


@imports.command("people")
@click.argument("file", type=click.File("rb"))
@skips_bad_rows
def import_people(file: IO[bytes], skip_bad_rows: bool) -> None:
    """Imports people from a CSV or XLSX file.

    Headings in any order: email, full_name, native_name, country, sector, organisation, job_title, gender.
    """
    from lms.people.actions.files import publish_people, stage_people

    with application(), taking(file):
        staged = stage_people(file.read())
        answer, _ids = publish_people(staged, skip_bad_rows=skip_bad_rows, by=SYSTEM, at=clock.now())
        tell_answer(answer)


@imports.command("enrolments")
@click.argument("series")
@click.argument("file", type=click.File("rb"))
@skips_bad_rows
def import_enrolments(series: str, file: IO[bytes], skip_bad_rows: bool) -> None:
    """Imports people from a CSV or XLSX file and enrols them in a series, without sending e-mail.

    Headings as for people. For existing people, the email is enough. When no places are free, people join the
    waiting list in the order of the file.
    """
    from lms.catalogue.queries.series import get_series
    from lms.enrolment.actions.many import publish_enrolments
    from lms.people.actions.files import stage_people

    with application(), taking(file):
        try:
            series_id = get_series(series, by=SYSTEM).id
        except NotFound as error:
            raise click.ClickException(f"there is no series {series}") from error
        staged = stage_people(file.read())
        tell_answer(publish_enrolments(series_id, staged, skip_bad_rows=skip_bad_rows, by=SYSTEM, at=clock.now()))


@imports.command("attendance")
@click.argument("lecture", type=int)
@click.argument("file", type=click.File("rb"))
@click.option("--format", "form", default="auto", show_default=True, help="Meeting system, or plain.")
@click.option("--time-zone", help="IANA time zone of times without an offset.")
@click.option("--date-order", help="mdy, dmy or ymd, if the file is ambiguous.")
@click.option("--sums", default="", help="add or largest, if a person has several totals without times.")
@click.option(
    "--map",
    "said",
    multiple=True,
    metavar="HEADING=MEANING",
    help="Meaning of a column (email, name, joined_at, left_at, minutes, …) with an unknown heading. Repeatable.",
)
@skips_bad_rows
def import_attendance(
    lecture: int,
    file: IO[bytes],
    form: str,
    time_zone: str | None,
    date_order: str | None,
    sums: str,
    said: tuple[str, ...],
    skip_bad_rows: bool,
) -> None:
    """Imports an attendance report for a lecture, given by its number.

    Accepts reports from Zoom, Teams, Webex, BigBlueButton, Tencent Meeting and Google Meet, or a table (CSV, XLSX) with
    the headings email, joined_at and left_at in any order. A name column can replace or complement email.
    """
    from lms.attendance_imports.actions.imports import publish_attendance
    from lms.attendance_imports.actions.staging import stage_attendance

    mapping = {heading: meaning for heading, _sign, meaning in (one.rpartition("=") for one in said)}
    with application(), taking(file):
        try:
            staged = stage_attendance(
                lecture,
                file.read(),
                file_name=Path(getattr(file, "name", "")).name,
                format=form,
                time_zone=time_zone,
                date_order=date_order,
                mapping=mapping,
                sums=sums,
                by=SYSTEM,
            )
        except NotFound as error:
            raise click.ClickException(f"there is no lecture {lecture}") from error
        tell_answer(publish_attendance(staged, skip_bad_rows=skip_bad_rows, by=SYSTEM, at=clock.now()))


@lms.group()
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
        found = find_series(series)
        if found is None:
            raise click.ClickException(f"there is no series {series}")
        asked = CertificateKind(kind) if kind else None
        result = awards.issue_certificates(found.id, asked, by=SYSTEM, at=clock.now())
        for item in result["refused"]:
            click.echo(f"{item['person']}: {item['reason']}")
        told = [f"{words} {result[name]}" for name, words in COUNTS_OF_ISSUING.items()]
        click.echo(", ".join([*told, f"refused {len(result['refused'])}"]))


@certificates.command("verify")
@click.argument("file", type=click.File("rb"))
def verify_certificate(file: IO[bytes]) -> None:
    """Verifies a certificate PDF or a badge: valid, superseded, revoked, withdrawn, altered or unknown.

    Works offline. If the database cannot be read, checks the signature only. Exits with 0 only if valid.
    """
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
    shown = verdict.shown
    line = f"{verdict.state} {verdict.number or ''}".strip()
    if shown is None:
        line += f" (signature: {verdict.read.seal})"
    elif verdict.state is not VerdictState.WITHDRAWN:
        line += f": {shown.name}, {shown.series}, {shown.kind}, {shown.hours:g} hours, {shown.issued_on}"
    click.echo(line)
    if shown is not None and shown.replaced_by:
        click.echo(f"replaced by {shown.replaced_by}")
    if verdict.is_unsigned:
        click.echo("the file has no signature: it is impossible to tell whether it was altered")
    if shown is None and verdict.is_known:
        click.echo(f"original certificate: {address}")
    if verdict.state is not VerdictState.VALID:
        sys.exit(1)


@lms.group("keys")
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


COUNTS_OF_ISSUING = {"issued": "issued", "already_issued": "already issued", "not_earned": "not earned"}


@contextmanager
def taking(file: IO[bytes]) -> Iterator[None]:
    """Prints every bad row of a file that is refused, before the one line that says so."""
    try:
        yield
    except Invalid as error:
        rows = [fault for fault in error.faults if fault.row is not None]
        if not rows:
            raise
        tell_rejected(rows)
        name = Path(getattr(file, "name", "the file")).name
        raise click.ClickException(
            f"{name}: bad rows: {len(rows)}; nothing was written (--skip-bad-rows imports the others)"
        ) from error


def tell_rejected(rows: Sequence[Fault]) -> None:
    """A line for each bad row."""
    for fault in rows:
        click.echo(f"line {fault.row}: {fault.reason}")


def tell_answer(answer: ImportAnswer) -> None:
    """Prints the counts and notes of an import, and each rejected row."""
    for note in answer.notes:
        click.echo(note)
    if answer.not_read:
        click.echo(f"Not read: {', '.join(answer.not_read)}")
    tell_rejected(answer.rejected)
    for row in answer.unmatched:
        click.echo(f"line {row['row']}: {row.get('name') or row.get('email') or ''}: {row['reason']}")
    counts = ("rows", "created", "updated", "unchanged")
    told = [f"{name} {getattr(answer, name)}" for name in counts]
    told += [f"rejected {len(answer.rejected)}", f"unmatched {len(answer.unmatched)}"]
    click.echo(", ".join(told))


@lms.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", type=click.IntRange(1, 65535), default=8000, show_default=True)
@click.option("--people", type=click.IntRange(min=1), default=None, help="Number of people. Fewer people build faster.")
@click.option("--keep", is_flag=True, help="Serve an existing demonstration even if it is older than a day.")
@click.option("--beside", default="", help="A command that prepares the site meanwhile. Serving begins after it.")
def demo(host: str, port: int, people: int | None, keep: bool, beside: str) -> None:
    """Builds the demonstration programme in its own data folder and serves it."""
    from lms.demo.build import ensure

    overrides = {"database_url": ""}
    if not os.environ.get("LMS_DATA"):
        overrides["data"] = "var/demonstration"
    if not os.environ.get("LMS_BASE_URL"):
        overrides["base_url"] = f"http://127.0.0.1:{port}"
    config = Config.load(None, **overrides)
    with _running(beside):
        ensure(create_app, config, people=people, keep=keep, now=clock.now(), say=click.echo, leave_rest=True)
    click.echo(f"Serving at http://{host}:{port} – sign in as admin@, instructor@, focal.ke@ or trainee@demo.test")
    sys.stdout.flush()
    # Building has started threads, such as the typesetter's, that would be missing in forked web processes
    command = [sys.executable, "-m", "lms", "serve", "--host", host, "--port", str(port)]
    os.execve(command[0], command, {**os.environ, **config.environment()})  # noqa: S606  our own command


@contextmanager
def _running(command: str) -> Iterator[None]:
    """Runs a command beside the block, and waits for it. Raises ClickException where it fails."""
    process = subprocess.Popen(shlex.split(command)) if command else None  # noqa: S603  given at the terminal
    try:
        yield
    except BaseException:
        if process is not None:
            process.terminate()
        raise
    if process is not None and process.wait():
        raise click.ClickException(f"failed: {command}")


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
    match error:
        case click.UsageError(ctx=click.Context() as ctx):
            said = f"{error.format_message()} (see `{ctx.command_path} --help`)"
        case click.ClickException():
            said = error.format_message()
        case DomainError() | BadSetting():
            said = str(error)
        case DBAPIError():
            said = f"cannot use the database: {str(error.orig).strip().splitlines()[0]} (run `lms init` to prepare it)"
        case ArgumentError():
            said = f"cannot use LMS_DATABASE_URL: {error}"
        case ModuleNotFoundError():
            said = f"the module {error.name} is not installed"
        case UnicodeEncodeError():
            said = "the input is not text"
        case OSError():
            said = f"{error.filename or 'the system'}: {error.strerror or error}"
        case _:
            return None
    return " ".join(said.split())


if __name__ == "__main__":
    main()

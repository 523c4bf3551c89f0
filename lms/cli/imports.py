"""Commands that import files."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import click

from lms.cli.context import application
from lms.core.base.errors import Fault, Invalid, NotFound
from lms.core.base.import_answers import ImportAnswer
from lms.core.base.roles import SYSTEM
from lms.core.time import clock


@click.group("import")
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
    from lms.people.actions.files import publish_people
    from lms.people.people_files import stage_people

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
    from lms.people.people_files import stage_people

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
    "columns",
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
    columns: tuple[str, ...],
    skip_bad_rows: bool,
) -> None:
    """Imports an attendance report for a lecture, given by its number.

    Accepts reports from Zoom, Teams, Webex, BigBlueButton, Tencent Meeting and Google Meet, or a table (CSV, XLSX) with
    the headings email, joined_at and left_at in any order. A name column can replace or complement email.
    """
    from lms.attendance_imports.actions.imports import publish_attendance
    from lms.attendance_imports.actions.staging import stage_attendance

    mapping = {heading: meaning for heading, _sign, meaning in (column.rpartition("=") for column in columns)}
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
    parts = [f"{name} {getattr(answer, name)}" for name in counts]
    parts += [f"rejected {len(answer.rejected)}", f"unmatched {len(answer.unmatched)}"]
    click.echo(", ".join(parts))

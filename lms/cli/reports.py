"""Commands about the figures."""

import sys
from datetime import datetime
from pathlib import Path

import click

from lms.cli.context import application
from lms.core.base.roles import SYSTEM
from lms.core.time import clock


@click.group()
def report() -> None:
    """Prints and verifies the figures."""


@report.command("totals")
@click.option("--from", "from_day", type=click.DateTime(["%Y-%m-%d"]), help="First day, in the reporting zone.")
@click.option("--to", "to_day", type=click.DateTime(["%Y-%m-%d"]), help="Last day, included.")
@click.option("--series", help="Slug of a series.")
@click.option("--country", help="Country code.")
@click.option("--region", help="An M49 code of any level.")
@click.option(
    "--partner", type=click.Choice(["true", "false"]), help="Only partner countries (at the time), or only others."
)
@click.option("--sector", help="Sector at the time: government, business, academia, civil_society or other.")
@click.option("--gender", help="Gender at the time: female, male or other.")
@click.option("--language", help="Language code of the lecture.")
@click.option("--source", help="How people attended: live, group, replay or manual.")
@click.option("--by", "dimensions", default="", help="One dimension, or two separated by a comma: country,year.")
@click.option(
    "--format", "kind", type=click.Choice(["table", "json", "csv", "xlsx"]), default="table", show_default=True
)
@click.option(
    "--output", type=click.Path(dir_okay=False, path_type=Path), help="Output file. Default: standard output."
)
def report_totals(
    from_day: datetime | None, to_day: datetime | None, dimensions: str, kind: str, output: Path | None, **filters: str
) -> None:
    """Prints all figures, optionally filtered and grouped, as of now."""
    from lms.reports.documents import report_files as files
    from lms.reports.queries.figures import count
    from lms.reports.rules import Slice

    if kind == "xlsx" and output is None and sys.stdout.isatty():
        raise click.UsageError("Cannot print XLSX to a terminal. Use --output.")
    partner = None if filters["partner"] is None else filters.pop("partner") == "true"
    slice_ = Slice(
        from_day=from_day.date() if from_day else None,
        to_day=to_day.date() if to_day else None,
        **(filters | {"partner": partner}),  # type: ignore[arg-type]
    )
    with application():
        by = tuple(name.strip() for name in dimensions.split(",")) if dimensions else ()
        counted = count(slice_, by, by=SYSTEM, at=clock.now())
        if kind == "xlsx":
            content = files.as_xlsx(counted)
        elif kind == "json":
            content = files.as_json(counted).encode()
        elif kind == "csv":
            content = "".join(files.as_csv(counted)).encode()
        else:
            content = "".join(f"{line}\n" for line in files.as_text(counted)).encode()
    if output is not None:
        output.write_bytes(content)
    else:
        sys.stdout.buffer.write(content)


@report.command("rebuild")
def report_rebuild() -> None:
    """Rebuilds the facts of all lectures, from which figures are counted, from the rows."""
    from lms.attendance.actions.facts import rebuild_facts

    with application():
        click.echo(f"lectures {rebuild_facts(by=SYSTEM)}")


@report.command("verify")
def report_verify() -> None:
    """Recounts outcomes, figures and the seats of every series from the rows. Exits with 1 on a difference."""
    from lms.enrolment.queries.seats import seat_differences
    from lms.nominations.queries.of_country import held_seats
    from lms.reports import recount, recounted_outcomes
    from lms.reports.recounted_rows import RecountRows
    from lms.reports.rules import Slice

    at = clock.now()
    with application():
        rows = RecountRows(clock.reporting_zone())
        lines = recount.facts_differences(rows)
        wrong = len(lines)
        for line in lines:
            click.echo(line, err=True)
        click.echo(f"facts: {'agree' if not lines else f'{len(lines)} differ'}")
        lines = recounted_outcomes.outcome_differences()
        wrong += len(lines)
        for line in lines:
            click.echo(line, err=True)
        click.echo(f"outcomes: {'agree' if not lines else f'{len(lines)} lectures differ'}")
        questions = [(Slice(), dimensions) for dimensions in recount.QUESTIONS]
        questions += [(slice_, ("country", "year")) for slice_ in recount.SLICES]
        for slice_, dimensions in questions:
            lines = recount.differences(rows, slice_, dimensions, at)
            wrong += len(lines)
            for line in lines:
                click.echo(line, err=True)
            filters = [f"{name} {value}" for name, value in slice_.filters.items()]
            what = " and ".join([*dimensions, *filters]) or "everything"
            click.echo(f"by {what}: {'agrees' if not lines else f'{len(lines)} figures differ'}")
        lines = list(seat_differences(held_seats()))
        wrong += len(lines)
        for line in lines:
            click.echo(line, err=True)
        click.echo(f"seats: {'agree' if not lines else f'{len(lines)} differ'}")
    if wrong:
        raise click.ClickException(f"{wrong} figures differ from the rows")

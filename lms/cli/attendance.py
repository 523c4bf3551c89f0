"""Commands about recorded attendance."""

import click

from lms.cli.context import application
from lms.core.base.errors import NotFound
from lms.core.base.roles import SYSTEM
from lms.core.time import clock


@click.group()
def attendance() -> None:
    """Manages recorded attendance."""


@attendance.command()
@click.option("--series", help="Only lectures of this series (slug).")
@click.option("--lecture", type=int, help="Only the lecture with this number.")
def recompute(series: str | None, lecture: int | None) -> None:
    """Recounts the attendance of held lectures from the evidence and saves only differences.

    Each lecture is a transaction of its own: stopped midway and run again, it comes to the same.
    """
    from lms.attendance.actions.recompute import recompute_lectures
    from lms.attendance.queries.outcomes import held_lectures

    with application():
        try:
            lectures = held_lectures(slug=series, lecture_id=lecture, by=SYSTEM)
        except NotFound as error:
            what = f"lecture {lecture}" if lecture is not None else f"series {series}"
            raise click.ClickException(f"there is no {what}") from error
        result = recompute_lectures(lectures, by=SYSTEM, at=clock.now())
        for failure in result["left_out"]:
            click.echo(f"lecture {failure['lecture']}: {failure['reason']}")
        click.echo(f"lectures {result['lectures']}, changed {result['changed']}, left out {len(result['left_out'])}")

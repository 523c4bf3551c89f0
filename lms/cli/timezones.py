"""The commands about the time zone database."""

import sys

import click

from lms.cli.context import application


@click.group()
def timezones() -> None:
    """What a new time zone database changes."""


@timezones.command("check")
@click.option("--apply", is_flag=True, help="Move the lectures and send the updates.")
def check_timezones(apply: bool) -> None:
    """Compares lectures to come with the time zone database of this machine.

    Run it after each update of the operating system, or of the package tzdata, that changes time zones. Lectures keep
    their local time. Prints each one that begins at another moment now, and how many people are enrolled; with
    --apply moves it, and sends them the new time and an update for their calendars. Exits with 1 if the local time of
    a lecture no longer exists, or occurs twice: give it another one.
    """
    from lms.catalogue.actions.time_zones import apply_shifts, find_shifts, keep_version, last_version
    from lms.core.time import clock, zones

    with application():
        at = clock.now()
        shifts = find_shifts(at=at)
        click.echo(f"time zones: {zones.version()}, checked before with: {last_version() or '-'}")
        for shift in shifts:
            after = f"{shift.after:%Y-%m-%d %H:%M}" if shift.after is not None else "?"
            click.echo(
                f"lecture {shift.lecture_id} “{shift.title}”: {shift.local_start:%Y-%m-%d %H:%M} {shift.time_zone}, "
                f"UTC {shift.before:%Y-%m-%d %H:%M} → {after}, {shift.enrolled} enrolled"
            )
            if shift.reason:
                click.echo(f"  {shift.reason}")
        unclear = sum(one.after is None for one in shifts)
        if apply:
            click.echo(f"moved {apply_shifts(shifts, at=at)}, to decide {unclear}")
        elif not shifts:
            keep_version(moved=0, at=at)
            click.echo("No lecture begins at another moment.")
        else:
            click.echo(
                f"to move {len(shifts) - unclear}, to decide {unclear}. Nothing was changed: run it with --apply."
            )
        if unclear:
            sys.exit(1)

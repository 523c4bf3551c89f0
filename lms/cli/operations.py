"""Commands that look after an installation."""

import sys
import time
from pathlib import Path

import click

from lms.cli.context import application
from lms.core.time import clock


@click.command()
@click.option("--no-copy", is_flag=True, help="Do not copy the database before migrating it.")
def init(no_copy: bool) -> None:
    """Creates or migrates the database, loads the countries and creates the key that signs certificates.

    Before it migrates an existing database it puts a copy in the data folder (before-<revision>-<time>).
    """
    from lms.app import create_app
    from lms.operations.initialise import initialise

    app = create_app()
    config = app.extensions["lms.config"]
    with app.app_context():
        initialise(config, copies=not no_copy, tell=click.echo, at=clock.now())
    click.echo(f"Ready: {config.folder}")


FOLDER = click.Path(path_type=Path, file_okay=False)


class ProgressLine:
    """How far a command is, on standard error: one line that is rewritten on a terminal, else one line a phase."""

    def __init__(self) -> None:
        self._rewrites = sys.stderr.isatty()
        self._phase = ""
        self._began = time.monotonic()

    def __call__(self, line: str) -> None:
        if self._rewrites:
            click.echo(f"\r{line}\x1b[K", err=True, nl=False)
        elif (phase := line.partition(":")[0]) != self._phase:
            self._phase = phase
            click.echo(line, err=True)

    def end(self) -> str:
        """Ends the line; returns how long it took, in words."""
        if self._rewrites:
            click.echo("\r\x1b[K", err=True, nl=False)
        return f"{time.monotonic() - self._began:.1f} s"


@click.command()
@click.argument("folder", type=FOLDER)
@click.option("--since", type=FOLDER, help="An earlier backup on the same disk. Unchanged files are linked to it.")
@click.option(
    "--without-files", is_flag=True, help="Leave out the stored files: object storage keeps versions of them."
)
def backup(folder: Path, since: Path | None, without_files: bool) -> None:
    """Backs up the database, keys and files to a new folder. The site can stay in use.

    Prints what it holds. The backup has everything that the data folder has, in clear: guard it the same way.
    """
    from lms.operations.backup import take_backup

    progress = ProgressLine()
    with application() as config:
        taken = take_backup(folder, config, since=since, with_files=not without_files, tell=progress, at=clock.now())
    seconds = progress.end()
    for path in taken.damaged:
        click.echo(f"copied again, because {since}/{path} is damaged or unreachable", err=True)
    files = len(taken.manifest.files)
    megabytes = f"{taken.size / 1_000_000:,.1f} MB"
    click.echo(f"{folder}: {files:,} files, {taken.linked:,} of them linked, {megabytes}, {seconds}")


@click.command()
@click.argument("folder", type=FOLDER)
@click.option(
    "--journal",
    type=click.Path(path_type=Path, dir_okay=False),
    help="A journal.jsonl from the lost installation, newer than the backup.",
)
def restore(folder: Path, journal: Path | None) -> None:
    """Restores a backup into the configured data folder and database, which must be empty.

    Checks the whole backup first. Nothing is mailed again, all sessions and API tokens end, and what the journal
    says was erased or revoked is erased and revoked again. A backup of an older version is migrated.
    """
    from lms.app import create_app
    from lms.config import Config
    from lms.operations.restore import restore as put_back

    progress = ProgressLine()
    config = Config.load()
    done = put_back(folder, config, create_app, extra_journal=journal, tell=progress, at=clock.now())
    seconds = progress.end()
    stopped = done.stopped
    click.echo(f"Restored the backup of {done.manifest.taken_at} to {config.folder} in {seconds}.")
    if done.is_migrated:
        click.echo("The database had an older version and was migrated.")
    click.echo(
        f"Not repeated: {stopped.mails} e-mails, {stopped.jobs} jobs, {stopped.reports} scheduled reports. "
        f"Ended: {stopped.sessions} sessions, {stopped.tokens} API tokens."
    )
    replayed = ", ".join(f"{name} {count}" for name, count in done.replayed.items()) or "nothing"
    click.echo(f"Journal: {done.entries} entries, replayed: {replayed}.")
    if done.unreadable:
        click.echo(f"{done.unreadable} lines of the journal cannot be read. Check them manually.", err=True)
    if not done.manifest.has_files:
        click.echo("The backup has no stored files. LMS_FILES must name the storage that has them.", err=True)
    if not done.manifest.has_secret_key and not config.secret_key:
        click.echo(
            "The backup was taken with LMS_SECRET_KEY set. Set the same value before you start the server.", err=True
        )
    click.echo("Next: `lms check`, then `lms serve`.")


@click.command()
@click.option(
    "--to",
    "address",
    prompt="Address of the new database",
    hide_input=True,
    help="`postgresql://…`, or `sqlite` for the file in the data folder. Asked for if it is not given: other users of "
    "the machine can read a command.",
)
def move(address: str) -> None:
    """Moves all rows to another, empty database: from SQLite to PostgreSQL or back. Stop the site first.

    The data folder stays where it is. Every row is read again from the new database and compared. The old database is
    left as it is.
    """
    from lms.app import create_app
    from lms.config import Config
    from lms.operations.moving import move_database

    progress = ProgressLine()
    target = Config.load(database_url="" if address == "sqlite" else address)
    with application() as config:
        rows = move_database(config, target, create_app, tell=progress, at=clock.now())
    seconds = progress.end()
    click.echo(f"Moved {rows:,} rows in {seconds}. All are the same there.")
    setting = "Remove LMS_DATABASE_URL" if target.sqlite_file else "Set LMS_DATABASE_URL to the new address"
    click.echo(f"Next: {setting}, run `lms report verify`, then start the site.")


@click.command()
@click.option("--quick", is_flag=True, help="Skip the checks that read everything: references, facts, certificates.")
def check(quick: bool) -> None:
    """Checks the database, files, certificates, mail, worker and settings. Exits with 1 if there is a fault.

    Prints a line for each thing that was looked at, and beneath it what to do. Changes nothing.
    """
    from lms.operations.check import check as findings
    from lms.operations.checks.model import CheckContext, Level

    faults = warnings = 0
    with application() as config:
        for finding in findings(CheckContext(config, clock.now(), is_quick=quick)):
            click.echo(f"{finding.level:8} {finding.about}: {finding.text}")
            if finding.remedy:
                click.echo(f"{'':8} → {finding.remedy}")
            faults += finding.level is Level.FAULT
            warnings += finding.level is Level.WARNING
    click.echo(f"faults {faults}, warnings {warnings}")
    if faults:
        sys.exit(1)

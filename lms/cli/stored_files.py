"""Commands for stored files."""

import click

from lms.cli.context import application
from lms.cli.operations import ProgressLine
from lms.core.time import clock

FOLDER_NAME = "folder"


@click.group()
def stored_files() -> None:
    """Commands for stored files: materials, certificates, recordings and all others."""


@stored_files.command()
@click.option("--to", "target", required=True, help="s3://bucket/prefix?endpoint=…&region=…, or `folder`.")
@click.option("--from", "source", default="", help="The same, of where they are. Without it, LMS_FILES.")
def move(source: str, target: str) -> None:
    """Copies all stored files to object storage or back to the data folder. The site can stay in use.

    Run it again if it is interrupted: it continues. At its end it compares the checksums of all files and prints what
    to set. Nothing is deleted where the files were. Credentials are those of LMS_FILES_ACCESS_KEY or AWS_….
    """
    from lms.config import BadSetting, Config
    from lms.core.storage.files import make_store
    from lms.operations.file_moving import copy_files

    progress = ProgressLine()
    with application() as config:
        addresses = {"--from": source or config.files or FOLDER_NAME, "--to": target}
        for option, address in addresses.items():
            try:
                Config.load({}, files="" if address == FOLDER_NAME else address)
            except BadSetting as error:
                raise click.BadParameter(str(error).partition(": ")[2], param_hint=option) from error
        if addresses["--from"] == addresses["--to"]:
            raise click.UsageError("The files are there already.")
        stores = [make_store("" if address == FOLDER_NAME else address, config) for address in addresses.values()]
        is_used = (config.files or FOLDER_NAME) == target
        moved = copy_files(*stores, name=addresses["--from"], is_target_used=is_used, tell=progress, at=clock.now())
    seconds = progress.end()
    megabytes = f"{moved.byte_count / 1_000_000:,.1f} MB"
    click.echo(f"Copied {moved.copied:,} files, {megabytes}, in {seconds}. {moved.present:,} were there already.")
    if moved.deleted:
        click.echo(f"Deleted {moved.deleted:,} files that are no longer in {addresses['--from']}.")
    if moved.newer:
        click.echo(f"{moved.newer:,} files were stored in {target} since and were left as they are.")
    if moved.differing:
        for key in moved.differing[:10]:
            click.echo(f"not the same: {key}", err=True)
        raise click.ClickException(f"{len(moved.differing):,} files are not the same. Run the command again.")
    click.echo("The checksums of all copied files are the same.")
    if not is_used:
        value = "" if target == FOLDER_NAME else target
        click.echo(
            f"Next: set LMS_FILES={value} for every process, restart them, then run\n"
            f"  lms files move --from '{addresses['--from']}' --to '{target}'\n"
            "once more for what was stored until the restart."
        )

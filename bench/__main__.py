"""The command: `python -m bench` measures, `python -m bench profile PATH` tells where a request's time goes."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import click

from bench.aims import TOPICS
from bench.profile import profile
from bench.registry import topics
from bench.served import ROOT
from bench.site import FOLDER, Bench
from bench.table import CannotMeasure, Row, as_text
from bench.topics.walks import check_document
from bench.viewers import compare


@click.group(invoke_without_command=True)
@click.option("--only", multiple=True, metavar="NAME", help="A topic; may be given several times.")
@click.option("--all", "all_wanted", is_flag=True, help="Every topic. Default: those with aims of speed, at full size.")
@click.option("--json", "json_wanted", is_flag=True, help="Prints a list of rows as JSON.")
@click.option(
    "--data", default=FOLDER, type=click.Path(path_type=Path), help="The folder to work in; default var/bench."
)
@click.option("--full", is_flag=True, help="As much as the reports are made for: ten million attendances.")
@click.option("--tiny", is_flag=True, help="As little as shows that it runs; the figures say nothing.")
@click.pass_context
def main(
    ctx: click.Context,
    only: tuple[str, ...],
    all_wanted: bool,
    json_wanted: bool,
    data: Path,
    full: bool,
    tiny: bool,
) -> None:
    """Measures, and prints a table. Exit 0 also where an aim is missed; 1 where something could not be measured.

    1 too where a walk differs much from what docs/ARCHITECTURE.md says.
    """
    bench = ctx.obj = Bench(data, is_tiny=tiny, is_full=full or not (only or all_wanted))
    if ctx.invoked_subcommand is not None:
        return
    known = topics()
    unknown = [name for name in only if name not in known]
    if unknown:
        raise click.UsageError(f"there is no topic {', '.join(unknown)}; there are {', '.join(sorted(known))}")
    rows: list[Row] = []
    failed = False
    try:
        for name in only or (known if all_wanted else TOPICS):
            began = time.monotonic()
            try:
                measured = list(known[name](bench))
                if not measured:
                    raise CannotMeasure("it has no rows")
                rows += measured
                if name == "walks":
                    failed |= _check_walks(measured, is_written=not tiny)
            except CannotMeasure as error:
                failed = True
                click.echo(f"bench: {name} could not be measured: {error}", err=True)
            click.echo(f"{name}: {time.monotonic() - began:.0f} s", err=True)
    finally:  # what was measured is told, whatever came after it
        bench.close()
        click.echo(json.dumps([row.as_json() for row in rows], indent=1) if json_wanted else as_text(rows))
    if failed:
        sys.exit(1)


def _check_walks(rows: list[Row], *, is_written: bool) -> bool:
    """Writes the walks into docs/ARCHITECTURE.md; whether one differs much from what stood there."""
    differing = check_document(rows, ROOT / "docs" / "ARCHITECTURE.md", is_written=is_written)
    for line in differing:
        click.echo(f"bench: docs/ARCHITECTURE.md, {line}", err=True)
    return bool(differing)


main.add_command(profile)
main.add_command(compare)

if __name__ == "__main__":
    main(prog_name="python -m bench")

"""How long somebody who tries Serai waits: from `lms demo` in an empty folder to the first page."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator

from bench.registry import topic
from bench.served import free_port, serving
from bench.site import Bench
from bench.table import Aim, CannotMeasure, Row
from lms.demo.population import FEWEST, FULL_SCALE

AIM, PATIENCE = Aim(45), 900


@topic("first-page")
def first_page(bench: Bench) -> Iterator[Row]:
    """The demonstration at its full size, built once by the clock: on a machine that does nothing else."""
    folder = bench.folder / "first-page"
    shutil.rmtree(folder, ignore_errors=True)
    port = free_port()
    command = ["-m", "lms", "demo", "--port", str(port), "--people", str(bench.of(FULL_SCALE, FEWEST))]
    began = time.monotonic()
    try:
        with serving(command, port, {"LMS_DATA": str(folder)}, seconds=PATIENCE) as served:
            if served.ask("/").status != 200:
                raise CannotMeasure("the first page is not answered")
            yield Row("first page of a new demonstration", time.monotonic() - began, "s", aim=AIM)
    finally:
        shutil.rmtree(folder, ignore_errors=True)

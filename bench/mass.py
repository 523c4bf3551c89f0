"""All certificates of a series, from issuing to the printer, in a process of its own whose memory is watched.

`python -m bench.mass FOLDER` takes a data folder in which everybody has earned one, and answers `Stages` as JSON.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from bench.database import opened, spent_on
from bench.programme import ENDED, SERIES
from bench.served import memory_kb
from lms.certificates.actions import batch_render, bundles
from lms.certificates.actions.awards import issue_certificates
from lms.core.base.roles import SYSTEM

ISSUED = ENDED + timedelta(days=1)
PAUSE = 0.2
"""Seconds between two looks at the memory: a stage takes many."""


@dataclass(frozen=True)
class Stage:
    """How many it came to; of this process and those it began: seconds of the processor, the most memory in MB.

    `wall` are the seconds by the clock.
    """

    cpu: float
    wall: float
    count: int
    memory: float


Stages = dict[str, Stage]


def run(folder: Path) -> Stages:
    """Issues, makes the files by as many processes as there are cores, and puts them into a ZIP and into one PDF."""
    with opened(folder):
        return {
            "issued": _watched(lambda: issue_certificates(SERIES, by=SYSTEM, at=ISSUED)["issued"]),
            "made": _watched(lambda: batch_render.fill(SERIES, _unheard).made),
            "zip": _watched(lambda: bundles.make_bundle(1, SERIES, "zip", _unheard)["count"]),
            "pdf": _watched(lambda: bundles.make_bundle(2, SERIES, "pdf", _unheard)["count"]),
        }


def _unheard(_done: int, _total: int) -> None:
    """Progress that nobody reads."""


def _watched(work: Callable[[], Any]) -> Stage:
    seen, is_over, before = [_memory()], threading.Event(), _processor()

    def look() -> None:
        while not is_over.wait(PAUSE):
            seen.append(_memory())

    watch = threading.Thread(target=look)
    watch.start()
    try:
        spent, count = spent_on(work)
    finally:
        is_over.set()
        watch.join()
    return Stage(_processor() - before, spent.wall, count, max(*seen, _memory()))


def _processor() -> float:
    """Seconds of the processor that this process and those that it began and that have ended took so far."""
    used = [resource.getrusage(whose) for whose in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)  # finer than the ticks of os.times


def _memory() -> float:
    """MB that this process and its children hold, what several share counted once between them (PSS)."""
    return sum(memory_kb(process) for process in [os.getpid(), *_children()]) / 1000


def _children() -> list[int]:
    children: list[int] = []
    for task in Path("/proc/self/task").iterdir():
        with suppress(OSError):  # a thread that has ended meanwhile
            children += map(int, (task / "children").read_text().split())
    return children


if __name__ == "__main__":
    print(json.dumps({name: asdict(stage) for name, stage in run(Path(sys.argv[1])).items()}))

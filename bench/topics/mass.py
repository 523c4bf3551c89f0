"""Ten thousand certificates from issuing to the printer: how long, and the most memory beside that of a thousand."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator

from bench.aims import CERTIFICATES_SECONDS
from bench.database import copied, opened
from bench.mass import Stage, Stages
from bench.programme import attendance_file, people_file, prepare_lecture, take_attendance, take_enrolments
from bench.registry import topic
from bench.served import ROOT
from bench.site import Bench
from bench.table import CannotMeasure, Row

WORDS = {
    "issued": "certificates recorded",
    "made": "… set, signed, kept by processes",
    "zip": "… put into one ZIP",
    "pdf": "… put into one PDF to print",
}


@topic("mass")
def mass(bench: Bench) -> Iterator[Row]:
    """Issues to everybody who came, makes all files, and both bundles; memory may not grow with how many they are."""
    count = bench.of(10_000, 4)
    few, many = _run(bench, bench.of(1_000, 2)), _run(bench, count)
    if {stage.count for stage in many.values()} != {count}:
        raise CannotMeasure(f"of {count} certificates came {many}")
    for name, stage in many.items():
        yield Row(f"{count:,} {WORDS[name]}", stage.cpu, "CPU s", rate=count / stage.wall)
        # What few take is the baseline: the same memory whatever their number is a ratio of 1
        yield Row(f"{count:,} {WORDS[name]}, memory", stage.memory, "MB", baseline=few[name].memory)
    yield Row(f"{count:,} {WORDS['made']}, all", many["made"].wall, "s", aim=CERTIFICATES_SECONDS)


def _run(bench: Bench, count: int) -> Stages:
    folder = copied(bench.prepared, bench.folder / "mass")
    with opened(folder):
        lecture_id = prepare_lecture()
        take_enrolments(people_file(count))
        take_attendance(lecture_id, attendance_file(count))
    command = [sys.executable, "-m", "bench.mass", str(folder)]
    done = subprocess.run(command, capture_output=True, cwd=ROOT, check=False)  # noqa: S603
    if done.returncode:
        raise CannotMeasure(f"the run failed: {done.stderr.decode(errors='replace').strip()[-500:]}")
    shutil.rmtree(folder)
    return {name: Stage(**stage) for name, stage in json.loads(done.stdout).items()}

"""Files taken in, against `executemany` of the very rows that they leave in the very tables."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median

from bench.database import Spent, added_rows, copied, insert_barely, opened, spent_on
from bench.programme import (
    attendance_file,
    people_file,
    prepare_lecture,
    take_attendance,
    take_enrolments,
    take_people,
)
from bench.registry import topic
from bench.site import Bench
from bench.table import CannotMeasure, Row
from lms.core.base.import_answers import ImportAnswer

ROUNDS = 3


@topic("imports")
def imports(bench: Bench) -> Iterator[Row]:
    """Each file into a database without its rows, three times; and its rows barely into a copy of that database."""
    count = bench.of(20_000, 50)
    nobody = bench.prepared
    people = people_file(count)
    yield _measured(bench, "import people", count, nobody, lambda: take_people(people))
    known = copied(nobody, bench.folder / "imports-known")
    with opened(known):
        take_people(people)
        lecture_id = prepare_lecture()
    yield _measured(bench, "import enrolments", count, known, lambda: take_enrolments(people))
    with opened(known):
        take_enrolments(people)
    attendance = attendance_file(count)
    yield _measured(bench, "import attendance, plain", count, known, lambda: take_attendance(lecture_id, attendance))


def _measured(bench: Bench, what: str, count: int, before: Path, take: Callable[[], ImportAnswer]) -> Row:
    ours: list[Spent] = []
    bare: list[Spent] = []
    for _turn in range(bench.of(ROUNDS, 1)):
        after = copied(before, bench.folder / "imports-after")
        with opened(after):
            spent, answer = spent_on(take)
        if answer.created != count:
            raise CannotMeasure(f"{what}: {answer.created} of {count} rows were taken")
        ours.append(spent)
        rows = added_rows(before, after)
        target = copied(before, bench.folder / "imports-bare")
        bare.append(spent_on(lambda target=target, rows=rows: insert_barely(target, rows))[0])  # type: ignore[misc]
    thousands = count / 1000
    return Row(
        f"{what}, a thousand rows",
        median(one.cpu for one in ours) * 1000 / thousands,
        "CPU ms",
        baseline=median(one.cpu for one in bare) * 1000 / thousands,
        rate=count / median(one.wall for one in ours),
    )

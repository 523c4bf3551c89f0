"""Order and doubling of evidence never change a credit: beats, reports and groups as they come, corrections last."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from lms.attendance.actions import corrections
from lms.attendance.actions.credits import credit_lecture
from lms.attendance.actions.room import open_join, record_beat
from lms.attendance.models.credits import Credit, Outcome
from lms.attendance_imports.actions.imports import publish_attendance
from lms.attendance_imports.actions.staging import stage_attendance
from lms.catalogue.actions.states import end_lecture
from lms.core.background import jobs
from lms.core.base.roles import SYSTEM
from lms.core.database.session import db
from lms.viewing_groups import queries as viewing
from lms.viewing_groups.actions.groups import GroupInput, open_group, tick
from lms.viewing_groups.actions.signing import Basis, sign_group
from tests.attendance.scene import END, START, Scene, minute

pytestmark = [pytest.mark.databases, pytest.mark.usefixtures("context")]
NAMES = ("Ada", "Ben", "Cyr")
LATER = END + timedelta(hours=1)
Beat = tuple[int, int, int]  # join, number, second of the lecture
Stay = tuple[str, int, int]  # who, from and to (minutes of the lecture)
Result = dict[str, tuple[Any, ...]]

who = st.sampled_from(NAMES)
stays = st.tuples(who, st.integers(-10, 85), st.integers(11, 60)).map(lambda one: (one[0], one[1], one[1] + one[2]))
beats = st.tuples(st.integers(0, 3), st.integers(0, 30), st.integers(0, 90 * 60))


@pytest.fixture
def scene(make: Any, context: None) -> Scene:
    return Scene(make)


class Run:
    """One lecture of the scene, with evidence in an order of its own."""

    numbers = count()

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.id = scene.make.lecture(
            scene.series, title=f"Run {next(self.numbers)}", state="live", starts_at=START, actual_start=START
        ).id
        people = [scene.people[name].id for name in (*NAMES, "Ada")]  # Ada has two devices
        self.joins = [
            open_join(self.id, person_id, by=SYSTEM, at=minute(number)).id for number, person_id in enumerate(people)
        ]

    def beat(self, one: Beat) -> None:
        join, number, second = one
        record_beat(self.joins[join], number, at=START + timedelta(seconds=second))

    def file(self, rows: Sequence[Stay]) -> None:
        if not rows:
            return
        lines = [f"{name.lower()}@x.example,{minute(a).isoformat()},{minute(b).isoformat()}\n" for name, a, b in rows]
        content = ("email,joined_at,left_at\n" + "".join(lines)).encode()
        staged = stage_attendance(self.id, content, file_name="a.csv", by=SYSTEM)
        publish_attendance(staged, by=SYSTEM, at=LATER)

    def end(self) -> None:
        end_lecture(self.id, by=SYSTEM, at=LATER, ended_at=END)
        jobs.run_due()

    def group(self, names: Sequence[str], *, times: int = 1) -> None:
        if not names:
            return
        draft = GroupInput("Nairobi", "Room 4", "Jane Wanjiru", 3, "Africa/Nairobi")
        group = open_group(self.id, draft, country="KE", by=SYSTEM, at=LATER)[0]
        basis = Basis(start=datetime(2026, 11, 4, 9, 20), until=datetime(2026, 11, 4, 10, 20))  # noqa: DTZ001
        people = [self.scene.people[name].public_id for name in names]
        tick(group, add=people, by=SYSTEM, at=LATER)
        for _time in range(times):
            view = viewing.get_group(group, by=SYSTEM)
            mark = viewing.list_of_group(view, by=SYSTEM, at=LATER).mark
            sign_group(group, basis=basis, mark=mark, by=SYSTEM, at=LATER)

    def correct(self, names: Sequence[str]) -> None:
        for name in names:
            person = self.scene.people[name].public_id
            corrections.correct(self.id, person, outcome=Outcome.EXCUSED, reason="ill", by=SYSTEM, at=LATER)

    def result(self) -> Result:
        names = {person.id: name for name, person in self.scene.people.items()}
        columns = (Credit.present_ms, Credit.percent_tenths, Credit.outcome, Credit.source)
        query = select(Credit.person_id, *columns).where(Credit.lecture_id == self.id)
        return {names[person_id]: tuple(values) for person_id, *values in db.session.execute(query)}


@settings(max_examples=settings.default.max_examples // 3, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    seen=st.lists(beats, max_size=12, unique_by=lambda one: one[:2]),
    rows=st.lists(stays, max_size=8),
    watching=st.lists(who, unique=True, max_size=2),
    corrected=st.lists(who, unique=True, max_size=1),
    data=st.data(),
)
def test_order_and_doubling_change_nothing(
    scene: Scene, seen: list[Beat], rows: list[Stay], watching: list[str], corrected: list[str], data: st.DataObject
) -> None:
    plain = Run(scene)
    for one in seen:
        plain.beat(one)
    plain.end()
    plain.file(rows)
    plain.group(watching)
    plain.correct(corrected)
    mixed = Run(scene)
    again = data.draw(st.lists(st.sampled_from(seen), max_size=6)) if seen else []
    early = data.draw(st.integers(0, len(rows)))
    shuffled = data.draw(st.permutations(rows))
    pieces: list[tuple[str, Any]] = [("beat", one) for one in [*seen, *again]]
    pieces += [("file", shuffled[:early]), ("file", shuffled[:early])]
    for kind, piece in data.draw(st.permutations(pieces)):
        mixed.beat(piece) if kind == "beat" else mixed.file(piece)
    mixed.end()
    late = [("group", watching), ("file", shuffled[early:]), ("file", shuffled)]
    for kind, piece in data.draw(st.permutations(late)):
        mixed.group(piece, times=2) if kind == "group" else mixed.file(piece)
    mixed.correct(corrected)
    mixed.correct(corrected)
    credit_lecture(mixed.id, by=SYSTEM, at=LATER)
    assert mixed.result() == plain.result()

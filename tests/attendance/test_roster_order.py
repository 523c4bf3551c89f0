"""The order of a roster is read once, and again when anything of it changes."""

from __future__ import annotations

import re
from typing import Any

import pytest
from apiflask import APIFlask

from lms.attendance.queries import roster as queries
from lms.attendance.queries.roster_query import _TABLES, STAMP, roster_order
from lms.catalogue.queries.lectures import get_lecture
from lms.core.base.lists import ListRequest
from lms.core.base.roles import SYSTEM
from lms.core.database.cache_versions import memory
from lms.core.database.session import Base, db
from lms.people.actions.merging import merge_people, undo_merge
from tests.attendance.scene import END, Scene
from tests.queries import statements

pytestmark = [pytest.mark.databases, pytest.mark.usefixtures("context")]
LOOKED_AT = {"beat", "correction", "join", "stamp"}


@pytest.fixture
def scene(make: Any, context: None) -> Scene:
    return Scene(make)


def names(scene: Scene) -> list[str]:
    db.session.rollback()
    return [row.full_name for row in queries.roster(scene.lecture.id, by=scene.admin, limit=None)]


@pytest.fixture
def shown(scene: Scene) -> Scene:
    scene.admin = scene.make.actor(roles=["administrator"])  # type: ignore[attr-defined]
    assert names(scene) == ["Ada", "Ben", "Cyr"]
    return scene


def test_it_is_read_once(app: APIFlask, shown: Scene) -> None:
    lecture = get_lecture(shown.lecture.id, by=SYSTEM)
    memory(STAMP).clear()
    with statements(app) as first:
        order = roster_order(lecture, shared_only=True)
    read = set(re.findall(r'(?:FROM|JOIN|,) "?(\w+)"?', " ".join(first))) & set(Base.metadata.tables)
    assert read <= _TABLES | LOOKED_AT
    with statements(app) as again:
        assert roster_order(lecture, shared_only=True) == order
    assert len(again) == 3  # the stamp, corrections and those in the room, whether there are heartbeats
    tables = set(re.findall(r'(?:FROM|JOIN|,) "?(\w+)"?', " ".join(again))) & set(Base.metadata.tables)
    assert tables <= LOOKED_AT | {"person"}


def test_whoever_comes_goes_or_is_renamed_changes_it(shown: Scene) -> None:
    shown.make.enrolment(shown.series, shown.make.person("Bao", email="bao@x.example"), at=shown.lecture.created_at)
    assert names(shown) == ["Ada", "Bao", "Ben", "Cyr"]
    guest = shown.make.person("Abel", email="abel@x.example")
    shown.publish(("abel@x.example", 0, 30), ("unknown@x.example", 0, 30))
    assert names(shown) == ["Abel", "Ada", "Bao", "Ben", "Cyr"]
    assert queries.roster_totals(shown.lecture.id, by=shown.by).unmatched == 1
    admin = shown.admin  # type: ignore[attr-defined]
    merge_people(shown.people["Ada"].public_id, guest.public_id, reason="The same person", by=admin, at=END)
    assert len(names(shown)) == 4
    undo_merge(guest.public_id, by=admin, at=END)
    assert len(names(shown)) == 5


def test_pages_of_it_join_without_gap_or_repetition(shown: Scene) -> None:
    by = shown.admin  # type: ignore[attr-defined]
    first, second = (
        queries.get_roster_page(shown.lecture.id, by=by, request=ListRequest(page=page, size=2), at=END)
        for page in (1, 2)
    )
    assert [row.full_name for row in [*first.rows, *second.rows]] == ["Ada", "Ben", "Cyr"]
    assert (first.totals.people, first.matching, second.matching) == (3, 3, 3)

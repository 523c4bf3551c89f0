"""Drafts that were never published are deleted, with what belongs to them; nothing else is."""

from __future__ import annotations

import io
from datetime import datetime, timedelta

import pytest
from apiflask import APIFlask
from sqlalchemy import func, select

from lms.catalogue.actions.lectures import delete_draft
from lms.catalogue.actions.publishing import unpublish_lectures
from lms.catalogue.actions.states import publish_lecture
from lms.catalogue.models import Lecture, LectureChange
from lms.core.base.errors import NotFound, Refused
from lms.core.database.audit import AuditEntry
from lms.core.database.session import Base, db
from lms.core.storage import files
from lms.materials.actions import upload_file
from lms.materials.models import Audience, LectureFile
from lms.people.models import Person
from tests.contracts.world import PNG
from tests.enrolment.conftest import Reader
from tests.factories import Make

pytestmark = pytest.mark.databases


@pytest.fixture
def lin(make: Make) -> Person:
    return make.person("Lin", "lin@x.example", roles=["instructor"])


@pytest.fixture
def draft(make: Make, lin: Person, at: datetime) -> Lecture:
    series = make.series("trade", "Trade", instructors=[lin])
    return make.lecture(series, "Opening", state="draft", starts_at=at + timedelta(days=9), instructors=[lin])


def rows(model: type[Base]) -> int:
    return db.session.scalar(select(func.count()).select_from(model)) or 0


@pytest.mark.databases(differs=True)
def test_a_draft_is_deleted_with_its_files_and_history(
    make: Make, context: None, lin: Person, draft: Lecture, at: datetime
) -> None:
    by = make.actor(lin)
    upload_file(draft.id, io.BytesIO(PNG), "a.png", Audience.ENROLLED, by=by, at=at)
    key = db.session.scalars(select(LectureFile)).one().key
    assert (files.folder() / key).exists()
    delete_draft(draft.id, by=by, at=at)
    assert (rows(Lecture), rows(LectureFile), rows(LectureChange)) == (0, 0, 0)
    assert not (files.folder() / key).exists()
    entry = db.session.scalars(select(AuditEntry).where(AuditEntry.verb == "delete_lecture")).one()
    assert entry.detail == {"title": "Opening"}
    with pytest.raises(NotFound):
        delete_draft(draft.id, by=by, at=at)


def test_what_is_or_was_published_stays(make: Make, context: None, lin: Person, draft: Lecture, at: datetime) -> None:
    by = make.actor(lin)
    publish_lecture(draft.id, by=by, at=at)
    with pytest.raises(Refused, match="cancel it instead"):
        delete_draft(draft.id, by=by, at=at)
    unpublish_lectures("trade", [draft.id], by=by, at=at)
    with pytest.raises(Refused, match="was published before"):
        delete_draft(draft.id, by=by, at=at)
    assert rows(Lecture) == 1


def test_others_do_not_learn_of_a_draft(make: Make, context: None, draft: Lecture, at: datetime) -> None:
    for by in (make.actor(roles=["instructor"]), make.actor()):
        with pytest.raises(NotFound):
            delete_draft(draft.id, by=by, at=at)
    assert rows(Lecture) == 1


def test_its_page_asks_first(app: APIFlask, make: Make, context: None, lin: Person, draft: Lecture) -> None:
    reader = Reader(app.test_client(), make, lin)
    there = f"/lectures/{draft.id}/delete"
    assert f'href="{there}"' in reader.get(f"/lectures/{draft.id}/edit").text
    assert "Delete “Opening”?" in reader.get(there).text
    assert rows(Lecture) == 1
    done = reader.post(there)
    assert (done.status_code, done.location) == (303, "/series/trade")
    assert "“Opening” was deleted." in reader.get("/series/trade").text
    assert rows(Lecture) == 0


def test_the_api_deletes_drafts_only(
    app: APIFlask, make: Make, context: None, lin: Person, draft: Lecture, at: datetime
) -> None:
    client, there = app.test_client(), f"/api/v1/lectures/{draft.id}"
    published = make.lecture(draft.series, "Second", starts_at=at + timedelta(days=12))
    assert client.delete(f"/api/v1/lectures/{published.id}", headers=make.headers(lin)).status_code == 409
    assert client.delete(there, headers=make.headers(lin)).status_code == 204
    assert client.delete(there, headers=make.headers(lin)).status_code == 404

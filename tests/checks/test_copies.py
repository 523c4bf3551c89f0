"""A series that is copied gets its question bank, its checks as drafts, and its questions at enrolment."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from lms.catalogue.actions.scheduling import copied_lectures, copy_series, count_copied_parts
from lms.catalogue.inputs import SeriesCopy
from lms.catalogue.models import Series
from lms.checks.models import BankQuestion, Check
from lms.checks.queries.checks import list_checks
from lms.core.database.session import db
from lms.enrolment_questions.actions import set_questions
from lms.enrolment_questions.queries import count_answered, current_form
from tests.checks.conftest import NOW, Sittings

pytestmark = pytest.mark.databases
BERLIN = "Europe/Berlin"
START = datetime(2026, 3, 20, 13, 0, tzinfo=UTC)
"""14:00 in Berlin, before the clocks change."""


def copied(sittings: Sittings, **choices: Any) -> Series:
    copy = SeriesCopy(slug="again", title="Again", first=date(2026, 4, 17), **choices)
    return copy_series(sittings.slug, copy, by=sittings.by, at=NOW)


@pytest.fixture
def source(sittings: Sittings) -> Sittings:
    lecture = sittings.make.lecture(
        sittings.series,
        "First",
        starts_at=START,
        local_start=datetime(2026, 3, 20, 14),  # noqa: DTZ001 (planned times are local)
        time_zone=BERLIN,
    )
    check_id = sittings.check(
        sittings.bank[2:5], lecture_id=lecture.id, opens_at=START, closes_at=START + timedelta(days=7), minutes=20
    )
    sittings.take(check_id, sittings.ada, at=START)
    sittings.check(sittings.bank[:1], kind="pre", title="Before")
    sent = [{"kind": "text", "text": "Why do you come?", "required": True}]
    set_questions(sittings.slug, sent, by=sittings.by, at=NOW)
    return sittings


def test_a_copy_has_the_bank_the_checks_and_the_questions(source: Sittings) -> None:
    counts = count_copied_parts(source.series, copied_lectures(source.series, by=source.by), by=source.by, at=NOW)
    assert {name: counts[name] for name in ("checks", "bank", "questions")} == {"checks": 2, "bank": 7, "questions": 1}
    made = copied(source)
    first, second = list_checks(made, by=source.by)
    assert (first.title, first.minutes, second.title, second.kind) == ("Data protection", 20, "Before", "pre")
    assert {first.published_at, second.published_at} == {None}
    (lecture,) = copied_lectures(made, by=source.by)
    assert (first.lecture_id, second.lecture_id) == (lecture.id, None)
    assert first.opens_at == datetime(2026, 4, 17, 13, 0, tzinfo=UTC), "the organiser's clocks are those of UTC"
    rows = {row.id: row for row in db.session.scalars(select(BankQuestion).where(BankQuestion.series_id == made.id))}
    assert len(rows) == 7
    before = [db.session.get_one(BankQuestion, id_).digest for id_ in source.bank[2:5]]
    assert [rows[id_].digest for id_ in first.items] == before
    form = current_form(made.id)
    assert (form.version, [question.text for question in form.questions]) == (1, ["Why do you come?"])
    assert form.questions == current_form(source.series.id).questions
    assert count_answered(made.id) == 0


def test_what_is_not_wanted_is_not_copied(source: Sittings) -> None:
    made = copied(source, checks=False, questions=False)
    assert list_checks(made, by=source.by) == []
    assert current_form(made.id).version == 0
    assert db.session.scalars(select(Check).where(Check.series_id == source.series.id)).all()

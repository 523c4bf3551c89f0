"""A learning record states the knowledge checks that its holder handed in."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from lms.certificates.actions.records import make_record
from lms.certificates.pdf.record import content_of, figures_of, sections_of
from lms.certificates.queries.records import get_record, record_of
from lms.checks.models import Attempt
from lms.core.base.roles import SYSTEM
from lms.core.database.session import db
from tests.checks.conftest import NOW, Sittings

pytestmark = pytest.mark.databases


def test_the_learning_record_states_the_checks_and_its_number_what_became_of_them(sittings: Sittings) -> None:
    passed = sittings.check(sittings.bank[:5], attempts=None, shows_answers=False)
    failed = sittings.check(sittings.bank[:2], title="Law", attempts=None)
    sittings.check(sittings.bank[:1], title="Never taken")
    before = sittings.check(sittings.bank[:1], title="Before", kind="pre")
    for check_id, right, days in ((passed, 1, 0), (passed, 4, 1), (passed, 5, 2), (failed, 1, 0), (before, 1, 0)):
        sittings.take(check_id, sittings.ada, right, at=NOW + timedelta(days=days))
    assert sittings.ada.person_id is not None
    content = record_of(sittings.ada.person_id, by=sittings.ada)
    (series,) = content.series
    (section,) = sections_of(series)
    assert section.columns == ("Knowledge check", "Best result", "Passed on")
    assert section.rows == [("Data protection", "100%", "2 December 2026"), ("Law", "50%", "Not passed")]
    assert ("Knowledge checks passed", "1") in figures_of(content)
    later = NOW + timedelta(days=3)
    number = make_record(sittings.ada.person_id, by=sittings.ada, at=later).number
    assert make_record(sittings.ada.person_id, by=sittings.ada, at=later).number == number
    client = sittings.make.app.test_client()
    page = client.get(f"/verify/{number}").text
    assert "<dt>Knowledge checks passed</dt><dd>1</dd>" in page
    assert "Nothing that it states has changed since." in page
    assert client.get(f"/api/v1/learning-records/{number}").json["checks"] == 1
    sittings.take(failed, sittings.ada, at=later)
    assert get_record(number, by=SYSTEM).changes == [], "what came later is no change"
    for attempt in db.session.scalars(select(Attempt).where(Attempt.check_id == passed, Attempt.right == 5)):
        attempt.right = 3
    assert get_record(number, by=SYSTEM).changes == [
        "The result of 1 of its knowledge checks has been corrected since."
    ]


def test_a_record_from_before_there_were_checks_is_read(sittings: Sittings) -> None:
    assert sittings.ada.person_id is not None
    stored = record_of(sittings.ada.person_id, by=sittings.ada).as_json()
    for series in stored["series"]:
        del series["checks"]
    content = content_of(stored)
    assert content.checks == []
    assert "Knowledge checks passed" not in dict(figures_of(content))

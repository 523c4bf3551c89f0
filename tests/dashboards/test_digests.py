"""The weekly mail of focal points and instructors: once, on Monday morning in their own time, never without news."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from lms.catalogue.models import Series
from lms.core.base.roles import SYSTEM
from lms.core.database.session import db
from lms.dashboards.digests import post_due_digests
from lms.mail.kinds import MailKind
from lms.mail.outbox import OutboxMail
from lms.people.actions.mails import choose_mails
from lms.people.models import Person
from tests.factories import Make

pytestmark = [pytest.mark.databases(differs=True), pytest.mark.usefixtures("context")]
MONDAY = datetime(2026, 11, 30, 4, 0, tzinfo=UTC)
"""07:00 in Nairobi, 12:00 in Beijing."""
HOUR = timedelta(hours=1)


@pytest.fixture
def instructor(make: Make) -> Person:
    return make.person("Lin Yuhan", "lin@example.org", country="CN", time_zone="Asia/Shanghai", roles=["instructor"])


@pytest.fixture
def series(make: Make, instructor: Person) -> Series:
    return make.series("customs", "Digital customs", instructors=[instructor])


def digests() -> dict[str, dict[str, object]]:
    query = select(OutboxMail).where(OutboxMail.template == "weekly_digest").order_by(OutboxMail.id)
    return {mail.address: mail.payload for mail in db.session.scalars(query)}


def test_each_reader_gets_their_week_on_monday_at_seven_once(make: Make, instructor: Person, series: Series) -> None:
    make.person(email="peter@example.org", time_zone="Africa/Nairobi", roles=[("focal_point", "KE")])
    make.person(email="ghana@example.org", country="GH", roles=[("focal_point", "GH")])  # nothing to say
    make.person(email="nobody@example.org")
    make.enrolment(series, make.person(), at=MONDAY - 48 * HOUR)
    make.enrolment(series, make.person(), at=MONDAY - 400 * HOUR)
    make.enrolment(series, make.person(), status="waitlisted")
    make.lecture(series, "Rules of origin", starts_at=MONDAY + 30 * HOUR)
    make.lecture(series, "Much later", starts_at=MONDAY + 300 * HOUR)
    make.lecture(series, "A draft", state="draft", starts_at=MONDAY - 30 * HOUR)
    assert post_due_digests(at=MONDAY - 6 * HOUR) == 0  # 06:00 in Beijing
    assert post_due_digests(at=MONDAY - 5 * HOUR) == 1
    assert list(digests()) == ["lin@example.org"]
    for hours in (0, 1, 23):
        post_due_digests(at=MONDAY + hours * HOUR)
    found = digests()
    assert list(found) == ["lin@example.org", "peter@example.org"]
    lectures = [{"id": 1, "title": "Rules of origin", "starts_at": (MONDAY + 30 * HOUR).isoformat()}]
    assert found["lin@example.org"]["teaching"] == {"lectures": lectures, "appeals": 0, "unmatched": 0, "late": 1}
    assert found["peter@example.org"]["countries"] == [
        {"code": "KE", "new": 1, "waiting": 1, "invited": 0, "drafts": 0, "behind": 0, "lectures": lectures}
    ]
    post_due_digests(at=MONDAY + 24 * 7 * HOUR)
    assert db.session.query(OutboxMail).count() == 4, "next week again, where there still is something to say"


def test_who_declines_it_gets_none_and_a_worker_that_was_away_sends_it_within_a_day(
    make: Make, instructor: Person, series: Series
) -> None:
    other = make.person(email="other@example.org", country="CN", time_zone="Asia/Shanghai", roles=["instructor"])
    make.lecture(make.series(instructors=[other]), starts_at=MONDAY + 50 * HOUR)
    make.lecture(series, starts_at=MONDAY + 50 * HOUR)
    choose_mails(other.id, {MailKind.DIGEST: False}, by=SYSTEM, at=MONDAY)
    post_due_digests(at=MONDAY + 18 * HOUR)
    assert list(digests()) == ["lin@example.org"]
    db.session.query(OutboxMail).delete()
    db.session.commit()
    assert post_due_digests(at=MONDAY + 44 * HOUR) == 0

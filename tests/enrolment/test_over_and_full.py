"""What people can do in a series that is over, and in one that is full."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from lms.core.base.errors import Refused
from lms.core.database.session import db
from lms.core.time import clock
from lms.enrolment.actions.places import withdraw
from lms.enrolment.batch_actions import preview_batch
from lms.enrolment.models import Enrolment, EnrolmentStatus
from lms.enrolment.queries.series import SeatFilter
from tests.factories import EARLY, Make

SENTENCE = "This series is over, so it is too late to withdraw. Attendance and certificates are kept."


def test_nobody_withdraws_from_a_series_that_is_over(reader: Any, make: Make) -> None:
    series = make.series("customs")
    amina, boss = reader("Amina"), reader("Zhou", "administrator")
    row = make.enrolment(series, amina.person)
    make.lecture(series, state="held", actual_start=EARLY, actual_end=EARLY.replace(hour=EARLY.hour + 1))
    page = amina.get("/series/customs").text
    assert "This series is over" in page
    assert 'data-testid="withdraw"' not in page
    assert amina.get("/series/customs/withdraw").status_code == 303
    assert amina.said() == [SENTENCE]
    assert amina.post("/series/customs/withdraw", confirm="yes").status_code == 303
    assert amina.said() == [SENTENCE]
    headers = make.headers(amina.person)
    answer = amina.client.patch(f"/api/v1/enrolments/{row.public_id}", json={"status": "withdrawn"}, headers=headers)
    assert (answer.status_code, answer.json["detail"]) == (409, SENTENCE)
    page = boss.get("/series/customs/enrolments").text
    assert "withdraw-many" not in page
    assert f"/enrolments/{row.public_id}" not in page
    assert boss.get(f"/series/customs/enrolments/{row.public_id}").status_code == 303
    assert boss.said() == [SENTENCE]
    with make.app.app_context():
        by = make.actor(boss.person)
        for refused in (
            lambda: withdraw(series.id, amina.person.id, by=by, at=clock.now()),
            lambda: preview_batch(series.id, SeatFilter(), status=EnrolmentStatus.WITHDRAWN, by=by, at=clock.now()),
        ):
            with pytest.raises(Refused, match="too late to withdraw"):
                refused()
        assert db.session.get_one(Enrolment, row.id).status is EnrolmentStatus.ENROLLED


@pytest.mark.parametrize("admission", ["open", "application"])
def test_a_full_series_offers_its_waiting_list(reader: Any, make: Make, admission: str) -> None:
    series = make.series("customs", admission=admission, capacity=1)
    make.lecture(series, starts_at=clock.now() + timedelta(days=365))
    make.enrolment(series)
    for number in range(2):
        amina = reader(f"Amina{number}")
        stranger = make.app.test_client().get("/series/customs").text
        words = "Join the waiting list (1 waiting)" if number else "Join the waiting list"
        for page in (amina.get("/series/customs").text, stranger):
            assert f"{words}</" in page
            assert "Apply for a place" not in page
        make.enrolment(series, status="waitlisted")
    assert "Full: if you enrol now, you join the waiting list." in make.app.test_client().get("/").text

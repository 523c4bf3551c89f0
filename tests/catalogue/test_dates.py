"""What a form proposes for dates that something speaks against."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from apiflask import APIFlask

from lms.catalogue.dates import DateDecision, PlannedDate, check_dates, proposed
from lms.catalogue.fair_hours import Audience, AudienceBasis, AudienceGroup
from lms.core.base.roles import SYSTEM
from tests.rows import each_row


@each_row("others, is_kept", [(3, False), (4, True)])
def test_a_holiday_of_less_than_a_quarter_of_the_enrolled_is_kept_unless_changed(
    app: APIFlask, others: int, is_kept: bool
) -> None:
    audience = Audience(
        AudienceBasis.ENROLLED,
        (AudienceGroup("KE", "Africa/Nairobi", 1), AudienceGroup("VN", "Asia/Ho_Chi_Minh", others)),
    )
    planned = PlannedDate(datetime.fromisoformat("2036-12-12T14:00"), "Africa/Nairobi", 60, frozenset())
    with app.app_context():
        (check,) = check_dates(None, [planned], countries=["KE", "VN"], locale="en", by=SYSTEM)
    assert [holiday.country for holiday in check.holidays] == ["KE"]
    assert proposed(check, audience) == (DateDecision.KEEP if is_kept else None)
    assert proposed(replace(check, impossible="skipped"), audience) is None

"""A real browser reads what people wrote to do harm: nothing runs, and nothing is reported against the policy."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from lms.core.time import clock
from tests.factories import PASSWORD
from tests.journeys.conftest import Site, Visitor

pytestmark = [pytest.mark.xdist_group("browser"), pytest.mark.long]
MARKUP = "\"'><img src=x onerror=alert(1)><svg/onload=alert(2)></title></script><script>alert(3)</script>"


def test_a_browser_finds_nothing_to_run_in_what_people_wrote(site: Site, visit: Callable[[], Visitor]) -> None:
    make, began = site.make, clock.now() - timedelta(minutes=20)
    boss = make.person(MARKUP, "boss@x.example", roles=["administrator"], password=PASSWORD, organisation=MARKUP)
    person = make.person(MARKUP, "ana@x.example", native_name=MARKUP, job_title=MARKUP, organisation=MARKUP)
    series = make.series("harm", MARKUP, instructors=[boss], description=MARKUP + "\n\n[x](javascript:alert(4))")
    make.enrolment(series, person)
    live = make.lecture(
        series, MARKUP, state="live", starts_at=began, actual_start=began, instructors=[boss], abstract=MARKUP,
        materials=[{"title": MARKUP, "url": "https://x.example/"}],
    )  # fmt: skip
    make.lecture(series, MARKUP, state="cancelled", reason=MARKUP)
    dialogs: list[str] = []
    public = ["/", "/series", "/series/harm", f"/lectures/{live.id}"]
    staff_pages = [
        "/teach", "/admin", "/admin/people", f"/admin/people/{person.public_id}", "/account", "/series/harm/enrolments",
        f"/lectures/{live.id}/edit", f"/lectures/{live.id}/roster",
    ]  # fmt: skip
    visitor = visit()
    visitor.page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    for path in public:
        visitor.go(path)
    visitor.sign_in("boss@x.example")
    for path in public + staff_pages:
        visitor.go(path)
        assert visitor.page.locator("img[src=x], svg[onload], [onerror]").count() == 0, path
    assert dialogs == []

"""Saved reports: kept once, found again, one's own only, with periods that move."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient
from sqlalchemy import func, select

from lms.core.base.errors import Forbidden, Invalid, NotFound, Refused
from lms.core.database.session import db
from lms.core.time import clock
from lms.people.actions.merging import merge_people
from lms.people.actions.privacy import erase_person, export_person
from lms.reports.actions import saved as actions
from lms.reports.models import ReportRecipient, ReportRun, ReportSchedule, SavedReport, UnsubscribeLink
from lms.reports.periods import Rhythm
from lms.reports.queries.saved import get_saved, list_readers, list_saved, saved_of_person
from tests.factories import Make
from tests.forms import token_in
from tests.reports.world import World
from tests.rows import each_row

ASKS = {"figure": "participants", "rows": "country", "period": "last_quarter"}


def csrf(page: str) -> str:
    return token_in(page)


def submit(client: FlaskClient, page: str, address: str | None = None, **sent: str) -> Any:
    return client.post(address or page, data={"csrf_token": csrf(client.get(page).text), **sent})


@pytest.mark.databases(differs=True)
@pytest.mark.usefixtures("context")
def test_a_name_is_ones_own_and_once(make: Make, at: datetime) -> None:
    first_reporter, other = make.actor(roles=["reporter"]), make.actor(roles=["reporter"])
    first = actions.save_report("  The  Quarter ", ASKS, by=first_reporter, at=at)
    assert actions.save_report("The Quarter", ASKS, by=first_reporter, at=at) == first
    with pytest.raises(Invalid, match="already have a report"):
        actions.save_report("the quarter", {**ASKS, "rows": "region"}, by=first_reporter, at=at)
    theirs = actions.save_report("The quarter", ASKS, by=other, at=at)
    assert [row.name for row, _schedule in list_saved(by=first_reporter)] == ["The Quarter"]
    for name in ("", "\u200b", "x" * 101):
        with pytest.raises(Invalid, match="Enter 1 to 100"):
            actions.save_report(name, ASKS, by=first_reporter, at=at)
    for work in (
        lambda: get_saved(theirs, by=first_reporter),
        lambda: actions.rename_report(theirs, "Mine", by=first_reporter, at=at),
        lambda: actions.schedule_report(theirs, Rhythm.DAILY, 8, "a@x.example", by=first_reporter, at=at),
        lambda: actions.stop_schedule(theirs, by=first_reporter, at=at),
        lambda: actions.remove_report(theirs, by=first_reporter, at=at),
    ):
        with pytest.raises(NotFound):
            work()
    second = actions.save_report("Another", ASKS, by=first_reporter, at=at)
    with pytest.raises(Invalid, match="already have a report"):
        actions.rename_report(second, "THE QUARTER", by=first_reporter, at=at)
    actions.rename_report(second, "another", by=first_reporter, at=at)
    actions.remove_report(first, by=first_reporter, at=at)
    assert [row.name for row, _schedule in list_saved(by=first_reporter)] == ["another"]
    assert get_saved(theirs, by=other).name == "The quarter"


@pytest.mark.usefixtures("context")
@each_row(
    "wrong, field",
    [
        ({"figure": "people"}, "figure"),
        ({"period": "next_year"}, "period"),
        ({"from": "2026-01-01"}, "period"),
        ({"from": "yesterday", "period": ""}, "from"),
        ({"rows": "planet"}, "by"),
        ({"columns": "country"}, "by"),
        ({"sector": "army"}, "sector"),
    ],
)
def test_what_cannot_be_asked_is_not_saved(make: Make, at: datetime, wrong: dict[str, str], field: str) -> None:
    with pytest.raises(Invalid) as error:
        actions.save_report("Q", {**ASKS, **wrong}, by=make.administrator(), at=at)
    assert [fault.field for fault in error.value.faults] == [field]


@pytest.mark.usefixtures("context")
def test_who_may_see_may_save(make: Make, at: datetime) -> None:
    speaker = make.actor(roles=[("focal_point", "KE")])
    actions.save_report("Kenya", {**ASKS, "country": "KE"}, by=speaker, at=at)
    for by, parameters in (
        (speaker, ASKS),
        (speaker, {**ASKS, "country": "UG"}),
        (make.actor(roles=["instructor"]), ASKS),
        (make.actor(), ASKS),
    ):
        with pytest.raises(Forbidden):
            actions.save_report("X", parameters, by=by, at=at)


@pytest.mark.usefixtures("context")
def test_so_many_and_no_more(make: Make, at: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(actions, "MOST_SAVED", 1)
    by = make.administrator()
    actions.save_report("One", ASKS, by=by, at=at)
    with pytest.raises(Refused):
        actions.save_report("Two", ASKS, by=by, at=at)


def test_from_the_page_and_back(client: FlaskClient, make: Make, world: World) -> None:
    owner = make.person(roles=["administrator"])
    make.sign_in(client, owner)
    report_path = "/admin/reports?figure=sessions&rows=year&period=last_quarter"
    page = client.get(report_path).text
    assert "Saved reports" not in page
    match = re.search(r'action="(/admin/reports/saved\?[^"]+)"', page)
    assert match is not None
    target = match[1].replace("&amp;", "&")
    wrong = submit(client, report_path, target, name="")
    assert wrong.status_code == 422
    assert "Enter 1 to 100 characters" in wrong.text
    answers = [submit(client, report_path, target, name="Each <b>quarter") for _n in range(2)]
    assert [answer.status_code for answer in answers] == [303, 303]
    assert answers[0].location == answers[1].location

    page_of_report = client.get(answers[0].location).text
    assert "Last quarter (today: " in page_of_report
    opened = re.search(r'btn-go" href="(/admin/reports\?[^"]+)"', page_of_report)
    assert opened is not None
    page = client.get(opened[1].replace("&amp;", "&")).text
    assert "Each &lt;b&gt;quarter" in page
    first, last = _last_quarter()
    assert f"{first} to {last}" in " ".join(page.split())
    assert '<option selected value="last_quarter">' in page

    address = answers[0].location
    assert submit(client, address, name="Renamed").status_code == 303
    assert "Renamed" in client.get("/admin/reports").text
    assert submit(client, address, f"{address}/remove").status_code == 422
    assert submit(client, address, f"{address}/remove", sure="y").status_code == 303
    assert "Renamed" not in client.get("/admin/reports").text
    assert client.get(address).status_code == 404


def _last_quarter() -> tuple[str, str]:
    today = clock.day_of(clock.now(), "Asia/Shanghai")
    begin = today.replace(month=today.month - (today.month - 1) % 3, day=1)
    last = begin - timedelta(days=1)
    first = last.replace(month=last.month - 2, day=1)
    return tuple(f"{day.day} {day:%B %Y}" for day in (first, last))  # type: ignore[return-value]


def test_days_and_a_period_are_two_answers(client: FlaskClient, make: Make, world: World) -> None:
    make.sign_in(client, make.person(roles=["reporter"]))
    answer = client.get("/admin/reports?period=this_year&from=2026-01-01")
    assert answer.status_code == 422
    assert "Select a period or enter dates, not both." in answer.text


def test_a_schedule_by_the_page(app: APIFlask, client: FlaskClient, make: Make, world: World, at: datetime) -> None:
    owner = make.person(roles=["reporter"], email="owner@example.org")
    make.person(roles=["administrator"], email="boss@example.org")
    make.person(roles=["instructor"], email="teacher@example.org")
    with app.app_context():
        address = f"/admin/reports/saved/{actions.save_report('Q', ASKS, by=make.actor(owner), at=at)}"
    make.sign_in(client, owner)
    assert ">\nowner@example.org</textarea>" in client.get(address).text.replace("\r", "")
    wrong = {"teacher@example.org": "can see", "nobody@example.org": "can see", "": "at least one e-mail address"}
    for typed, reason in wrong.items():
        answer = submit(client, address, f"{address}/schedule", rhythm="weekly", hour="9", recipients=typed)
        assert answer.status_code == 422
        assert reason in answer.text
    good = {"rhythm": "weekly", "hour": "9", "recipients": "Owner@Example.org\nboss@example.org, boss@example.org"}
    assert submit(client, address, f"{address}/schedule", **{**good, "hour": "24"}).status_code == 422
    assert submit(client, address, f"{address}/schedule", **{**good, "rhythm": "hourly"}).status_code == 422
    assert submit(client, address, f"{address}/schedule", **good).status_code == 303
    page = " ".join(client.get(address).text.split())
    assert "Every Monday. Next on " in page
    assert "09:00 (Beijing time)." in page
    assert "Sent by e-mail" in client.get("/admin/reports").text
    assert submit(client, address, f"{address}/stop").status_code == 303
    assert "next on" not in client.get(address).text
    assert "boss@example.org" in client.get(address).text


@pytest.mark.databases
@pytest.mark.usefixtures("context")
def test_merged_people_keep_what_both_saved(make: Make, at: datetime) -> None:
    main, other = make.person(roles=["reporter"]), make.person(roles=["reporter"])
    for person in (main, other):
        actions.save_report("The quarter", ASKS, by=make.actor(person), at=at)
    public = [row.public_id for row, _schedule in list_saved(by=make.actor(other))]
    merge_people(
        main.public_id, other.public_id, reason="The same person", is_confirmed=True, by=make.administrator(), at=at
    )
    assert [row.name for row, _schedule in list_saved(by=make.actor(main))] == ["The quarter", "The quarter (2)"]
    assert get_saved(public[0], by=make.actor(main)).name == "The quarter (2)"


@pytest.mark.databases
@pytest.mark.usefixtures("context")
def test_erased_people_leave_nothing_here(make: Make, at: datetime) -> None:
    owner = make.person(roles=["administrator"], email="owner@example.org")
    reader = make.person(roles=["reporter"], email="reader@example.org")
    by = make.actor(owner)
    public_id = actions.save_report("The quarter", ASKS, by=by, at=at)
    actions.schedule_report(public_id, Rhythm.DAILY, 8, "owner@example.org reader@example.org", by=by, at=at)
    export = saved_of_person(reader.id)
    assert export == {"saved": [], "by_mail": [{"name": "The quarter", "unsubscribed_at": None}]}
    boss = make.administrator()
    erase_person(reader.public_id, confirmation="reader@example.org", withdraw_certificates=False, by=boss, at=at)
    assert [one.address for one in list_readers(get_saved(public_id, by=by))] == ["owner@example.org"]
    assert db.session.scalar(select(func.count()).select_from(ReportRecipient)) == 1
    erase_person(owner.public_id, confirmation="owner@example.org", withdraw_certificates=False, by=boss, at=at)
    for table in (SavedReport, ReportSchedule, ReportRecipient, ReportRun, UnsubscribeLink):
        assert db.session.scalar(select(func.count()).select_from(table)) == 0


@pytest.mark.usefixtures("context")
def test_ones_export_has_ones_reports(make: Make, at: datetime) -> None:
    owner = make.person(roles=["administrator"], email="owner@example.org")
    by = make.actor(owner)
    public_id = actions.save_report("The quarter", ASKS, by=by, at=at)
    actions.schedule_report(public_id, Rhythm.MONTHLY, 7, "owner@example.org", by=by, at=at)
    assert export_person(owner.public_id, by=by, at=at)["reports"] == {
        "saved": [
            {
                "name": "The quarter",
                "question": ASKS,
                "created_at": datetime(2026, 11, 25, 1, tzinfo=UTC).isoformat(),
                "sent": {"rhythm": "monthly", "hour": 7},
            }
        ],
        "by_mail": [{"name": "The quarter", "unsubscribed_at": None}],
    }

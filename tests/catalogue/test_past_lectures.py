"""A lecture entered after its planned time: its staff say whether it was held; until then nobody else sees it."""

# ruff: noqa: DTZ001 (planned times are local, without offset)

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient

from lms.catalogue.actions.lectures import edit_lecture
from lms.catalogue.actions.states import (
    end_lecture,
    hold_lecture,
    postpone_lecture,
    publish_lecture,
    start_lecture,
    undo_start,
)
from lms.catalogue.models import Lecture, LectureState, Series
from lms.catalogue.queries.lectures import find_lecture, get_lecture, list_lectures
from lms.core.base.errors import NotFound
from lms.core.base.roles import ANONYMOUS, SYSTEM, Actor
from tests.factories import Make

MakeLecture = Callable[..., Lecture]
PLANNED = datetime(2026, 11, 2, 6, 0, tzinfo=UTC)  # 14:00 in Beijing
PAST = {"starts_at": datetime(2026, 11, 2, 14, 0), "duration_minutes": 90}


def is_shown(key: int, by: Actor) -> bool:
    """Whether somebody finds a lecture, alone and in its series, which must agree."""
    series_id = get_lecture(key, by=SYSTEM).series_id
    listed = key in [one.id for one in list_lectures(series_id, by=by)]
    try:
        get_lecture(key, by=by)
    except NotFound:
        assert not listed
        return False
    assert listed
    return True


@pytest.mark.databases
def test_a_lecture_of_the_past_is_shown_to_nobody_until_its_staff_answer(
    series: Series, make_lecture: MakeLecture, ines: Actor, trainee: Actor, at: datetime
) -> None:
    made = make_lecture(**PAST)
    assert (made.state, made.held_unknown) == (LectureState.SCHEDULED, True)
    assert [is_shown(made.id, by) for by in (ANONYMOUS, trainee, ines)] == [False, False, True]
    end = PLANNED + timedelta(minutes=80)
    held = hold_lecture(made.id, started_at=PLANNED, ended_at=end, by=ines, at=at)
    assert (held.state, held.actual_start, held.actual_end, held.held_unknown) == ("held", PLANNED, end, False)
    assert [is_shown(made.id, by) for by in (ANONYMOUS, trainee, ines)] == [True, True, True]


@pytest.mark.databases
def test_whatever_puts_a_past_time_on_the_programme_asks(
    series: Series, make_lecture: MakeLecture, ines: Actor, at: datetime
) -> None:
    draft = make_lecture(state=LectureState.DRAFT, title="Draft", **PAST)
    assert not draft.held_unknown
    assert publish_lecture(draft.id, by=ines, at=at).held_unknown
    later = datetime(2026, 12, 24, 14, 0)
    assert not postpone_lecture(draft.id, local_start=later, by=ines, at=at).held_unknown
    assert edit_lecture(draft.id, {"starts_at": PAST["starts_at"]}, by=ines, at=at).held_unknown
    assert edit_lecture(draft.id, {"title": "Other"}, by=ines, at=at).held_unknown
    assert not edit_lecture(draft.id, {"starts_at": later}, by=ines, at=at).held_unknown
    planned = make_lecture(title="Planned")
    assert not planned.held_unknown
    start_lecture(planned.id, by=ines, at=at)
    end_lecture(planned.id, by=ines, at=at + timedelta(minutes=1))
    assert not undo_start(planned.id, by=ines, at=at + timedelta(hours=1)).held_unknown
    start_lecture(planned.id, by=ines, at=at)
    assert undo_start(planned.id, by=ines, at=at + timedelta(days=90)).held_unknown


def test_the_page_asks_whether_a_lecture_of_the_past_was_held(
    app: APIFlask, client: FlaskClient, make: Make, unprotected: None
) -> None:
    teacher = make.person(roles=["instructor"])
    make.series("trade", "Trade", instructors=[teacher])
    visitor = app.test_client()
    make.sign_in(client, teacher)
    sent = {
        "title": "January", "starts_at": "2026-01-14T09:00", "time_zone": "Africa/Nairobi", "duration_minutes": "60",
        "language": "en", "state": "scheduled",
    }  # fmt: skip
    question = client.post("/series/trade/lectures/new", data=sent, follow_redirects=True)
    assert 'data-testid="was-it-held"' in question.text
    assert 'data-testid="start"' not in question.text
    proposed = re.findall(r'name="actual_(?:start|end)"[^>]*value="([^"]+)"', question.text)
    assert [one[:16] for one in proposed] == ["2026-01-14T09:00", "2026-01-14T10:00"]
    key = int(re.findall(r"/lectures/(\d+)/hold", question.text)[0])
    for path in (f"/lectures/{key}", f"/lectures/{key}.ics", f"/api/v1/lectures/{key}"):
        assert visitor.get(path).status_code == 404
    assert "January" not in visitor.get("/series/trade").text
    for path in (f"/lectures/{key}", "/series/trade", "/teach"):
        page = client.get(path).text
        assert "Not yet confirmed" in page
        assert 'data-testid="start"' not in page
        assert "Starts soon" not in page
    for path in ("/series", "/series?state=finished"):
        page = client.get(path).text
        assert "In preparation" in page
        assert 'id="finished"' not in page
    wrong = {"actual_start": "2026-01-14T10:00", "actual_end": "2026-01-14T09:00"}
    assert client.post(f"/lectures/{key}/hold", data=wrong).status_code == 422
    answer = {"actual_start": "2026-01-14T09:05", "actual_end": "2026-01-14T10:10"}
    assert client.post(f"/lectures/{key}/hold", data=answer).status_code == 302
    with app.app_context():
        held = find_lecture(key)
        assert held is not None
        assert (held.state, held.actual_start) == (LectureState.HELD, datetime(2026, 1, 14, 6, 5, tzinfo=UTC))
    assert visitor.get(f"/lectures/{key}").status_code == 200


def test_a_series_whose_lectures_are_drafts_is_not_finished(client: FlaskClient, make: Make) -> None:
    teacher = make.person(roles=["instructor"])
    drafts = make.series("drafts", "Drafts", instructors=[teacher])
    make.lecture(drafts, state="draft", local_start=datetime(2026, 1, 14, 9, 0))
    make.series("empty", "Empty", instructors=[teacher])
    make.sign_in(client, teacher)
    page = client.get("/series").text
    assert 'id="preparing"' in page
    assert 'id="finished"' not in page
    assert sorted(re.findall(r'data-testid="series-(\w+)"', page)) == ["drafts", "empty"]

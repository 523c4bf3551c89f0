"""Whatever a page, a file or the API says about one lecture, it says the same minutes, times and numbers."""

from __future__ import annotations

import html
import re
from datetime import timedelta
from random import Random

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient
from sqlalchemy import update

from lms.attendance.queries.outcomes import counted_ms
from lms.catalogue.models import Lecture
from lms.core.database.session import db
from lms.core.time import clock, durations
from lms.reports.queries.lecture import get_lecture_report
from tests.attendance.scene import END, START, Scene
from tests.factories import Make
from tests.properties import seeds


def words_of(client: FlaskClient, path: str) -> str:
    """What a page says, with the labels of its pictures, in one line."""
    answer = client.get(path)
    assert answer.status_code == 200, path
    text = re.sub(r'<[^>]*aria-label="([^"]*)"[^>]*>', r" \1 ", answer.get_data(as_text=True))
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", text)).split())


def found(pattern: str, *texts: str) -> set[str | tuple[str, ...]]:
    """All that matches in all texts."""
    return {match for text in texts for match in re.findall(pattern, text)}


@pytest.mark.parametrize("seed", seeds(4))
def test_every_place_says_the_same_of_one_lecture(app: APIFlask, make: Make, client: FlaskClient, seed: int) -> None:
    random = Random(seed)
    start = START + timedelta(milliseconds=random.randrange(240_000))
    end = END + timedelta(milliseconds=random.randrange(240_000))
    with app.app_context():
        scene = Scene(make)
        ada, teacher = scene.people["Ada"], scene.teacher
        lecture_id, slug = scene.lecture.id, scene.series.slug
        db.session.execute(update(Lecture).where(Lecture.id == lecture_id).values(actual_start=start, actual_end=end))
        db.session.commit()
        scene.publish(
            *[(f"{name}@x.example", random.uniform(-5, 30), random.uniform(31, 95)) for name in ("ada", "ben", "cyr")]
        )
        present_ms = scene.row("Ada").present_ms
        assert counted_ms(lecture_id, ada.id, end) == present_ms
        report = get_lecture_report(lecture_id, by=scene.by, at=end)
        assert report is not None
        db.session.expunge_all()
    length_ms = clock.to_ms(end) - clock.to_ms(start)
    seen, length = str(durations.whole_minutes(present_ms)), str(durations.whole_minutes(length_ms))
    needed = str(durations.needed_minutes(-(-length_ms * 60 // 100)))

    make.sign_in(client, ada)
    own, room, me, series = (
        words_of(client, path)
        for path in (f"/lectures/{lecture_id}", f"/lectures/{lecture_id}/room", "/me", f"/series/{slug}")
    )
    state = client.get(f"/lectures/{lecture_id}/room/state").get_json()
    other = app.test_client()
    make.sign_in(other, teacher)
    roster = words_of(other, f"/lectures/{lecture_id}/roster?q=ada")
    paper = words_of(other, f"/lectures/{lecture_id}/report")
    rows = other.get(f"/api/v1/lectures/{lecture_id}/attendance", headers=make.headers(teacher)).get_json()["items"]

    needed_ms = -(-length_ms * 60 // 100)
    if durations.depends_on_seconds(present_ms, needed_ms):
        with app.app_context():
            spent = durations.spent_of(present_ms, length_ms, needed_ms)
        assert all(spent in page for page in (own, me, series, roster, room))
    else:
        assert found(r"(\d+) of (\d+) min", own, me, series, roster) == {(seen, length)}
        assert found(r"need (\d+) of (\d+) minutes", room) == {(needed, length)}
    assert found(r"(?<!s, )(?<!s )\b(\d+) (?:to attend|minutes are needed|needed)", room, roster) == {needed}
    assert (state["length_minutes"], state["needed_minutes"]) == (int(length), int(needed))
    assert {one["minutes"] for one in rows if one["person"]["full_name"] == "Ada"} == {
        durations.tenth_minutes(present_ms)
    }
    clocks = tuple(f"{moment + timedelta(hours=8):%H:%M}" for moment in (start, end))
    for page in (own, roster):
        assert re.findall(r"(\d\d:\d\d)(?:–| to )(\d\d:\d\d)", page)[0] == clocks
    assert f"{clocks[0]} to {clocks[1]}" in paper
    assert found(r"(?:Highest|Most at once): (\d+)", roster, paper) == {str(report.course.highest)}

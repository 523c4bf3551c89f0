"""Whatever happened to a lecture and its series, everybody is told the same of it: what a small model says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from sqlalchemy import select

from lms.certificates.actions.awards import issue_certificates
from lms.certificates.queries.behind import list_behind
from lms.core.base.lists import ListRequest
from lms.core.base.roles import SYSTEM
from lms.core.database.session import db
from lms.core.time import clock
from lms.mail.outbox import OutboxMail
from lms.people.queries.countries import get_country
from lms.reports import recount
from lms.reports.recounted_outcomes import outcome_differences
from lms.reports.recounted_rows import RecountRows
from lms.reports.rules import Slice
from tests.attendance.history import Step
from tests.conftest import empty_tables
from tests.crossing.life import END, MAIN, START, Life, courses, histories
from tests.crossing.model import MINUTE, Course, Model
from tests.factories import Make

pytestmark = pytest.mark.databases
NEVER = re.compile(r"can no longer earn|can no longer be earned|just missed this certificate")
COUNTS = re.compile(r"counts as attendance until|The replay counts until")


def check_remains(words: str, model: Model, person: int) -> None:
    """A sentence says what remains for somebody's certificate, or that it is not enough."""
    assert bool(NEVER.search(words)) == (not model.can_earn(person)), words
    if model.can_earn(person):
        remains = re.search(r"(?:(\d+) lectures?)?(?: and )?(?:(\d+) replays?)? remains?\b", words)
        assert remains is not None, words
        assert (int(remains[1] or 0), int(remains[2] or 0)) == model.remaining(person)[:2], words


def check_progress(me: str, series: str, model: Model, person: int) -> None:
    """Both pages say what somebody attended, what is needed, what remains, and whether it is enough."""
    if model.has_earned(person):
        assert "your certificate is earned" in me
        assert "You have attended enough." in series
        return
    said = re.search(r"<b>(\d+) of the (\d+)</b> lectures for your certificate\.(.*?)</p>", me, re.DOTALL)
    assert said is not None
    assert (int(said[1]), int(said[2])) == (model.attended(person), model.needed)
    check_remains(said[3], model, person)
    of_series = re.search(r"<p>([^<]*(?:remains?\b|no longer|just missed)[^<]*)</p>", series)
    assert of_series is not None
    check_remains(of_series[1], model, person)


def check_pages(life: Life) -> None:
    """What the pages of each person say of the certificate, and of a replay that counts for them."""
    model, lecture = life.model, f"/lectures/{life.lectures[MAIN]}"
    for person in range(len(life.people)):
        client = life.make.app.test_client()
        life.make.sign_in(client, life.persons[person], at=life.now)
        me, series = (client.get(path).text for path in ("/me", f"/series/{life.slug}"))
        if person not in model.since:
            can_earn = re.search(r'data-earnable="(yes|no)"', series)
            assert can_earn is not None or not model.to_come(), "one can enrol until all lectures were held"
            assert can_earn is None or can_earn[1] == ("yes" if model.can_earn(person) else "no")
            continue
        check_progress(me, series, model, person)
        helps = model.still_helps(person)
        assert bool(COUNTS.search(client.get(lecture).text)) == helps
        assert bool(COUNTS.search(client.get(f"{lecture}/room").text)) == helps
        assert helps or not COUNTS.search(me)
        is_listed = helps and model.is_missed(person) and not model.awaits_report
        assert COUNTS.search(me) or not is_listed


def check_roster(life: Life) -> None:
    """The API says the minutes, the outcome and the source of the model."""
    model, client = life.model, life.make.app.test_client()
    if model.state != "held":
        return
    headers = life.make.headers(life.teachers[0])
    rows = client.get(f"/api/v1/lectures/{life.lectures[MAIN]}/attendance", headers=headers).json["items"]
    number_of = {public_id: number for number, (_id, public_id, _email) in enumerate(life.people)}
    said = {number_of[row["person"]["id"]]: row for row in rows}
    for person in model.since:
        result, row = model.result(person), said.get(person)
        if row is None:
            assert not model.live[person]
            assert not model.is_expected(person)
            continue
        is_replay = "including the replay" in row["explanation"]
        assert (row["outcome"], is_replay) == (result.outcome, result.by_replay)
        assert row["minutes"] == result.counted * 10 // MINUTE / 10


def check_certificates(life: Life) -> None:
    """Who falls behind, and who gets a certificate and is told so, once it is issued."""
    model = life.model
    rows, _total = list_behind(get_country("KE").id, ListRequest(), by=SYSTEM, at=life.now, series=life.slug)
    public_ids = [public_id for _id, public_id, _email in life.people]
    behind = {public_ids.index(row.person) for row in rows}
    # Of a lecture that is live it is asked page by page who left it again
    assert model.state == "live" or behind - model.silent == set(filter(model.is_behind, model.since)) - model.silent
    issue_certificates(life.series_id, by=SYSTEM, at=life.now)
    mails = db.session.scalars(select(OutboxMail.person_id).where(OutboxMail.template == "certificate_ready"))
    assert sorted(life.number_of[person_id or 0] for person_id in mails) == sorted(
        filter(model.has_earned, model.since)
    )


def check_figures() -> None:
    """Both counts agree."""
    rows = RecountRows("Asia/Shanghai")
    assert recount.facts_differences(rows) == []
    assert outcome_differences() == []
    for by in ((), ("source",)):
        assert recount.differences(rows, Slice(), by, clock.now()) == []


def live(make: Make, course: Course, history: list[Step], folder: Path) -> None:
    """Lets all of it happen, which checks each e-mail, and then compares what everybody is told."""
    with make.app.app_context():
        empty_tables()
    with pytest.MonkeyPatch.context() as patch:
        life = Life(make, course, folder, patch)
        for step in history:
            life.happen(step)
        check_roster(life)
        check_pages(life)
        with make.app.app_context():
            check_certificates(life)
            check_figures()


def step(what: str, person: int = 0, other: int = 0, amount: int = 0, pause: int = 1) -> Step:
    return Step(what, person, other, MAIN, amount, pause)


ADA, BEN_AND_CYR, ALL, HALF_HOUR, DAY = 1, 6, 3, 3, 4
BROWSER, OUTSIDE = (Course(90, 28, 60, None, outside=outside) for outside in (False, True))
THREE_OF_FOUR = Course(60, 28, 75, None, outside=False)
PAUSED_THEN_UPLOADED = [
    START, step("pause"), step("resume", pause=2), END, step("remove"), step("upload", amount=1),
    step("watch", BEN_AND_CYR, amount=ALL, pause=HALF_HOUR),
]  # fmt: skip
CLOSED_THEN_WATCHED = [
    START, step("attend", ADA, amount=2, pause=2), END, step("close"),
    step("watch", BEN_AND_CYR, amount=ALL, pause=HALF_HOUR),
]  # fmt: skip
REPORTED_LATE = [
    START, END, step("upload", amount=2), step("wait", pause=HALF_HOUR), step("report", ADA, 1, amount=ALL),
    step("wait", pause=HALF_HOUR),
]  # fmt: skip
CORRECTED_THEN_ANNOUNCED = [
    START, step("attend", 2, pause=2), END, step("correct", ADA, amount=2), step("wait", pause=HALF_HOUR),
    step("watch", ADA, amount=ALL),
]  # fmt: skip
CUT_SHORT = [
    START, step("attend", 2, pause=2), END, step("trim", amount=3), step("wait", pause=HALF_HOUR),
    step("watch", ADA, amount=ALL),
]  # fmt: skip
GROWN = [START, step("prepare"), step("publish_lecture", pause=HALF_HOUR), END, step("wait", pause=DAY)]
NO_REPLAY = Course(90, 0, 60, None, outside=False)
RUNNING_OVER = [START, step("wait", pause=HALF_HOUR), step("attend", ADA, amount=ALL, pause=0), step("wait", pause=2)]
RAN_OVER = [*RUNNING_OVER, step("attend", 2, amount=ALL, pause=HALF_HOUR), END]
FIXTURE = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]


@settings(max_examples=1, suppress_health_check=FIXTURE)
@example(course=BROWSER, history=PAUSED_THEN_UPLOADED)
@example(course=OUTSIDE, history=REPORTED_LATE)
@example(course=THREE_OF_FOUR, history=GROWN)
@example(course=NO_REPLAY, history=RUNNING_OVER)
@example(course=BROWSER, history=RAN_OVER)
@given(course=courses, history=histories(8))
def test_everybody_is_told_what_the_model_says(make: Make, tmp_path: Path, course: Course, history: list[Step]) -> None:
    live(make, course, history, tmp_path)


@pytest.mark.long(seconds=200)
@settings(max_examples=100, suppress_health_check=FIXTURE)
@example(course=BROWSER, history=CLOSED_THEN_WATCHED)
@example(course=BROWSER, history=CORRECTED_THEN_ANNOUNCED)
@example(course=BROWSER, history=CUT_SHORT)
@given(course=courses, history=histories(16))
def test_everybody_is_told_what_the_model_says_after_long_histories(
    make: Make, tmp_path: Path, course: Course, history: list[Step]
) -> None:
    live(make, course, history, tmp_path)

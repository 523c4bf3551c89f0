"""The machine's clock jumps, or differs from that of another server: minutes, sign-ins and forms stay good."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from types import SimpleNamespace
from typing import Any

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st

from lms.attendance import rules
from lms.attendance.models.credits import Credit
from lms.attendance.models.evidence import Source
from lms.attendance.outcomes import compute_outcome
from lms.attendance.presence import PresenceInterval, Span
from lms.core.background import jobs
from lms.core.database.session import db
from lms.core.time import clock
from lms.people.rules import DEVICE_LASTS
from lms.people.views.known_devices import known_device, remember
from tests.factories import PASSWORD, Make
from tests.forms import token_in

HOUR_MS = 3_600_000
STEPS = st.one_of(st.integers(0, 90_000), st.sampled_from([-HOUR_MS, HOUR_MS, -HOUR_MS + 1, -1, 0, 30_000]))
START = datetime(2026, 11, 25, 8, 0, tzinfo=UTC)


@given(
    joins=st.lists(st.tuples(st.integers(-HOUR_MS, 2 * HOUR_MS), st.lists(STEPS, max_size=30)), max_size=4),
    start=st.integers(0, HOUR_MS),
    length=st.integers(1, 2 * HOUR_MS),
    beat=st.sampled_from([30, 60]),
    order=st.randoms(use_true_random=False),
)
def test_whatever_the_clock_says_minutes_are_neither_negative_nor_above_the_length(
    joins: list[tuple[int, list[int]]], start: int, length: int, beat: int, order: random.Random
) -> None:
    seen: list[PresenceInterval] = []
    for joined, steps in joins:
        received = [joined + passed for passed in accumulate(steps)]
        order.shuffle(received)  # they come in late, in any order
        intervals = rules.seen_by_beats(received + received[:5], beat_seconds=beat, joined_ms=joined)
        assert intervals == rules.seen_by_beats(sorted(set(received)), beat_seconds=beat, joined_ms=joined)
        seen += [PresenceInterval(*interval, Source.LIVE) for interval in intervals]
    outcome = compute_outcome(seen, span=Span(start, start + length, length), min_percent=60)
    assert 0 <= outcome.present_ms <= length
    assert 0 <= outcome.percent_tenths <= 1000


class Clock:
    """A clock that one can set, in place of the machine's."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def pass_by(self, **time: float) -> None:
        self.now += timedelta(**time)


@pytest.fixture
def hands(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock(START)
    monkeypatch.setattr(clock, "now", lambda: made.now)
    return made


class Watched:
    """A lecture of 90 minutes that begins now, and one person in it."""

    def __init__(self, app: APIFlask, client: FlaskClient, make: Make) -> None:
        self.app, self.client = app, client
        teacher, self.ada = make.person("Lin Yuhan", roles=["instructor"]), make.person("Ada", email="ada@x.example")
        self.teacher, self.own = make.headers(teacher), make.headers(self.ada)
        series = make.series(instructors=[teacher])
        make.enrolment(series, self.ada)
        self.path = f"/api/v1/lectures/{make.lecture(series, starts_at=START, instructors=[teacher]).id}"

    def post(self, what: str, sent: dict[str, Any], headers: dict[str, str] | None = None) -> Any:
        return self.client.post(f"{self.path}/{what}", json=sent, headers=headers or self.teacher)

    def join(self) -> str:
        answer = self.post("join", {}, self.own)
        assert answer.status_code == 200, answer.json
        token: str = answer.json["room_token"]
        return token

    def beat(self, token: str, seq: int) -> None:
        assert self.post("presence", {"room_token": token, "seq": seq}).status_code == 204

    def row(self) -> Any:
        answer = self.client.get(f"{self.path}/attendance", headers=self.teacher)
        assert answer.status_code == 200, answer.json
        [item] = answer.json["items"]
        return item

    def credit(self) -> int:
        with self.app.app_context():
            jobs.run_due()
            credit = db.session.query(Credit).one_or_none()
            return credit.present_ms if credit else 0


@pytest.fixture
def watched(app: APIFlask, client: FlaskClient, make: Make, hands: Clock) -> Watched:
    made = Watched(app, client, make)
    assert made.post("start", {}).status_code == 200
    return made


@pytest.mark.databases
@pytest.mark.parametrize("jump", [-60, 60])
def test_a_jump_of_an_hour_in_the_middle(watched: Watched, hands: Clock, jump: int) -> None:
    hands.pass_by(minutes=1)
    token = watched.join()
    for seq in range(60):
        hands.pass_by(seconds=30)
        if seq == 30:
            hands.pass_by(minutes=jump)
        watched.beat(token, seq)
        length = max(90, (hands.now - START) / timedelta(minutes=1))
        assert 0 <= watched.row()["minutes"] <= length
    hands.pass_by(minutes=-jump)  # the machine's clock is put right
    hands.pass_by(minutes=5)
    end = hands.now
    assert watched.post("end", {}).status_code == 200
    length_ms = (end - START) // timedelta(milliseconds=1)
    present = watched.credit()
    assert 0 < present <= length_ms
    # half an hour was watched; a clock that went back or ahead hides the half after it, and invents nothing
    assert present <= 31 * 60_000
    row = watched.row()
    assert 0 < row["minutes"] <= 31
    assert 0 < row["percent"] <= 100
    assert all(one["joined_at"] <= one["left_at"] for one in row["intervals"])


@pytest.mark.databases
def test_an_end_before_the_start_is_refused_until_the_clock_is_right(watched: Watched, hands: Clock) -> None:
    hands.pass_by(minutes=10)
    token = watched.join()
    for seq in range(20):
        hands.pass_by(seconds=30)
        watched.beat(token, seq)
    hands.pass_by(hours=-1)
    answer = watched.post("end", {})
    assert (answer.status_code, [error["field"] for error in answer.json["errors"]]) == (422, ["at"])
    assert watched.row()["minutes"] == 10.0  # to the last beat that came in, whatever the clock says now
    watched.beat(token, 20)
    hands.pass_by(hours=1)
    assert watched.post("end", {}).status_code == 200
    assert watched.credit() == 10 * 60_000


@pytest.mark.databases
def test_beats_doubled_late_and_shuffled_are_the_same_minutes(watched: Watched, hands: Clock) -> None:
    """What counts is when a beat came in: sent twice, out of turn, or after a gap, it is the same union."""
    sent = [(minutes, seq) for seq, minutes in enumerate((0.5, 1, 1.5, 2, 20, 20.5, 21, 3))]
    random.Random(4).shuffle(sent)
    token = watched.join()
    for minutes, seq in sent + sent[::-1]:
        hands.now = START + timedelta(minutes=minutes)
        watched.beat(token, seq)
    hands.now = START + timedelta(minutes=30)
    assert watched.post("end", {}).status_code == 200
    # [0, 2] and [2.25, 3] from the beats up to 3, and [19.25, 21]: each reaches 45 s back
    assert watched.credit() == (2 * 60 + 45 + 60 + 45) * 1000


# Signing in and forms


class Browser:
    """A browser before two servers with one database, each with a clock of its own, as behind a balancer."""

    def __init__(self, app: APIFlask, hands: Clock) -> None:
        self.client, self.hands = app.test_client(), hands

    def at(self, offset: float) -> FlaskClient:
        """The server whose clock is ahead by so many seconds."""
        self.hands.now = START + timedelta(seconds=offset)
        return self.client

    def token(self, path: str, offset: float) -> str:
        """The token of the form that this server wrote."""
        return token_in(self.at(offset).get(path).text)

    def sign_in(self, page: float, form: float) -> int:
        """Opens the page at one server and sends its form to another; the status of the answer."""
        given = {"csrf_token": self.token("/sign-in", page), "email": "ada@x.example", "password": PASSWORD}
        return self.at(form).post("/sign-in", data=given).status_code


@pytest.fixture
def browser(app: APIFlask, make: Make, hands: Clock, monkeypatch: pytest.MonkeyPatch) -> Browser:
    make.person("Ada", email="ada@x.example", password=PASSWORD)
    for signer in ("itsdangerous.timed.time", "flask_wtf.csrf.time"):  # their clock is the machine's
        monkeypatch.setattr(signer, SimpleNamespace(time=lambda: hands.now.timestamp()), raising=False)
    return Browser(app, hands)


def test_a_clock_that_is_set_back_signs_nobody_out(browser: Browser) -> None:
    assert browser.sign_in(page=0, form=1) == 302
    for offset in (2, -3, -3600, 5):
        assert browser.at(offset).get("/account").status_code == 200
    token = browser.token("/account", 5)
    assert browser.at(-3).post("/sign-out", data={"csrf_token": token}).status_code == 302
    assert browser.at(6).get("/account").location == "/sign-in?next=/account"


@pytest.mark.parametrize(("page", "form"), [(2, 0), (0, 2), (50, 0)])
def test_servers_whose_clocks_differ_take_each_others_forms_and_sign_ins(
    browser: Browser, page: float, form: float
) -> None:
    assert browser.sign_in(page, form) == 302
    assert [browser.at(offset).get("/account").status_code for offset in (page, form) * 5] == [200] * 10


def test_a_device_is_known_to_a_server_whose_clock_is_behind(browser: Browser, app: APIFlask) -> None:
    with app.test_request_context():
        marked = remember(app.response_class(), 7).headers["Set-Cookie"].partition(";")[0]
    for offset, is_known in [(-2, True), (3, True), (DEVICE_LASTS.total_seconds() + 60, False)]:
        browser.at(offset)
        with app.test_request_context(headers={"Cookie": marked}):
            assert (known_device() is not None) is is_known

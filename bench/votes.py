"""Everybody in a lecture votes at once: for the same question, and in the same poll."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from flask import session
from flask_wtf.csrf import generate_csrf
from sqlalchemy import create_engine, text

from bench.database import Spent, opened, spent_on
from bench.live import ADMINISTRATOR, GROUP
from bench.programme import people_file, take_enrolments
from bench.served import Served, post
from bench.table import CannotMeasure
from bench.viewers import AT_ONCE, SECRET, Audience
from lms.app import create_app
from lms.config import Config
from lms.core.database.session import action, db, write_connection, write_turn
from lms.core.time import clock
from lms.discussion import actions, polls
from lms.people.models import Account, SignInSession
from lms.people.passwords import hash_secret

FORM = "application/x-www-form-urlencoded"
OPTIONS = ("Wallet", "Card", "Bank transfer", "Cash")


@dataclass(frozen=True)
class Kind:
    """What people do: its address below the lecture, what they send, and by which rows it is counted."""

    name: str
    path: str
    form: Callable[[int], str]
    table: str
    key: str
    of_id: int
    write: Callable[[Any], object]


@dataclass(frozen=True)
class Voted:
    """What the votes of all came to. `wrong`: acknowledged and not counted, or counted and never sent."""

    seconds: float
    p50_ms: float
    p99_ms: float
    cpu_ms: float
    acknowledged: int
    wrong: int


class Voting:
    """A live lecture with questions and polls, two of each: one is voted for barely, and one over HTTP."""

    def __init__(self, audience: Audience) -> None:
        self.audience = audience
        self.asker = len(audience.joins)
        self.people = range(1, self.asker)  # nobody votes for their own question
        with opened(audience.folder, audience.url):
            take_enrolments(people_file(len(audience.joins)))
            self.questions, self.polls = [self._ask(), self._ask()], [self._open_poll(), self._open_poll()]
            secret_of = self._sign_in()
        self._headers = self._cookies(secret_of)

    def kinds(self) -> list[Kind]:
        """Votes for the second question, and answers to the second poll; what is written barely is of the first."""
        lecture_id, first, second = self.audience.lecture_id, self.questions[0], self.questions[1]
        poll, now_ms = self.polls[0], clock.to_ms(clock.now())
        votes = [actions.Vote(lecture_id, first, person) for person in self.people]
        ballots = [polls.Ballot(poll, person, 1, now_ms) for person in self.people]
        return [
            Kind(
                "vote", f"questions/{second}/vote", lambda _person: "", "question_vote", "question_id", second,
                lambda line: [actions.write_votes(line, some) for some in _groups(votes, line)],
            ),
            Kind(
                "answer to a poll", f"polls/{self.polls[1]}/vote", lambda person: f"&option={person % len(OPTIONS)}",
                "poll_answer", "poll_id", self.polls[1],
                lambda line: [polls.write_ballots(line, some) for some in _groups(ballots, line)],
            ),
        ]  # fmt: skip

    def write_barely(self, kind: Kind) -> Spent:
        """Writes the same as the group writer does, `GROUP` in a transaction, without any request."""
        with opened(self.audience.folder, self.audience.url):
            line = write_connection()
            spent, _nothing = spent_on(lambda: kind.write(line))
            line.close()
        return spent

    def send(self, served: Served, kind: Kind, *, seconds: float) -> Voted:
        """Everybody does it once within these seconds, and a tenth of them twice."""
        path = f"/lectures/{self.audience.lecture_id}/{kind.path}"
        people = [*self.people, *self.people[: len(self.people) // 10]]
        requests = []
        for person in people:
            headers, token = self._headers[person - 1]
            requests.append(post(path, f"csrf_token={token}{kind.form(person)}".encode(), FORM, headers))
        cost = served.cost(requests, connections=AT_ONCE, rate=len(requests) / seconds)
        waits = sorted(cost.report.latencies_ms)
        counted = self._counted(kind)
        acknowledged = {people[number] for number in cost.report.acknowledged}
        wrong = len(acknowledged.symmetric_difference(counted)) + len(counted) - len(set(counted))
        return Voted(
            cost.report.seconds,
            waits[len(waits) // 2],
            waits[len(waits) * 99 // 100],
            cost.cpu_ms,
            len(requests),
            wrong,
        )

    def _counted(self, kind: Kind) -> list[int]:
        engine = create_engine(self.audience.url or f"sqlite:///{self.audience.folder / 'serai.db'}")
        query = text(f"SELECT person_id FROM {kind.table} WHERE {kind.key} = :of_id")  # noqa: S608
        try:
            with engine.connect() as line:
                return list(line.execute(query, {"of_id": kind.of_id}).scalars())
        finally:
            engine.dispose()

    def _ask(self) -> int:
        return actions.ask_question(
            self.audience.lecture_id, "Why?", is_anonymous=False, person_id=self.asker, by=ADMINISTRATOR, at=clock.now()
        )

    def _open_poll(self) -> int:
        lecture_id, given = self.audience.lecture_id, {"by": ADMINISTRATOR, "at": clock.now()}
        poll_id = polls.make_poll(lecture_id, "How?", OPTIONS, is_several=False, **given)  # type: ignore[arg-type]
        polls.change_poll(lecture_id, poll_id, "open", **given)  # type: ignore[arg-type]
        return poll_id

    @action
    def _sign_in(self) -> dict[int, str]:
        """Everybody has signed in with a browser; returns the secrets of their sessions."""
        now, secret_of = clock.now(), {}
        for person in self.people:
            secret_of[person] = secrets.token_hex(16)
            db.session.add(Account(person_id=person, password_hash=None, created_at=now))
            db.session.add(
                SignInSession(
                    person_id=person, secret_hash=hash_secret(secret_of[person]), browser="", system="",
                    created_at=now, seen_at=now, expires_at=now + timedelta(days=1),
                )
            )  # fmt: skip
        return secret_of

    def _cookies(self, secret_of: dict[int, str]) -> list[tuple[dict[str, str], str]]:
        """The headers of each browser, and the token of its forms."""
        config = Config.load(
            None, data=str(self.audience.folder), database_url=self.audience.url, log_level="ERROR", secret_key=SECRET
        )
        app = create_app(config)
        interface: Any = app.session_interface
        made = []
        with app.test_request_context("/"):
            token = generate_csrf()
            for secret in secret_of.values():
                content = {"_user_id": secret, "_fresh": True, "csrf_token": session["csrf_token"]}
                cookie = f"{interface.get_cookie_name(app)}={interface.get_signing_serializer(app).dumps(content)}"
                made.append(({"Cookie": cookie, "Accept": "application/json"}, token))
        return made


def _groups(rows: Sequence[Any], line: Any) -> Any:
    """Yields parts of the rows, each inside a transaction of its own."""
    if not rows:
        raise CannotMeasure("nobody votes")
    for start in range(0, len(rows), GROUP):
        with write_turn(db.engine), line.begin():
            yield rows[start : start + GROUP]

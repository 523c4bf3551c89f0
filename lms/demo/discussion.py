"""Questions and polls of the demonstration: in the lecture whose recording is made, and in the one that is live."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from random import Random
from typing import Any

from sqlalchemy import select

from lms.attendance.models.evidence import Join
from lms.catalogue.models import Lecture, LectureState
from lms.core.database.bulk import insert_many
from lms.core.database.session import action, db, read_column
from lms.core.time.clock import to_ms
from lms.demo.programme import read_json
from lms.discussion.models import LectureQuestion, Poll, PollAnswer, PollState, QuestionState, QuestionVote, RaisedHand
from lms.feedback.queries import attended_ids
from lms.people.queries.persons import find_person_id

MOST_VOTERS = 400
"""The number of people of a lecture who vote at most."""


@action
def take_in(held_id: int | None, *, trainee: str, now: datetime, seed: int) -> None:
    """Adds what people asked and answered. The trainee did neither, so that there is something left to try."""
    seeds, trainee_id = read_json("discussion.json"), find_person_id(trainee)
    held = db.session.get(Lecture, held_id) if held_id is not None else None
    if held is not None and held.actual_start is not None:
        came = [person for person in attended_ids(held) if person != trainee_id]
        _discuss(held.id, sorted(came), seeds["replay"], since=held.actual_start, until=now, seed=seed)
    live = db.session.scalars(select(Lecture).where(Lecture.state == LectureState.LIVE).order_by(Lecture.id)).first()
    if live is not None:
        joined = read_column(select(Join.person_id).where(Join.lecture_id == live.id).distinct())
        present = sorted(person for person in joined if person is not None and person != trainee_id)
        _discuss(live.id, present, seeds["live"], since=now, until=now, seed=seed)


def _discuss(
    lecture_id: int, people: Sequence[int], seeds: dict[str, Any], *, since: datetime, until: datetime, seed: int
) -> None:
    """`since`: what the seconds of the seeds are counted from; what would be after `until` has not happened."""
    draw = Random(f"{seed}:discussion {lecture_id}")  # noqa: S311  invented, not a secret
    if len(people) < len(seeds["questions"]):
        return
    people = draw.sample(people, min(len(people), MOST_VOTERS))

    def moment(seconds: int | None) -> datetime | None:
        at = None if seconds is None else since + timedelta(seconds=seconds)
        return at if at is None or at <= until else None

    for place, given in enumerate(seeds["questions"]):
        answered_at = moment(given.get("answered"))
        row = LectureQuestion(
            lecture_id=lecture_id,
            person_id=people[place],
            text=given["text"],
            is_anonymous=given.get("is_anonymous", False),
            state=QuestionState.OPEN if answered_at is None else QuestionState.ANSWERED,
            asked_at=moment(given["asked"]),
            taken_at=moment(given.get("taken")),
            answered_at=answered_at,
            answer=given.get("answer", "") if answered_at is not None else "",
        )
        db.session.add(row)
        db.session.flush()
        voters = draw.sample(people, len(people) * given["votes"] // 100)
        insert_many(QuestionVote.__table__, [{"question_id": row.id, "person_id": voter} for voter in voters])
    _poll(lecture_id, people, seeds["poll"], moment, draw)
    for place, seconds in enumerate(seeds.get("hands", ())):
        db.session.add(
            RaisedHand(
                lecture_id=lecture_id, person_id=people[-1 - place], raised_at=since + timedelta(seconds=seconds)
            )
        )


def _poll(lecture_id: int, people: Sequence[int], given: dict[str, Any], moment: Any, draw: Random) -> None:
    opened_at, closed_at = moment(given["opened"]), moment(given.get("closed"))
    poll = Poll(
        lecture_id=lecture_id,
        text=given["text"],
        options=given["options"],
        is_several=False,
        state=PollState.OPEN if closed_at is None else PollState.CLOSED,
        made_at=opened_at,
        opened_at=opened_at,
        closed_at=closed_at,
    )
    db.session.add(poll)
    db.session.flush()
    answering = people[: len(people) * given.get("people", 85) // 100]
    chosen = draw.choices(range(len(given["options"])), given["weights"], k=len(answering))
    rows = [
        {
            "poll_id": poll.id,
            "person_id": person,
            "choices": 1 << option,
            "answered_ms": to_ms(opened_at) + 1000 * place,
        }
        for place, (person, option) in enumerate(zip(answering, chosen, strict=True))
    ]
    insert_many(PollAnswer.__table__, rows)

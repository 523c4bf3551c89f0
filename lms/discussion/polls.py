"""Polls of a lecture: made and opened by staff, answered by people until they close, and counted from the answers."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import func, select, text
from sqlalchemy.engine import Connection

from lms.catalogue.models import LectureState
from lms.catalogue.queries.lectures import get_lecture
from lms.catalogue.rules import check_can_edit_lecture
from lms.core.base.cells import Cells
from lms.core.base.disclosure import Member
from lms.core.base.errors import Invalid, NotFound, Refused
from lms.core.base.roles import Actor
from lms.core.database import audit
from lms.core.database.bulk import among
from lms.core.database.cache_versions import memory
from lms.core.database.group_commit import group_writer
from lms.core.database.session import action, after_commit, db, one_at_a_time, read, read_column, shared_alias
from lms.core.text.i18n import _
from lms.core.text.typed_text import clean_line
from lms.core.time import clock
from lms.discussion import queries
from lms.discussion.models import Poll, PollAnswer, PollState
from lms.discussion.queries import Access, get_access
from lms.discussion.rules import MOST_OPTIONS, MOST_POLLS, OPTION_LENGTH, POLL_LENGTH, check_takes_part
from lms.enrolment.queries.rows import find_enrolment
from lms.people.models import Person
from lms.people.queries.countries import country_codes_of

_Member = shared_alias(Person, "poll_member")


@dataclass(frozen=True)
class PollView:
    """A poll as its reader sees it. `votes` by option is null where the reader does not see the results yet; `chosen`:
    the options that the reader chose, null before they answer."""

    poll: Poll
    answers: int
    votes: list[int] | None
    chosen: list[int] | None = None

    @property
    def options(self) -> list[dict[str, Any]]:
        """Each option with its votes, and its share of the answers in percent."""
        return [
            {
                "text": option,
                "votes": None if self.votes is None else self.votes[place],
                "percent": None if self.votes is None else round(100 * self.votes[place] / max(self.answers, 1)),
            }
            for place, option in enumerate(self.poll.options)
        ]


def _latest_answers(poll_ids: Sequence[int]) -> Any:
    """The answers to these polls, one a person: of merged people, the one that was given last counts."""
    rank = func.row_number().over(
        partition_by=(PollAnswer.poll_id, _Member.canonical_id),
        order_by=(PollAnswer.answered_ms.desc(), PollAnswer.person_id),
    )
    ranked = (
        select(PollAnswer.poll_id, _Member.canonical_id.label("person_id"), PollAnswer.choices, rank.label("place"))
        .join(_Member, _Member.id == PollAnswer.person_id)
        .where(PollAnswer.poll_id.in_(poll_ids))
        .subquery()
    )
    return select(ranked.c.poll_id, ranked.c.person_id, ranked.c.choices).where(ranked.c.place == 1).subquery("latest")


def _counted(poll_ids: Sequence[int]) -> dict[int, Counter[int]]:
    """How often each set of options was chosen in each poll."""
    latest = _latest_answers(poll_ids)
    query = select(latest.c.poll_id, latest.c.choices, func.count()).group_by(latest.c.poll_id, latest.c.choices)
    counted: dict[int, Counter[int]] = {poll_id: Counter() for poll_id in poll_ids}
    for poll_id, choices, count in read(query):
        counted[poll_id][choices] = count
    return counted


def chosen_options(choices: int) -> list[int]:
    """The options of a set, counted from 0."""
    return [place for place in range(MOST_OPTIONS) if choices >> place & 1]


def _views(polls: Sequence[Poll], *, is_staff: bool, person_id: int | None) -> list[PollView]:
    ids = [poll.id for poll in polls]
    counted = _counted(ids) if ids else {}
    chosen: dict[int, int] = {}
    if ids and person_id is not None:
        query = select(PollAnswer.poll_id, PollAnswer.choices).join(_Member, _Member.id == PollAnswer.person_id)
        query = query.where(_Member.canonical_id == person_id, PollAnswer.poll_id.in_(ids))
        chosen = dict(read(query.order_by(PollAnswer.answered_ms, PollAnswer.person_id.desc())))  # the last one counts
    views = []
    for poll in polls:
        sets = counted[poll.id]
        places = range(len(poll.options))
        votes = [sum(count for choices, count in sets.items() if choices >> place & 1) for place in places]
        is_visible = is_staff or poll.is_shown or poll.state is PollState.CLOSED
        mine = chosen_options(chosen[poll.id]) if poll.id in chosen else None
        views.append(PollView(poll, sets.total(), votes if is_visible else None, mine))
    return views


def _polls(lecture_id: int) -> Any:
    return select(Poll).where(Poll.lecture_id == lecture_id).order_by(Poll.id)


def list_polls(access: Access) -> list[PollView]:
    """Returns the polls of a lecture in their order: to staff all, to others those that were opened."""
    query = _polls(access.lecture.id)
    if not access.is_staff:
        query = query.where(Poll.state != PollState.DRAFT)
    return _views(db.session.scalars(query).all(), is_staff=access.is_staff, person_id=access.person_id)


def get_poll(lecture_id: int, poll_id: int, *, person_id: int | None = None, by: Actor, at: datetime) -> PollView:
    """Returns a poll. Raises NotFound and Forbidden."""
    access = get_access(lecture_id, by=by, at=at, person_id=person_id)
    for view in list_polls(access):
        if view.poll.id == poll_id:
            return view
    raise NotFound


def get_shared_polls(lecture_id: int, *, at: datetime) -> list[PollView]:
    """The polls that all people in a room see, the last three that were opened, read at most every `STANDS_MS`. Its
    callers check who asks."""
    cached, now = memory("polls"), clock.to_ms(at)
    entry: tuple[int, list[PollView]] | None = cached.get(lecture_id)
    if entry is None or not 0 <= now - entry[0] < queries.STANDS_MS:
        cached[lecture_id] = entry = now, _read_shared_polls(lecture_id)
    return entry[1]


def _forget(lecture_id: int) -> None:
    after_commit(lambda: memory("polls").pop(lecture_id, None))


def _read_shared_polls(lecture_id: int) -> list[PollView]:
    query = select(Poll).where(Poll.lecture_id == lecture_id, Poll.state != PollState.DRAFT)
    polls = db.session.scalars(query.order_by(Poll.opened_at.desc(), Poll.id.desc()).limit(3)).all()
    views = _views(polls, is_staff=False, person_id=None)
    for view in views:
        db.session.expunge(view.poll)
    return views


@dataclass(frozen=True)
class CountryAnswers:
    """How many people of a country answered a poll, and how often each option was chosen by them."""

    code: str
    answers: int
    votes: list[int]


def countries_of(poll: Poll) -> list[CountryAnswers]:
    """The countries of those who answered a closed poll, most first, as they were released when it was closed last. Its
    callers check who asks."""
    if poll.state is not PollState.CLOSED or poll.countries is None:
        return []
    return [CountryAnswers(**country) for country in poll.countries["shown"]]


def _release_countries(poll: Poll, at: datetime) -> None:
    """Stores the countries that can be shown beside the results of all, inside the running action. Closed again, a
    poll shows other ones only where they differ by five people or more (`core.base.cells`)."""
    db.session.refresh(poll, with_for_update=True)  # who answers at this moment is counted, or finds it closed
    latest = _latest_answers([poll.id])
    given: dict[int, int] = dict(read(select(latest.c.person_id, latest.c.choices)))
    cells = Cells(poll.countries["cells"] if poll.countries is not None else None)
    codes = country_codes_of(given, clock.day_of(at, clock.reporting_zone()))
    members: list[Member] = list(given.items())
    values = {"country": {member: codes.get(member[0], "") for member in members}}
    people = read(select(Person.id, Person.canonical_id).where(among(Person.id, {*given, *cells.records})))
    cells.renew(members, values, {}, {record: person or record for record, person in people}, is_over=True)
    places = range(len(poll.options))
    shown: list[dict[str, Any]] = [
        {
            "code": code,
            "answers": len(of_country),
            "votes": [sum(int(choices) >> place & 1 for _person, choices in of_country) for place in places],
        }
        for code, of_country in cells.shown().get("country", {}).items()
        if code
    ]
    poll.countries = {
        "shown": sorted(shown, key=lambda country: (-country["answers"], country["code"])),
        "cells": cells.as_json(),
    }


def _begin(lecture_id: int, by: Actor) -> None:
    one_at_a_time(f"discussion of lecture {lecture_id}")
    _forget(lecture_id)
    check_can_edit_lecture(get_lecture(lecture_id, by=by), by)


@action
def make_poll(
    lecture_id: int, question: str | None, options: Sequence[str], *, is_several: bool, by: Actor, at: datetime
) -> int:
    """Makes a poll, which nobody sees until it is opened. Returns its id.

    Raises NotFound, Forbidden, Invalid (`text`, `options`), and Refused where there are too many.
    """
    _begin(lecture_id, by)
    words = clean_line(question)
    if not words:
        raise Invalid("text", _("Enter the question of the poll."))
    if len(words) > POLL_LENGTH:
        raise Invalid("text", _("Use at most %(n)s characters.", n=POLL_LENGTH))
    lines = [line for line in map(clean_line, options) if line]
    if not 2 <= len(lines) <= MOST_OPTIONS or len({line.casefold() for line in lines}) < len(lines):
        raise Invalid("options", _("Enter 2 to %(n)s different options.", n=MOST_OPTIONS))
    if max(map(len, lines)) > OPTION_LENGTH:
        raise Invalid("options", _("Use at most %(n)s characters.", n=OPTION_LENGTH))
    if len(read_column(select(Poll.id).where(Poll.lecture_id == lecture_id))) >= MOST_POLLS:
        raise Refused(_("A lecture can have %(n)s polls.", n=MOST_POLLS))
    poll = Poll(lecture_id=lecture_id, text=words, options=lines, is_several=is_several, made_at=at)
    db.session.add(poll)
    db.session.flush()
    audit.record("make_poll", by=by, at=at, detail={"poll": poll.id}, lecture=lecture_id)
    return poll.id


def _find(lecture_id: int, poll_id: int) -> Poll:
    poll = db.session.get(Poll, poll_id) if 0 < poll_id < 2**31 else None
    if poll is None or poll.lecture_id != lecture_id:
        raise NotFound
    return poll


@action
def change_poll(lecture_id: int, poll_id: int, step: str, *, by: Actor, at: datetime) -> None:
    """Opens a poll (`open`), closes it (`close`), shows its results before that (`show`) or removes a draft (`remove`).
    Opened again, it keeps its answers.

    Raises NotFound, Forbidden, Invalid (`do`), and Refused where the lecture is over or the step is not possible.
    """
    _begin(lecture_id, by)
    poll = _find(lecture_id, poll_id)
    if step == "open":
        if get_lecture(lecture_id, by=by).state in (LectureState.HELD, LectureState.CANCELLED):
            raise Refused(_("This lecture is over."))
        poll.state, poll.opened_at, poll.closed_at = PollState.OPEN, poll.opened_at or at, None
    elif step == "close" and poll.state is not PollState.DRAFT:
        if poll.state is PollState.OPEN:
            _release_countries(poll, at)
        poll.state, poll.closed_at = PollState.CLOSED, poll.closed_at or at
    elif step == "show" and poll.state is not PollState.DRAFT:
        poll.is_shown = True
    elif step == "remove" and poll.state is PollState.DRAFT:
        db.session.delete(poll)
    elif step in ("close", "show", "remove"):
        raise Refused(_("Only a poll that was opened can be closed or shown, and only a draft removed."))
    else:
        raise Invalid("do", _("Choose an option from the list."))
    audit.record(f"{step}_poll", by=by, at=at, detail={"poll": poll_id}, lecture=lecture_id)


class Ballot(NamedTuple):
    """An answer as it came."""

    poll_id: int
    person_id: int
    choices: int
    answered_ms: int


_STORE = text(
    "INSERT INTO poll_answer (poll_id, person_id, choices, answered_ms) "
    "VALUES (:poll_id, :person_id, :choices, :answered_ms) ON CONFLICT (poll_id, person_id) "
    "DO UPDATE SET choices = excluded.choices, answered_ms = excluded.answered_ms"
)


def write_ballots(connection: Connection, ballots: Sequence[Ballot]) -> list[bool]:
    """Stores answers inside the running transaction, each in place of the person's earlier one. Returns for each
    whether its poll is open: answers to others are not stored."""
    poll_ids = sorted({ballot.poll_id for ballot in ballots})
    locked = select(Poll.id).where(Poll.id.in_(poll_ids), Poll.state == PollState.OPEN).order_by(Poll.id)
    is_open = set(connection.execute(locked.with_for_update(read=True)).scalars())
    rows = sorted({ballot[:2]: ballot for ballot in ballots if ballot.poll_id in is_open}.values())
    if rows:  # in one order in every process, so that groups never wait in a circle
        connection.execute(_STORE, [row._asdict() for row in rows])
    return [ballot.poll_id in is_open for ballot in ballots]


def answer_poll(
    lecture_id: int, poll_id: int, options: Sequence[int], *, person_id: int, by: Actor, at: datetime
) -> None:
    """Answers an open poll, or changes the answer, by group commit: returns once it is committed.

    The snapshot has it within `STANDS_MS`.

    Raises NotFound, Forbidden, Invalid (`options`), and Refused where the room or the poll is not open.
    """
    lecture = get_lecture(lecture_id, by=by)
    check_takes_part(lecture, find_enrolment(lecture.series_id, person_id), at)
    poll = _find(lecture_id, poll_id)
    if poll.state is PollState.DRAFT:
        raise NotFound
    places = set(options)
    if not places or not places <= set(range(len(poll.options))) or (len(places) > 1 and not poll.is_several):
        single, several = _("Choose one of the options."), _("Choose at least one of the options.")
        raise Invalid("options", several if poll.is_several else single)
    choices = sum(1 << place for place in places)
    db.session.rollback()  # the group must not wait for what was read here
    if not group_writer("ballots", write_ballots).write(Ballot(poll_id, person_id, choices, clock.to_ms(at))):
        raise Refused(_("This poll is closed."))


def close_polls(lecture_id: int, *, at: datetime) -> None:
    """Closes all open polls of a lecture that is over, inside the running action."""
    query = select(Poll).where(Poll.lecture_id == lecture_id, Poll.state == PollState.OPEN).order_by(Poll.id)
    for poll in db.session.scalars(query.with_for_update()):
        _release_countries(poll, at)
        poll.state, poll.closed_at = PollState.CLOSED, at
    _forget(lecture_id)


def count_polls(lecture_id: int) -> tuple[int, int]:
    """How many polls of a lecture were opened, and the answers to them all. Its callers check who asks."""
    query = select(Poll.id).where(Poll.lecture_id == lecture_id, Poll.state != PollState.DRAFT)
    ids = list(read_column(query))
    return len(ids), sum(sets.total() for sets in _counted(ids).values()) if ids else 0


def polls_of_person(person_id: int) -> list[dict[str, Any]]:
    """The answers of a person to polls, for their export."""
    query = select(Poll, PollAnswer.choices).join(PollAnswer, PollAnswer.poll_id == Poll.id)
    query = query.join(_Member, _Member.id == PollAnswer.person_id).where(_Member.canonical_id == person_id)
    return [
        {
            "lecture": poll.lecture_id,
            "poll": poll.text,
            "answer": [poll.options[place] for place in chosen_options(choices)],
        }
        for poll, choices in db.session.execute(query.order_by(Poll.id))
    ]

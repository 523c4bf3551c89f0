"""Reads of the questions and raised hands of a lecture."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Select, and_, exists, func, or_, select

from lms.catalogue.models import Lecture
from lms.catalogue.queries.lectures import get_lecture
from lms.catalogue.rules import check_can_edit_lecture, may_edit_lecture, room_is_open
from lms.core.base.errors import Forbidden, NotFound
from lms.core.base.roles import Actor
from lms.core.database.cache_versions import memory
from lms.core.database.session import after_commit, db, read, read_column, read_value, shared_alias
from lms.core.text.i18n import _
from lms.core.time import clock
from lms.core.time.clock import day_of, reporting_zone
from lms.discussion.models import DiscussionSettings, LectureQuestion, QuestionState, QuestionVote, RaisedHand
from lms.discussion.rules import PUBLIC, position_ms
from lms.enrolment.queries.rows import find_enrolment
from lms.enrolment.rules import is_enrolled
from lms.people.models import Person
from lms.people.queries.countries import country_codes_of
from lms.streaming.queries import ReplayPart, replay_parts

STANDS_MS = 1_000
"""For so long a process shows the same questions to all, in milliseconds."""
SHOWN_OPEN, SHOWN_ANSWERED = 20, 10
"""Questions in the snapshot of a room. All of them are on a page of their own."""
PAGE = 100
_Asker = shared_alias(Person, "asker")
_Voter = shared_alias(Person, "voter")


@dataclass(frozen=True)
class QuestionView:
    """A question with its votes. `name`: who asked; null to those who may not see it."""

    question: LectureQuestion
    name: str | None
    votes: int
    is_mine: bool = False
    has_voted: bool = False
    position_ms: int | None = None

    @property
    def is_being_answered(self) -> bool:
        """Whether the lecturer is answering it now."""
        return self.question.state is QuestionState.OPEN and self.question.taken_at is not None

    @property
    def at_seconds(self) -> int | None:
        """The second of the replay at which it was answered."""
        return None if self.position_ms is None else self.position_ms // 1000


@dataclass(frozen=True)
class Hand:
    """A raised hand as staff see it."""

    public_id: str
    name: str
    country: str | None
    raised_at: datetime


@dataclass(frozen=True)
class Access:
    """The permissions of somebody in the discussion of a lecture. `can_take_part`: enrolled, and the room is open."""

    lecture: Lecture
    is_staff: bool
    takes_part: bool
    can_take_part: bool
    person_id: int | None


def get_access(lecture_id: int, *, by: Actor, at: datetime, person_id: int | None = None) -> Access:
    """Returns what the actor, or the person for whom an administrator acts, can do. Raises NotFound and, for people who
    are neither enrolled nor staff nor reporters, Forbidden."""
    lecture = get_lecture(lecture_id, by=by)
    who = person_id or by.person_id
    is_staff = may_edit_lecture(lecture, by)
    takes_part = who is not None and is_enrolled(find_enrolment(lecture.series_id, who))
    if not (is_staff or takes_part or by.is_reporter):
        raise Forbidden(_("The room is only for people enrolled in the series."))
    return Access(lecture, is_staff, takes_part, takes_part and room_is_open(lecture, at), who)


def get_settings(lecture_id: int) -> DiscussionSettings:
    """The settings of a lecture, or the defaults. Its callers check who asks."""
    cached = db.session.get(DiscussionSettings, lecture_id)
    return cached or DiscussionSettings(
        lecture_id=lecture_id, takes_questions=True, allows_anonymous=True, is_reviewed=False
    )


def _counted(lecture_id: int, question_id: int | None = None) -> Any:
    """The votes for each question of a lecture, or for one, those of merged ones included. Merged people vote once."""
    of_id = func.coalesce(LectureQuestion.merged_into_id, LectureQuestion.id)
    query = (
        select(of_id.label("question_id"), func.count(func.distinct(_Voter.canonical_id)).label("votes"))
        .join(QuestionVote, QuestionVote.question_id == LectureQuestion.id)
        .join(_Voter, _Voter.id == QuestionVote.person_id)
        .where(LectureQuestion.lecture_id == lecture_id)
        .group_by(of_id)
    )
    if question_id is not None:
        query = query.where(or_(LectureQuestion.id == question_id, LectureQuestion.merged_into_id == question_id))
    return query.subquery("counted")


def _listed(lecture_id: int, states: Collection[QuestionState], question_id: int | None = None) -> Select[Any]:
    """Questions, or one, with votes and the name of who asked; the most votes first, of as many the oldest."""
    counted = _counted(lecture_id, question_id)
    votes = func.coalesce(counted.c.votes, 0)
    member = shared_alias(Person, "member")
    query = (
        select(LectureQuestion, _Asker.full_name, _Asker.id, votes)
        .join(member, member.id == LectureQuestion.person_id)
        .join(_Asker, _Asker.id == member.canonical_id)
        .outerjoin(counted, counted.c.question_id == LectureQuestion.id)
        .where(
            LectureQuestion.lecture_id == lecture_id,
            LectureQuestion.merged_into_id.is_(None),
            LectureQuestion.text != "",
        )
        .where(LectureQuestion.state.in_(states))
        .order_by(votes.desc(), LectureQuestion.id)
    )
    return query if question_id is None else query.where(LectureQuestion.id == question_id)


def _views(
    rows: Sequence[Any], *, is_staff: bool, person_id: int | None, parts: Sequence[ReplayPart] = ()
) -> list[QuestionView]:
    voted = _voted_ids([row[0].id for row in rows], person_id)
    return [
        QuestionView(
            question,
            name if is_staff or not question.is_anonymous else None,
            votes,
            asker_id == person_id,
            question.id in voted,
            position_ms(parts, question.taken_at or question.answered_at) if parts else None,
        )
        for question, name, asker_id, votes in rows
    ]


def _voted_ids(question_ids: Sequence[int], person_id: int | None) -> set[int]:
    if person_id is None or not question_ids:
        return set()
    of_id = func.coalesce(LectureQuestion.merged_into_id, LectureQuestion.id)
    query = (
        select(of_id)
        .join(QuestionVote, QuestionVote.question_id == LectureQuestion.id)
        .join(_Voter, _Voter.id == QuestionVote.person_id)
        .where(_Voter.canonical_id == person_id, of_id.in_(question_ids))
    )
    return set(read_column(query))


def _may_see(access: Access) -> Any:
    """The condition for questions that the actor sees: staff all, others what is shown and what they asked
    themselves."""
    if access.is_staff:
        return LectureQuestion.id.is_not(None)
    own_ids = select(_Voter.id).where(_Voter.canonical_id == access.person_id)
    mine = and_(LectureQuestion.state == QuestionState.WAITING, LectureQuestion.person_id.in_(own_ids))
    return or_(LectureQuestion.state.in_(PUBLIC), mine)


@dataclass(frozen=True)
class QuestionPage:
    """A part of the questions of a lecture. `following`: where the next part begins; null at the end."""

    items: list[QuestionView]
    following: int | None


def list_questions(
    lecture_id: int,
    *,
    states: Collection[QuestionState] = tuple(QuestionState),
    start: int = 0,
    limit: int = PAGE,
    person_id: int | None = None,
    by: Actor,
    at: datetime,
) -> QuestionPage:
    """Returns questions that the actor can see, the most votes first. Raises NotFound and Forbidden."""
    access = get_access(lecture_id, by=by, at=at, person_id=person_id)
    query = _listed(lecture_id, states).where(_may_see(access)).offset(start).limit(limit + 1)
    rows = db.session.execute(query).all()
    items = _views(rows[:limit], is_staff=access.is_staff, person_id=access.person_id, parts=replay_parts(lecture_id))
    return QuestionPage(items, start + limit if len(rows) > limit else None)


def get_question(
    lecture_id: int, question_id: int, *, person_id: int | None = None, by: Actor, at: datetime
) -> QuestionView:
    """Returns one question. Raises NotFound and Forbidden."""
    access = get_access(lecture_id, by=by, at=at, person_id=person_id)
    query = _listed(lecture_id, tuple(QuestionState), question_id).where(_may_see(access))
    rows = db.session.execute(query).all()
    if not rows:
        raise NotFound
    parts = replay_parts(lecture_id)
    return _views(rows, is_staff=access.is_staff, person_id=access.person_id, parts=parts)[0]


def asker_id(lecture_id: int, question_id: int) -> int | None:
    """The person (canonical id) who asked a question; null where there is none. Callers check permission."""
    query = select(_Asker.canonical_id).join(LectureQuestion, LectureQuestion.person_id == _Asker.id)
    person_id: int | None = read_value(
        query.where(LectureQuestion.lecture_id == lecture_id, LectureQuestion.id == question_id)
    )
    return person_id


@dataclass(frozen=True)
class SharedDiscussion:
    """The discussion that all people in a room see: the most voted open questions, those answered last, how many there
    are, and which hands are up, by ids that name nobody."""

    takes_questions: bool
    allows_anonymous: bool
    open_count: int
    answered_count: int
    shown: list[QuestionView] = field(default_factory=list)
    hands: list[str] = field(default_factory=list)


def get_shared(lecture_id: int, *, at: datetime) -> SharedDiscussion:
    """Returns what all people in a room see alike, read at most every `STANDS_MS`. Its callers check who asks."""
    cached, now = memory("discussion"), clock.to_ms(at)
    entry: tuple[int, SharedDiscussion] | None = cached.get(lecture_id)
    if entry is not None and 0 <= now - entry[0] < STANDS_MS:
        return entry[1]
    entry = now, _read_shared(lecture_id)
    cached[lecture_id] = entry
    return entry[1]


def forget_shared(lecture_id: int) -> None:
    """Once the running action has committed, the next reader in this process gets the questions as they are then. Not
    before: who read meanwhile would keep for all what was."""
    after_commit(lambda: memory("discussion").pop(lecture_id, None))


def _read_shared(lecture_id: int) -> SharedDiscussion:
    decided = get_settings(lecture_id)
    counts = dict(read(_count_by_state(lecture_id)))
    shown = db.session.execute(_listed(lecture_id, [QuestionState.OPEN]).limit(SHOWN_OPEN)).all()
    answered = (
        _listed(lecture_id, [QuestionState.ANSWERED])
        .order_by(None)
        .order_by(LectureQuestion.answered_at.desc(), LectureQuestion.id)
        .limit(SHOWN_ANSWERED)
    )
    rows = [*shown, *db.session.execute(answered).all()]
    parts = replay_parts(lecture_id) if rows else []
    views = _views(rows, is_staff=False, person_id=None, parts=parts)
    for row in rows:
        db.session.expunge(row[0])  # other threads read them
    hands = select(RaisedHand.public_id).where(RaisedHand.lecture_id == lecture_id).order_by(RaisedHand.raised_at)
    return SharedDiscussion(
        decided.takes_questions,
        decided.allows_anonymous,
        counts.get(QuestionState.OPEN, 0),
        counts.get(QuestionState.ANSWERED, 0),
        views,
        list(read_column(hands)),
    )


def _count_by_state(lecture_id: int) -> Select[QuestionState, int]:
    return (
        select(LectureQuestion.state, func.count())
        .where(
            LectureQuestion.lecture_id == lecture_id,
            LectureQuestion.merged_into_id.is_(None),
            LectureQuestion.text != "",
        )
        .group_by(LectureQuestion.state)
    )


@dataclass(frozen=True)
class QuestionCounts:
    """The questions of a lecture that were not hidden, how many of them were answered, and the votes for them."""

    questions: int
    answered: int
    votes: int


def count_questions(lecture_id: int) -> QuestionCounts:
    """Counts questions, merged ones once, also those of erased people. Its callers check who asks."""
    counted = _counted(lecture_id)
    query = (
        select(LectureQuestion.state, func.count(), func.sum(func.coalesce(counted.c.votes, 0)))
        .outerjoin(counted, counted.c.question_id == LectureQuestion.id)
        .where(
            LectureQuestion.lecture_id == lecture_id,
            LectureQuestion.merged_into_id.is_(None),
            LectureQuestion.state != QuestionState.HIDDEN,
        )
    )
    by_state = {state: (count, int(votes)) for state, count, votes in read(query.group_by(LectureQuestion.state))}
    return QuestionCounts(
        sum(count for count, _votes in by_state.values()),
        by_state.get(QuestionState.ANSWERED, (0, 0))[0],
        sum(votes for _count, votes in by_state.values()),
    )


@dataclass(frozen=True)
class Own:
    """The acts of one person in the discussion of a lecture: votes by question, what they asked, whose hand is up."""

    voted: set[int]
    questions: list[QuestionView]
    hand: str | None


def get_own(access: Access) -> Own:
    """Returns what the person of an access did."""
    person_id, lecture_id = access.person_id, access.lecture.id
    if person_id is None or not access.takes_part:
        return Own(set(), [], None)
    own_ids = select(_Voter.id).where(_Voter.canonical_id == person_id)
    of_id = func.coalesce(LectureQuestion.merged_into_id, LectureQuestion.id)
    votes = (
        select(of_id)
        .join(QuestionVote, QuestionVote.question_id == LectureQuestion.id)
        .where(QuestionVote.person_id.in_(own_ids), LectureQuestion.lecture_id == lecture_id)
    )
    question_rows = _listed(lecture_id, (*PUBLIC, QuestionState.WAITING)).where(LectureQuestion.person_id.in_(own_ids))
    hand = select(RaisedHand.public_id).where(RaisedHand.lecture_id == lecture_id, RaisedHand.person_id.in_(own_ids))
    return Own(
        set(read_column(votes)),
        _views(db.session.execute(question_rows).all(), is_staff=False, person_id=person_id),
        read_value(hand.limit(1)),
    )


@dataclass(frozen=True)
class Queue:
    """The discussion that staff see: raised hands, questions by state, and what they decided."""

    lecture: Lecture
    settings: DiscussionSettings
    hands: list[Hand]
    questions: dict[str, list[QuestionView]]
    counts: dict[str, int]
    countries: dict[int, str]


def get_queue(lecture_id: int, *, by: Actor, at: datetime) -> Queue:
    """Returns the queue of a lecture to its staff: the first questions of each state. Raises NotFound and Forbidden."""
    lecture = get_lecture(lecture_id, by=by)
    check_can_edit_lecture(lecture, by)
    parts = replay_parts(lecture_id)
    questions = {}
    for state in QuestionState:
        query = _listed(lecture_id, [state]).limit(PAGE)
        questions[state.value] = _views(db.session.execute(query).all(), is_staff=True, person_id=None, parts=parts)
    taken = [view for view in questions["open"] if view.is_being_answered]
    questions["open"] = taken + [view for view in questions["open"] if not view.is_being_answered]
    hands = (
        select(RaisedHand, _Asker)
        .join(_Voter, _Voter.id == RaisedHand.person_id)
        .join(_Asker, _Asker.id == _Voter.canonical_id)
        .where(RaisedHand.lecture_id == lecture_id)
        .order_by(RaisedHand.raised_at, RaisedHand.public_id)
    )
    raised = db.session.execute(hands).all()
    askers = {view.question.person_id for views in questions.values() for view in views}
    countries = country_codes_of({*askers, *(person.id for _hand, person in raised)}, day_of(at, reporting_zone()))
    return Queue(
        lecture,
        get_settings(lecture_id),
        [Hand(hand.public_id, person.full_name, countries.get(person.id), hand.raised_at) for hand, person in raised],
        questions,
        {state.value: count for state, count in read(_count_by_state(lecture_id))},
        countries,
    )


def is_up(lecture_id: int, person_id: int) -> bool:
    """Whether a person's hand is up. Its callers check who asks."""
    own_ids = select(_Voter.id).where(_Voter.canonical_id == person_id)
    return bool(
        read_value(select(exists().where(RaisedHand.lecture_id == lecture_id, RaisedHand.person_id.in_(own_ids))))
    )


def export_of_person(person_id: int) -> dict[str, Any]:
    """Returns what a person asked, and how often they voted, for their export."""
    own_ids = select(Person.id).where(Person.canonical_id == person_id)
    question_rows = select(LectureQuestion).where(LectureQuestion.person_id.in_(own_ids)).order_by(LectureQuestion.id)
    return {
        "questions": [
            {
                "lecture": question.lecture_id,
                "text": question.text,
                "anonymous": question.is_anonymous,
                "state": question.state.value,
                "answer": question.answer,
                "asked_at": question.asked_at.isoformat(),
            }
            for question in db.session.scalars(question_rows)
        ],
        "votes": [
            {"lecture": lecture_id, "question": question_id}
            for lecture_id, question_id in read(
                select(LectureQuestion.lecture_id, LectureQuestion.id)
                .join(QuestionVote, QuestionVote.question_id == LectureQuestion.id)
                .where(QuestionVote.person_id.in_(own_ids))
                .order_by(LectureQuestion.id)
            )
        ],
        "raised_hands": list(read_column(select(RaisedHand.lecture_id).where(RaisedHand.person_id.in_(own_ids)))),
    }

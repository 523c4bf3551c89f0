"""Asking, voting, raising hands, and what staff do with questions."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Select, delete, func, select, text, update
from sqlalchemy.engine import Connection

from lms.catalogue.queries.lectures import get_lecture
from lms.catalogue.rules import check_can_edit_lecture
from lms.core.base.errors import Forbidden, Invalid, NotFound, Refused
from lms.core.base.roles import Actor
from lms.core.database import audit
from lms.core.database.group_commit import group_writer
from lms.core.database.session import action, db, one_at_a_time, read
from lms.core.text.i18n import _
from lms.core.text.typed_text import checked_words
from lms.discussion.models import LectureQuestion, QuestionState, RaisedHand
from lms.discussion.queries import asker_id, forget_shared, get_access, get_settings
from lms.discussion.rules import (
    MOST_HANDS,
    MOST_OPEN,
    MOST_OPEN_OF_PERSON,
    PUBLIC,
    check_takes_part,
    checked_question,
)
from lms.enrolment.queries.rows import find_enrolment
from lms.people.models import Person
from lms.people.queries.persons import find_person_id, members


def acting_person(email: str | None, *, is_demonstration: bool, by: Actor) -> int:
    """The id of the person who takes part: the actor or, where an administrator of a demonstration acts for others, the
    one with an address. Raises Forbidden and Invalid (`email`)."""
    if email is None:
        if by.person_id is None:
            raise Forbidden
        return by.person_id
    if not (by.is_administrator and is_demonstration):
        raise Forbidden(_("Administrators can act for other people only in a demonstration."))
    person_id = find_person_id(email)
    if person_id is None:
        raise Invalid("email", _("We found no one with this address."))
    return person_id


def _check_takes_part(lecture_id: int, person_id: int, *, by: Actor, at: datetime) -> None:
    lecture = get_lecture(lecture_id, by=by)
    check_takes_part(lecture, find_enrolment(lecture.series_id, person_id), at)


def _begin(lecture_id: int) -> None:
    one_at_a_time(f"discussion of lecture {lecture_id}")
    forget_shared(lecture_id)


@action
def ask_question(
    lecture_id: int, question: str | None, *, is_anonymous: bool, person_id: int, by: Actor, at: datetime
) -> int:
    """Asks a question for a person who takes part. Returns its id.

    Raises NotFound, Forbidden, Invalid (`text`, `anonymous`), and Refused where no questions are taken or there are as
    many as the lecture or the person can have.
    """
    _begin(lecture_id)
    _check_takes_part(lecture_id, person_id, by=by, at=at)
    decided = get_settings(lecture_id)
    if not decided.takes_questions:
        raise Refused(_("No questions are taken at the moment."))
    words = checked_question(question)
    if is_anonymous and not decided.allows_anonymous:
        raise Invalid("anonymous", _("In this lecture, questions are asked with your name."))
    waiting = select(LectureQuestion.person_id, func.count()).where(
        LectureQuestion.lecture_id == lecture_id, LectureQuestion.state.in_((QuestionState.OPEN, QuestionState.WAITING))
    )
    counts = dict(read(waiting.group_by(LectureQuestion.person_id)))
    if sum(counts.values()) >= MOST_OPEN:
        raise Refused(
            _("There are %(n)s open questions. Vote for one of them, or wait until some are answered.", n=MOST_OPEN)
        )
    if counts.get(person_id, 0) >= MOST_OPEN_OF_PERSON:
        raise Refused(_("You have %(n)s open questions. Wait until some are answered.", n=MOST_OPEN_OF_PERSON))
    row = LectureQuestion(
        lecture_id=lecture_id,
        person_id=person_id,
        text=words,
        is_anonymous=is_anonymous,
        state=QuestionState.WAITING if decided.is_reviewed else QuestionState.OPEN,
        asked_at=at,
    )
    db.session.add(row)
    db.session.flush()
    return row.id


class Vote(NamedTuple):
    """A vote as it came."""

    lecture_id: int
    question_id: int
    person_id: int


_STATES = select(LectureQuestion.id, LectureQuestion.lecture_id, LectureQuestion.state, LectureQuestion.merged_into_id)
_INSERT = text(
    "INSERT INTO question_vote (question_id, person_id) VALUES (:question_id, :person_id) "
    "ON CONFLICT (question_id, person_id) DO NOTHING"
)


def write_votes(connection: Connection, votes: Sequence[Vote]) -> list[QuestionState | None]:
    """Counts votes inside the running transaction; answers the state of the question of each, null where it has none
    that the voter could see. Only votes for open questions count, the same one once."""
    question_rows = connection.execute(
        _STATES.where(LectureQuestion.id.in_({vote.question_id for vote in votes}))
    ).all()
    states = {row.id: row for row in question_rows if row.merged_into_id is None}
    answers: list[QuestionState | None] = []
    for vote in votes:
        row = states.get(vote.question_id)
        is_seen = row is not None and row.lecture_id == vote.lecture_id and row.state in PUBLIC
        answers.append(row.state if row is not None and is_seen else None)
    counted = {
        (vote.question_id, vote.person_id)
        for vote, state in zip(votes, answers, strict=True)
        if state is QuestionState.OPEN
    }
    if counted:  # in one order in every process, so that groups never wait in a circle
        connection.execute(_INSERT, [{"question_id": of, "person_id": who} for of, who in sorted(counted)])
    return answers


def vote_for(lecture_id: int, question_id: int, *, person_id: int, by: Actor, at: datetime) -> None:
    """Votes for a question by group commit: returns once the vote is committed. A second vote changes nothing.

    The snapshot has it within `STANDS_MS`: counting again for each vote would cost more than the vote.

    Raises NotFound, Forbidden, and Refused where the room is not open, or the question was answered or is the person's
    own.
    """
    _check_takes_part(lecture_id, person_id, by=by, at=at)
    if asker_id(lecture_id, question_id) == person_id:
        raise Refused(_("You cannot vote for your own question."))
    db.session.rollback()  # the group must not wait for what was read here
    state = group_writer("votes", write_votes).write(Vote(lecture_id, question_id, person_id))
    if state is None:
        raise NotFound
    if state is QuestionState.ANSWERED:
        raise Refused(_("This question was answered."))


@action
def raise_hand(lecture_id: int, *, person_id: int, by: Actor, at: datetime) -> str:
    """Raises a person's hand; again, nothing changes. Returns the hand's public id.

    Raises NotFound, Forbidden, and Refused where the room is not open or too many hands are up.
    """
    _begin(lecture_id)
    _check_takes_part(lecture_id, person_id, by=by, at=at)
    hands = db.session.scalars(select(RaisedHand).where(RaisedHand.lecture_id == lecture_id)).all()
    own_ids = members(person_id)
    for hand in hands:
        if hand.person_id in own_ids:
            return hand.public_id
    if len(hands) >= MOST_HANDS:
        raise Refused(_("%(n)s hands are up already. Ask your question in writing.", n=MOST_HANDS))
    row = RaisedHand(lecture_id=lecture_id, person_id=person_id, raised_at=at)
    db.session.add(row)
    db.session.flush()
    return row.public_id


@action
def lower_hand(lecture_id: int, *, person_id: int, by: Actor, at: datetime) -> None:
    """Lowers a person's own hand. Raises NotFound and Forbidden."""
    _begin(lecture_id)
    get_access(lecture_id, by=by, at=at, person_id=person_id)
    own_ids = select(Person.id).where(Person.canonical_id == person_id)
    db.session.execute(
        delete(RaisedHand)
        .where(RaisedHand.lecture_id == lecture_id, RaisedHand.person_id.in_(own_ids))
        .execution_options(synchronize_session=False)
    )


def _begin_moderating(lecture_id: int, by: Actor) -> None:
    _begin(lecture_id)
    check_can_edit_lecture(get_lecture(lecture_id, by=by), by)


@action
def lower_hand_of(lecture_id: int, public_id: str, *, by: Actor, at: datetime) -> None:
    """Lowers a hand as staff; one that is down already is left. Raises NotFound and Forbidden."""
    _begin_moderating(lecture_id, by)
    row = db.session.scalars(
        select(RaisedHand).where(RaisedHand.lecture_id == lecture_id, RaisedHand.public_id == public_id)
    ).first()
    if row is not None:
        audit.record("lower_hand", by=by, at=at, lecture=lecture_id, person=row.person_id)
        db.session.delete(row)


@action
def change_settings(
    lecture_id: int,
    *,
    takes_questions: bool,
    allows_anonymous: bool,
    is_reviewed: bool,
    by: Actor,
    at: datetime,
) -> None:
    """Decides how questions are taken from now on. Raises NotFound and Forbidden."""
    _begin_moderating(lecture_id, by)
    decided = get_settings(lecture_id)
    new = {"takes_questions": takes_questions, "allows_anonymous": allows_anonymous, "is_reviewed": is_reviewed}
    changed = [name for name, value in new.items() if getattr(decided, name) != value]
    if not changed:
        return
    for name, value in new.items():
        setattr(decided, name, value)
    db.session.add(decided)
    audit.record("set_discussion", by=by, at=at, detail={"fields": changed}, lecture=lecture_id)


def _find_question(lecture_id: int, question_id: int) -> LectureQuestion:
    row = db.session.get(LectureQuestion, question_id) if 0 < question_id < 2**31 else None
    if row is None or row.lecture_id != lecture_id or row.merged_into_id is not None or not row.text:
        raise NotFound
    return row


@action
def take_question(lecture_id: int, question_id: int, *, by: Actor, at: datetime) -> None:
    """Begins to answer a question: its second in the replay. One that was being answered is answered then.

    Raises NotFound, Forbidden, and Refused unless the question is open.
    """
    _begin_moderating(lecture_id, by)
    row = _find_question(lecture_id, question_id)
    if row.state not in (QuestionState.OPEN, QuestionState.WAITING):
        raise Refused(_("Only an open question can be answered now."))
    if row.taken_at is not None:
        return
    db.session.execute(
        update(LectureQuestion)
        .where(
            LectureQuestion.lecture_id == lecture_id,
            LectureQuestion.state == QuestionState.OPEN,
            LectureQuestion.taken_at.is_not(None),
            LectureQuestion.merged_into_id.is_(None),
        )
        .values(state=QuestionState.ANSWERED, answered_at=at)
        .execution_options(synchronize_session=False)
    )
    row.state, row.taken_at = QuestionState.OPEN, at
    audit.record("take_question", by=by, at=at, detail={"question": row.id}, lecture=lecture_id)


@action
def change_question(
    lecture_id: int,
    question_id: int,
    *,
    state: QuestionState | None = None,
    answer: str | None = None,
    reason: str | None = None,
    by: Actor,
    at: datetime,
) -> None:
    """Shows a question again, marks it as answered, hides it, or answers it in writing, which answers it.

    `reason` is required to hide it, and only staff read it. Raises NotFound, Forbidden and Invalid (`reason`, `answer`,
    `state`).
    """
    _begin_moderating(lecture_id, by)
    row = _find_question(lecture_id, question_id)
    if state is QuestionState.WAITING:
        raise Invalid("state", _("Choose an option from the list."))
    before = row.state, row.answer, row.reason
    if answer is not None:
        row.answer = checked_words(answer, "answer")
        if row.answer and state is None:
            state = QuestionState.ANSWERED
    if state is QuestionState.HIDDEN:
        row.reason = checked_words(reason, lack=_("Say why the question is hidden. Only staff read it."))
    elif state is not None:
        row.reason = ""
    if state is not None:
        if state is QuestionState.ANSWERED:
            row.answered_at = row.answered_at or at
        elif state is QuestionState.OPEN:
            row.answered_at = row.taken_at = None
        row.state = state
    if before != (row.state, row.answer, row.reason):
        verb = {QuestionState.HIDDEN: "hide_question", QuestionState.ANSWERED: "answer_question"}
        detail = {"question": row.id, **({"reason": row.reason} if row.reason else {})}
        audit.record(verb.get(row.state, "show_question"), by=by, at=at, detail=detail, lecture=lecture_id)


@action
def merge_questions(lecture_id: int, question_id: int, into_id: int, *, by: Actor, at: datetime) -> None:
    """Merges a question into another one of the same lecture, which has the votes of both people once from then on.

    Raises NotFound, Forbidden and Invalid (`into`).
    """
    _begin_moderating(lecture_id, by)
    row = _find_question(lecture_id, question_id)
    if into_id == question_id:
        raise Invalid("into", _("Choose another question."))
    try:
        target = _find_question(lecture_id, into_id)
    except NotFound as error:
        raise Invalid("into", _("Choose another question.")) from error
    if target.state is QuestionState.HIDDEN:
        raise Invalid("into", _("This question is hidden. Choose one that is shown."))
    for earlier in db.session.scalars(select(LectureQuestion).where(LectureQuestion.merged_into_id == row.id)):
        earlier.merged_into_id = target.id
    row.merged_into_id = target.id
    audit.record("merge_questions", by=by, at=at, detail={"question": row.id, "into": target.id}, lecture=lecture_id)


def unite_hands(kept_id: int, merged_id: int) -> None:
    """Lowers the hands of a merged person where the kept one has raised theirs too, inside the running action."""
    lectures_of_kept = select(RaisedHand.lecture_id).where(RaisedHand.person_id == kept_id).scalar_subquery()
    db.session.execute(
        delete(RaisedHand)
        .where(RaisedHand.person_id == merged_id, RaisedHand.lecture_id.in_(lectures_of_kept))
        .execution_options(synchronize_session=False)
    )


def _hand_over(own_ids: Select[int]) -> None:
    """Puts the oldest question of others in the place of each question of a person that it was merged into."""
    merged = (
        select(LectureQuestion)
        .where(
            LectureQuestion.merged_into_id.in_(select(LectureQuestion.id).where(LectureQuestion.person_id.in_(own_ids)))
        )
        .where(LectureQuestion.person_id.not_in(own_ids), LectureQuestion.text != "")
        .order_by(LectureQuestion.id)
    )
    heirs: dict[int, LectureQuestion] = {}
    for row in db.session.scalars(merged):
        heirs.setdefault(row.merged_into_id or 0, row)
    for id_, heir in heirs.items():
        place = db.session.get_one(LectureQuestion, id_)
        for other in db.session.scalars(select(LectureQuestion).where(LectureQuestion.merged_into_id == id_)):
            other.merged_into_id = heir.id
        heir.merged_into_id, place.merged_into_id = None, heir.id
        heir.state, heir.taken_at, heir.answered_at = place.state, place.taken_at, place.answered_at
        forget_shared(heir.lecture_id)
    db.session.flush()


def forget_person(person_id: int) -> None:
    """Removes what an erased person wrote, inside the running action. Their questions and votes stay, anonymous, so
    that counts do not change. What others asked stays: of the questions that were merged into one of theirs, the oldest
    is shown in its place."""
    own_ids = select(Person.id).where(Person.canonical_id == person_id)
    _hand_over(own_ids)
    db.session.execute(
        update(LectureQuestion)
        .where(LectureQuestion.person_id.in_(own_ids))
        .values(text="", answer="", reason="", is_anonymous=True)
        .execution_options(synchronize_session=False)
    )
    db.session.execute(
        delete(RaisedHand).where(RaisedHand.person_id.in_(own_ids)).execution_options(synchronize_session=False)
    )


def close_discussion(lecture_id: int, *, at: datetime) -> None:
    """Lowers all hands when a lecture is over, and ends an answer that was being given, inside the running action."""
    db.session.execute(
        delete(RaisedHand).where(RaisedHand.lecture_id == lecture_id).execution_options(synchronize_session=False)
    )
    db.session.execute(
        update(LectureQuestion)
        .where(
            LectureQuestion.lecture_id == lecture_id,
            LectureQuestion.state == QuestionState.OPEN,
            LectureQuestion.taken_at.is_not(None),
        )
        .values(state=QuestionState.ANSWERED, answered_at=at)
        .execution_options(synchronize_session=False)
    )
    forget_shared(lecture_id)

"""The tasks of a person, and what they should see, on their own page: with the place where it is done."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar

from sqlalchemy import or_, select

from lms.attendance.models.appeals import Appeal, AppealState
from lms.attendance.models.credits import Outcome
from lms.attendance.queries.sessions import awaiting_report
from lms.catalogue.models import LECTURE_TITLE, SERIES_TITLE, Lecture, LectureState, Series
from lms.core.database.session import read
from lms.core.text.translations import Translations
from lms.dashboards.queries.own import OwnSeries
from lms.feedback.queries import list_waiting, list_waiting_series
from lms.feedback.rules import closes_at
from lms.nominations.models import Nomination, NominationState
from lms.people.models import Person, PersonEmail
from lms.recordings.replays import find_replays

NEWS = timedelta(days=14)
"""So long the page shows answers and recordings that are new."""
MOST = 10


@dataclass(frozen=True)
class Invited:
    """An invitation that the person has not answered. The link to answer it is in the e-mail only."""

    slug: str
    title: str
    language: str
    text_language: str | None
    translations: Translations
    at: datetime | None
    """By when to answer."""
    kind: ClassVar = "invitation"


@dataclass(frozen=True)
class AnsweredAppeal:
    """An appeal that was answered lately."""

    lecture_id: int
    title: str
    language: str
    text_language: str | None
    translations: Translations
    is_accepted: bool
    at: datetime
    kind: ClassVar = "answer"


@dataclass(frozen=True)
class Recorded:
    """The recording of a lecture that the person missed, or a part of it."""

    lecture_id: int
    title: str
    language: str
    text_language: str | None
    translations: Translations
    at: datetime
    in_room: bool
    """Whether it is watched in the room, rather than at another site."""
    counts_until: datetime | None = None
    """Until when watching it counts as attendance; null where it does not."""
    is_too_short: bool = False
    """Whether it shows too little of the lecture to count."""
    kind: ClassVar = "recording"


@dataclass(frozen=True)
class FeedbackToGive:
    """A lecture that the person attended and can still give feedback about."""

    lecture_id: int
    title: str
    language: str
    text_language: str | None
    translations: Translations
    at: datetime | None
    """By when to answer."""
    kind: ClassVar = "feedback"


@dataclass(frozen=True)
class SeriesFeedbackToGive:
    """A series that is over, of which the person attended a lecture and can still give feedback about."""

    slug: str
    title: str
    language: str
    text_language: str | None
    translations: Translations
    at: datetime
    """By when to answer."""
    kind: ClassVar = "series_feedback"


@dataclass(frozen=True)
class OwnToDo:
    """The list of tasks on the page of a person."""

    invitations: Sequence[Invited]
    answers: Sequence[AnsweredAppeal]
    recordings: Sequence[Recorded]
    feedback: Sequence[FeedbackToGive | SeriesFeedbackToGive] = ()

    @property
    def in_order(self) -> Sequence[Invited | AnsweredAppeal | Recorded | FeedbackToGive | SeriesFeedbackToGive]:
        """The rows: those that wait for an answer, then new ones."""
        return [*self.invitations, *self.answers, *self.recordings, *self.feedback]

    def __bool__(self) -> bool:
        return bool(self.in_order)


def own_to_do(person_id: int, series: Collection[OwnSeries], *, at: datetime) -> OwnToDo:
    """Returns what a person, whose series are these, has to do: four questions, however much there is."""
    missed = {
        lecture_id: one.is_settled
        for own in series
        for lecture_id, one in own.attendance.items()
        if own.is_in and not one.is_invited and one.outcome in (Outcome.ABSENT, Outcome.PARTIAL)
    }
    attended = [
        lecture_id
        for own_series in series
        for lecture_id, row in own_series.attendance.items()
        if row.outcome is Outcome.ATTENDED
    ]
    since = at - NEWS
    return OwnToDo(
        _invitations(person_id, at),
        _answered_appeals(person_id, since),
        _recordings(missed, since, at),
        [*_series_feedback(person_id, series, attended, at), *_feedback(person_id, attended, at)],
    )


def _series_feedback(
    person_id: int, series: Iterable[OwnSeries], attended: Collection[int], at: datetime
) -> list[SeriesFeedbackToGive]:
    lectures = set(attended)
    series_ids = [own.series.id for own in series if lectures.intersection(own.attendance)]
    return [
        SeriesFeedbackToGive(one.slug, one.title, one.language, one.text_language, one.translations, closes)
        for one, closes in list_waiting_series(person_id, series_ids, at=at)[:MOST]
    ]


def _feedback(person_id: int, attended: Iterable[int], at: datetime) -> list[FeedbackToGive]:
    return [
        FeedbackToGive(
            lecture.id, lecture.title, lecture.language, lecture.text_language, lecture.translations, closes_at(lecture)
        )
        for lecture in list_waiting(person_id, list(attended), at=at)[:MOST]
    ]


def _invitations(person_id: int, at: datetime) -> list[Invited]:
    addresses = (
        select(PersonEmail.key).join(Person, Person.id == PersonEmail.person_id).where(Person.canonical_id == person_id)
    )
    query = (
        select(Series.slug, *SERIES_TITLE, Nomination.expires_at)
        .join(Nomination, Nomination.series_id == Series.id)
        .where(
            Nomination.state == NominationState.INVITED,
            Nomination.email_key.in_(addresses),
            or_(Nomination.expires_at.is_(None), Nomination.expires_at > at),
        )
        .order_by(Nomination.expires_at, Nomination.id)
        .limit(MOST)
    )
    return [Invited(*row) for row in read(query)]


def _answered_appeals(person_id: int, since: datetime) -> list[AnsweredAppeal]:
    query = (
        select(
            Lecture.id,
            *LECTURE_TITLE,
            Appeal.state,
            Appeal.ended_at,
        )
        .join(Appeal, Appeal.lecture_id == Lecture.id)
        .join(Person, Person.id == Appeal.person_id)
        .where(
            Person.canonical_id == person_id,
            Appeal.state.in_((AppealState.ACCEPTED, AppealState.DECLINED)),
            Appeal.ended_at > since,
        )
        .order_by(Appeal.ended_at.desc(), Appeal.id)
        .limit(MOST)
    )
    return [
        AnsweredAppeal(
            lecture_id=row.id,
            title=row.title,
            language=row.language,
            text_language=row.text_language,
            translations=row.translations,
            is_accepted=row.state is AppealState.ACCEPTED,
            at=row.ended_at,
        )
        for row in read(query)
    ]


def _recordings(missed: Mapping[int, bool], since: datetime, at: datetime) -> list[Recorded]:
    """Recordings of lectures that ended since, and all that count: those first that count for the shortest time.

    `missed`: the lectures, and of which of them a replay decides nothing any more.
    """
    unknown = awaiting_report(missed)  # who was in an outside meeting may not have missed it
    lecture_ids = [lecture_id for lecture_id in missed if lecture_id not in unknown]
    replays = find_replays(lecture_ids)
    counting = {
        lecture_id: replay.counts_until
        for lecture_id, replay in replays.items()
        if replay.counts(at) and not missed[lecture_id]
    }
    query = (
        select(Lecture.id, *LECTURE_TITLE, Lecture.actual_end)
        .where(
            Lecture.id.in_(lecture_ids),
            Lecture.state == LectureState.HELD,
            or_(Lecture.recording_url.is_not(None), Lecture.id.in_(replays)),
            or_(Lecture.actual_end > since, Lecture.id.in_(counting)),
        )
        .order_by(Lecture.actual_end.desc())
    )
    rows = [
        Recorded(
            row.id,
            row.title,
            row.language,
            row.text_language,
            row.translations,
            row.actual_end,
            in_room=row.id in replays,
            counts_until=counting.get(row.id),
            is_too_short=row.id in replays and replays[row.id].is_too_short,
        )
        for row in read(query)
    ]
    rows.sort(key=lambda row: (row.counts_until is None, row.counts_until or at))
    return rows[:MOST]

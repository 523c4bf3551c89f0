"""Events: a lower slice publishes what happened, and higher slices handle it in the same transaction.

Handlers are in the `handlers.py` of a slice, marked with `@handles(Event)`. `lms.app` registers the modules
in the order of the layers, once per app.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from types import ModuleType
from typing import Any, TypeVar

from flask import current_app

from lms.core.base.roles import Actor, Role

KEY = "lms.events"


@dataclass(frozen=True, kw_only=True)
class Event:
    """Something that happened: who did it and when."""

    by: Actor
    at: datetime


@dataclass(frozen=True, kw_only=True)
class LectureScheduled(Event):
    """A lecture was published, or a postponed lecture has a new time."""

    lecture_id: int


@dataclass(frozen=True, kw_only=True)
class LecturePostponed(Event):
    """A lecture was moved: to `new_start`, or to a time not yet known (null). `are_clocks_changed`: its local time is
    the same, and the clocks of its zone go otherwise than was known."""

    lecture_id: int
    old_start: datetime | None
    new_start: datetime | None
    are_clocks_changed: bool = False


@dataclass(frozen=True, kw_only=True)
class LectureLengthChanged(Event):
    """A scheduled lecture begins as planned and ends at another time."""

    lecture_id: int


@dataclass(frozen=True, kw_only=True)
class LectureCancelled(Event):
    """A lecture will not be given."""

    lecture_id: int
    reason: str


@dataclass(frozen=True, kw_only=True)
class LectureDeleted(Event):
    """A draft that was never published is about to be deleted."""

    lecture_id: int


@dataclass(frozen=True, kw_only=True)
class LectureFileChanged(Event):
    """The content of a lecture's file was replaced, or the file is about to be removed."""

    file_id: int
    is_removed: bool


@dataclass(frozen=True, kw_only=True)
class LectureStarted(Event):
    """A lecture is live."""

    lecture_id: int


@dataclass(frozen=True, kw_only=True)
class LecturePaused(Event):
    """A live lecture is interrupted."""

    lecture_id: int


@dataclass(frozen=True, kw_only=True)
class LectureEnded(Event):
    """A lecture was held: its actual start and end are known."""

    lecture_id: int


@dataclass(frozen=True, kw_only=True)
class LectureReopened(Event):
    """A lecture was reopened after a mistaken end. It is live again."""

    lecture_id: int


@dataclass(frozen=True, kw_only=True)
class LectureStartUndone(Event):
    """A start, and the end after it, was undone: the lecture is scheduled as planned."""

    lecture_id: int


@dataclass(frozen=True, kw_only=True)
class LectureTimesCorrected(Event):
    """The actual start or end of a held lecture was corrected."""

    lecture_id: int


@dataclass(frozen=True, kw_only=True)
class RecordingAdded(Event):
    """A held lecture has a recording, and had none before."""

    lecture_id: int


@dataclass(frozen=True, kw_only=True)
class RecordingCompleted(Event):
    """The recording of a lecture can be watched in its room."""

    lecture_id: int


@dataclass(frozen=True, kw_only=True)
class AttendanceReported(Event):
    """The attendance of a lecture with a meeting link is known: its report was imported, or its attendance was
    closed."""

    lecture_id: int


@dataclass(frozen=True, kw_only=True)
class ReplayAsked(Event):
    """A page says what follows once attendance is closed. Recordings adds until when the replay counts, if it does."""

    lecture_id: int
    counts_until: list[datetime] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class CapacityChanged(Event):
    """A series has more or fewer places."""

    series_id: int


@dataclass(frozen=True, kw_only=True)
class PlacesTaken(Event):
    """People have a place in a series from now on."""

    series_id: int
    person_ids: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class CopyPreviewed(Event):
    """Somebody is about to copy a series with these lectures. Slices that can bring something along add to `counts` how
    much there is."""

    series_id: int
    lecture_ids: tuple[int, ...]
    counts: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class LecturesCopied(Event):
    """A series was copied with its lectures: pairs of an id and that of its copy. `parts` are the names of what comes
    along, as in `CopyPreviewed.counts`. Dates move by `days`."""

    series_id: int
    copy_id: int
    days: int
    pairs: tuple[tuple[int, int], ...]
    parts: frozenset[str]


@dataclass(frozen=True, kw_only=True)
class PeopleMerged(Event):
    """`merged_id` is now the same person as `kept_id` (its `canonical_id`)."""

    kept_id: int
    merged_id: int


@dataclass(frozen=True, kw_only=True)
class MergeUndone(Event):
    """`merged_id` is a separate person again."""

    kept_id: int
    merged_id: int


@dataclass(frozen=True, kw_only=True)
class CountriesMerged(Event):
    """A country of the list was merged into another: references now point to `kept_id`.

    Published again for rows written during the merge.
    """

    merge_id: int
    kept_id: int
    merged_id: int


@dataclass(frozen=True, kw_only=True)
class CountryMergeUndone(Event):
    """A merge of two countries was undone: what it moved goes back."""

    merge_id: int
    kept_id: int
    merged_id: int


@dataclass(frozen=True, kw_only=True)
class RoleRevoked(Event):
    """A grant of a role to a person has ended; another grant may still give the same role."""

    person_id: int
    role: Role


@dataclass(frozen=True, kw_only=True)
class PersonNameCorrected(Event):
    """A person's name for certificates changed."""

    person_id: int


@dataclass(frozen=True, kw_only=True)
class AddressesKnown(Event):
    """People have a new e-mail address, or have confirmed an address."""

    person_ids: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class PeopleCountriesChanged(Event):
    """The country histories of people changed, with effect from a day."""

    person_ids: tuple[int, ...]
    since: date


@dataclass(frozen=True, kw_only=True)
class PeopleTraitsChanged(Event):
    """Sector or gender of people changed: what they are today, not what is frozen on a credit."""

    person_ids: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class PersonErased(Event):
    """A person's data is erased. An anonymous row stays. Certificates are withdrawn if the person chose so."""

    person_id: int
    withdraw_certificates: bool


@dataclass(frozen=True, kw_only=True)
class PersonExportAsked(Event):
    """A person exports their data. Each slice adds its part to `parts` under its own name."""

    person_id: int
    parts: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class AudienceAsked(Event):
    """Somebody plans a lecture of a series. Enrolment adds who is enrolled, (code of the country, time zone) → people,
    null where it is not known; and the seats of quotas by country."""

    series_id: int
    enrolled: dict[tuple[str | None, str | None], int] = field(default_factory=dict)
    seats: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class ProgressAsked(Event):
    """Mails to people enrolled in a series are to say how far they are towards its certificate. Certificates adds it in
    numbers, by the person; nothing where the series issues none."""

    series_id: int
    person_ids: Collection[int]
    progress: dict[int, dict[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class ConditionsAsked(Event):
    """Somebody enrolled is in a room. Certificates adds what remains for the certificate besides attendance: the
    knowledge `checks` to pass, and the `feedback` to give."""

    series_id: int
    person_id: int
    others: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class EarnedAsked(Event):
    """Staff are about to ask more for the certificate of a series. Certificates adds how many people have earned it and
    are `waiting` for it."""

    series_id: int
    waiting: list[int] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class RequirementAsked(Event):
    """People enrol in a series. Certificates adds what its certificate requires: `lectures` to be attended, `minutes`
    in all, the `percent` of each lecture, how many `checks` to pass, and on how many lectures to give
    `feedback`; nothing where the series issues none."""

    series_id: int
    required: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class GrowthAsked(Event):
    """The enrolled are invited to a lecture. Where the certificate of the series requires more than they know, and the
    invitation is to say so, certificates stores that they know it, and adds to `growth` what the e-mail of each says:
    the former and the new numbers (`requirement`) and how far the reader is (`progress`)."""

    series_id: int
    growth: dict[int, dict[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class EnrolmentAnswersAsked(Event):
    """Somebody enrols by themselves. What the organiser asks is added: to `is_open` whether something is asked that
    they have not seen, to `missing` the keys of questions that have to be answered first."""

    series_id: int
    person_id: int
    is_open: list[bool] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class LaterQuestionsAsked(Event):
    """People are to be enrolled in a series by somebody else. Of each of `people` (their canonical id or null, the code
    of their country, their sector) the slice of the questions at enrolment adds to `counts` how many questions they
    will be asked when they next sign in: at least, and at most where some depend on other answers."""

    series_id: int
    people: Sequence[tuple[int | None, str | None, str | None]]
    counts: list[tuple[int, int]] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class AnswersInListAsked(Event):
    """Somebody lists people of a series whose answers at enrolment they may read.

    The slice of these questions adds to `questions` those that are asked now, to `answers` those of `person_ids`, each
    with the question that it was given to, and to `conditions` what holds of a `Person` with the answers of `where`.
    """

    series_id: int
    person_ids: Collection[int] = ()
    where: Mapping[str, str] = field(default_factory=dict)
    questions: list[Any] = field(default_factory=list)
    answers: dict[int, dict[str, tuple[Any, Any]]] = field(default_factory=dict)
    conditions: list[Any] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class NomineesAsked(Event):
    """A reader lists the people for whom seats of a series are held.

    The slice of nominations adds to `names` those that the reader may know, by the nomination's id: of `nominees`, or
    all whose name has the part `q`.
    """

    series_id: int
    nominees: tuple[str, ...] = ()
    q: str = ""
    names: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class StoredFilesAsked(Event):
    """Stored files are compared with the rows that refer to them. Each slice adds the keys (`files`) of its rows:
    to `needed` those that must be there, to `optional` those that are created on request."""

    needed: set[str] = field(default_factory=set)
    optional: set[str] = field(default_factory=set)


E = TypeVar("E", bound=Event)
Handler = Callable[[Any], None]


def handles(kind: type[E]) -> Callable[[Callable[[E], None]], Callable[[E], None]]:
    """Marks a function as a handler of an event."""

    def mark(function: Callable[[E], None]) -> Callable[[E], None]:
        function.handles = kind  # type: ignore[attr-defined]
        return function

    return mark


class EventBus:
    """The handlers of one app."""

    def __init__(self) -> None:
        self.handlers: dict[type[Event], list[Handler]] = {}

    def register(self, module: ModuleType) -> None:
        """Registers all functions of a module that are marked with `@handles`."""
        for member in list(vars(module).values()):
            kind = getattr(member, "handles", None)
            if isinstance(kind, type) and issubclass(kind, Event):
                self.handlers.setdefault(kind, []).append(member)

    def publish(self, event: Event) -> None:
        """Calls the handlers, in the order of the layers."""
        for handler in self.handlers.get(type(event), []):
            handler(event)


def publish(event: Event) -> None:
    """Publishes an event inside the running action."""
    bus: EventBus = current_app.extensions[KEY]
    bus.publish(event)

"""Learning records: what one would state now, those that were made, and what has changed since."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

from sqlalchemy import func, select

from lms.attendance.models.credits import Outcome
from lms.attendance.queries.persons import PersonAttendance, attendance_of_person
from lms.catalogue.models import Series
from lms.certificates import numbers
from lms.certificates.models import Certificate, CertificateState, LearningRecord
from lms.certificates.pdf.record import (
    RecordContent,
    RecordedCertificate,
    RecordedCheck,
    RecordedLecture,
    RecordedSeries,
    content_of,
    figures_of,
)
from lms.certificates.queries.certificates import ShownCertificate, list_of_person
from lms.checks.queries.results import BestResult, results_of_person
from lms.core.base.errors import NotFound, Refused
from lms.core.base.roles import SYSTEM, Actor
from lms.core.base.settings import organiser_in
from lms.core.database.session import db
from lms.core.storage import files
from lms.core.text.i18n import _, _n, reader_locale
from lms.core.text.translations import translation_for
from lms.core.time import clock
from lms.core.time.clock import day_of, reporting_zone
from lms.core.time.durations import whole_minutes
from lms.enrolment.models import EnrolmentStatus
from lms.enrolment.queries import people as places
from lms.people.models import Person


@dataclass(frozen=True)
class ShownRecord:
    """A learning record as its reader can see it. Without `content` its holder's data was erased.

    `changes` are sentences about what is no longer as it states. `is_full` for the holder and administrators.
    """

    number: str
    made_at: datetime
    digest: str
    content: RecordContent | None
    changes: Sequence[str]
    is_full: bool

    @property
    def day(self) -> date:
        """The day as of which it states."""
        return day_of(self.made_at, reporting_zone())

    @property
    def state(self) -> CertificateState:
        """Valid for ever, or withdrawn with its holder's data."""
        return CertificateState.VALID if self.content is not None else CertificateState.WITHDRAWN

    @property
    def figures(self) -> list[tuple[str, str]]:
        """The names and values of what it counts; empty once its holder's data was erased."""
        return figures_of(self.content) if self.content is not None else []

    @property
    def organiser(self) -> str:
        """The organiser in the reader's language."""
        return organiser_in(reader_locale())


def check_is_holder(person_id: int, by: Actor) -> None:
    """Learning records are for the person and for administrators; NotFound for others."""
    if not (by.is_administrator or (by.is_signed_in and by.person_id == person_id)):
        raise NotFound


def record_of(person_id: int, *, by: Actor) -> RecordContent:
    """Returns what a learning record of the person would state now, in the language of what is being rendered.

    It has the series in which the person is enrolled, was on the roster of a held lecture or handed in a knowledge
    check, in order of their first lecture, and the certificates that are valid. `person_id` is canonical. Raises
    NotFound.
    """
    check_is_holder(person_id, by)
    attendance: dict[int, list[PersonAttendance]] = {}
    for row in attendance_of_person(person_id, by=SYSTEM):
        if not row.is_invited:
            attendance.setdefault(row.series_id, []).append(row)
    enrolled = [row for row in places.list_of_person(person_id) if row.status is EnrolmentStatus.ENROLLED]
    series = {row.series_id: row.series for row in enrolled}
    checks: dict[int, list[BestResult]] = {}
    for result in results_of_person(person_id):
        checks.setdefault(result.series_id, []).append(result)
    missing = (attendance.keys() | checks.keys()) - series.keys()
    series |= {row.id: row for row in db.session.scalars(select(Series).where(Series.id.in_(missing)))}
    certificates: dict[str, list[ShownCertificate]] = {}
    for certificate in list_of_person(person_id, by=SYSTEM):
        if certificate.state is CertificateState.VALID:
            certificates.setdefault(certificate.series_slug, []).append(certificate)
    slugs = {row.slug for row in series.values()}
    more = select(Series).where(Series.slug.in_(certificates.keys() - slugs))
    series |= {row.id: row for row in db.session.scalars(more)}
    person = db.session.get_one(Person, person_id)

    def first(row: Series) -> tuple[float, int]:
        return min((one.start_ms for one in attendance.get(row.id, ())), default=float("inf")), row.id

    return RecordContent(
        name=person.full_name,
        native_name=person.native_name,
        language=reader_locale(),
        series=[
            _series(row, attendance.get(row.id, ()), checks.get(row.id, ()), certificates.get(row.slug, ()))
            for row in sorted(series.values(), key=first)
        ],
    )


def _series(
    series: Series,
    attendance: Sequence[PersonAttendance],
    checks: Sequence[BestResult],
    certificates: Sequence[ShownCertificate],
) -> RecordedSeries:
    attended = [one for one in attendance if one.outcome is Outcome.ATTENDED]
    title = translation_for(series, "title", reader_locale())
    return RecordedSeries(
        title=title.text,
        language=title.language,
        attended=len(attended),
        held=len(attendance),
        hours_ms=sum(one.length_ms for one in attended),
        lectures=[_lecture(one) for one in sorted(attendance, key=lambda row: (row.start_ms, row.lecture_id))],
        certificates=[
            RecordedCertificate(one.number, one.kind.value, one.issued_on.isoformat(), one.hours)
            for one in certificates
        ],
        checks=[_check(check) for check in checks],
    )


def _check(result: BestResult) -> RecordedCheck:
    passed_on = day_of(result.passed_at, reporting_zone()).isoformat() if result.passed_at is not None else None
    return RecordedCheck(result.check_id, result.title, result.tenths, passed_on)


def _lecture(attendance: PersonAttendance) -> RecordedLecture:
    title = translation_for(attendance, "title", reader_locale())
    return RecordedLecture(
        lecture_id=attendance.lecture_id,
        title=title.text,
        language=title.language,
        day=day_of(clock.from_ms(attendance.start_ms), reporting_zone()).isoformat(),
        present_ms=attendance.present_ms,
        outcome=attendance.outcome.value,
        explanation=attendance.explanation,
    )


def find_record(typed: str, *, by: Actor) -> ShownRecord | None:
    """The learning record with this number, as typed, for anybody who has it."""
    bare = numbers.parse(typed)
    row = db.session.scalar(select(LearningRecord).where(LearningRecord.number == bare)) if bare else None
    if row is None:
        return None
    shown = _shown(row, by=by)
    changes = _changes(shown.content, _holder_of(row)) if shown.content is not None else ()
    return replace(shown, changes=changes)


def get_record(typed: str, *, by: Actor) -> ShownRecord:
    """As find_record; NotFound for an unknown number."""
    shown = find_record(typed, by=by)
    if shown is None:
        raise NotFound
    return shown


def list_records(person_id: int, *, by: Actor) -> list[ShownRecord]:
    """The learning records of a person, the latest first, without `changes`: for the person and administrators.

    Raises NotFound for others.
    """
    check_is_holder(person_id, by)
    return [_shown(row, by=by) for row in rows_of(person_id)]


def rows_of(person_id: int) -> list[LearningRecord]:
    """The rows of a person and of those merged into them, the latest first."""
    query = select(LearningRecord).join(Person, Person.id == LearningRecord.person_id)
    order = (LearningRecord.made_at.desc(), LearningRecord.id.desc())
    return list(db.session.scalars(query.where(Person.canonical_id == person_id).order_by(*order)))


def get_record_pdf(typed: str, *, by: Actor) -> bytes:
    """The file of a learning record, for its holder and administrators: the same bytes for ever.

    Raises NotFound, and Refused once the holder's data was erased or where the file is lost.
    """
    shown = get_record(typed, by=by)
    if not shown.is_full:
        raise NotFound
    pdf = files.find(key_of(numbers.parse(typed) or "")) if shown.content is not None else None
    if pdf is None:
        raise Refused(_("The file of this learning record is no longer kept. Make a new record."))
    return pdf


def key_of(number: str) -> str:
    """Returns what the file of the record with this bare number is stored under."""
    return f"records/{number[:2]}/{number[: numbers.LENGTH]}.pdf"


def file_keys() -> set[str]:
    """The keys of the files that must be there."""
    query = select(LearningRecord.number).where(LearningRecord.content.is_not(None))
    return {key_of(number) for number in db.session.scalars(query)}


def _holder_of(row: LearningRecord) -> int:
    query = select(func.coalesce(Person.canonical_id, Person.id)).where(Person.id == row.person_id)
    return db.session.scalars(query).one()


def _shown(row: LearningRecord, *, by: Actor) -> ShownRecord:
    holder = _holder_of(row)
    content = content_of(row.content) if row.content is not None else None
    return ShownRecord(
        number=numbers.write(row.number),
        made_at=row.made_at,
        digest=row.digest,
        content=content,
        changes=(),
        is_full=by.is_administrator or (by.is_signed_in and by.person_id == holder),
    )


def _changes(content: RecordContent, holder: int) -> list[str]:
    """Returns what a record states and is no longer so. What came after its day is no change of it."""
    changes = []
    person = db.session.get_one(Person, holder)
    if (person.full_name, person.native_name) != (content.name, content.native_name):
        changes.append(_("The holder’s name has been corrected since."))
    now = {one.lecture_id: one for one in attendance_of_person(holder, by=SYSTEM)}
    changed = sum(not _is_as_recorded(lecture, now.get(lecture.lecture_id)) for lecture in content.lectures)
    if changed:
        changes.append(
            _n(
                "The attendance of %(num)s of its lectures has been corrected since.",
                "The attendance of %(num)s of its lectures has been corrected since.",
                changed,
            )
        )
    results = {one.check_id: one for one in results_of_person(holder)} if content.checks else {}
    lost = sum(not _is_reached(check, results.get(check.check_id)) for check in content.checks)
    if lost:
        changes.append(
            _n(
                "The result of %(num)s of its knowledge checks has been corrected since.",
                "The results of %(num)s of its knowledge checks have been corrected since.",
                lost,
            )
        )
    return changes + _changes_of_certificates(content)


def _is_reached(check: RecordedCheck, now: BestResult | None) -> bool:
    """Whether a result still stands. A better one that came later is no change of it."""
    if now is None or now.tenths < check.tenths:
        return False
    return check.passed_on is None or (now.passed_at is not None and _check(now).passed_on == check.passed_on)


def _is_as_recorded(lecture: RecordedLecture, now: PersonAttendance | None) -> bool:
    recorded = (lecture.outcome, whole_minutes(lecture.present_ms))
    return now is not None and recorded == (now.outcome.value, whole_minutes(now.present_ms))


def _changes_of_certificates(content: RecordContent) -> list[str]:
    named = [certificate.number for series in content.series for certificate in series.certificates]
    query = select(Certificate.number, Certificate.state).where(
        Certificate.number.in_([numbers.parse(number) for number in named])
    )
    changes = []
    for bare, state in db.session.execute(query.order_by(Certificate.number)):
        number = numbers.write(bare)
        if state is CertificateState.REVOKED:
            changes.append(_("Certificate %(number)s has been revoked since.", number=number))
        elif state is CertificateState.SUPERSEDED:
            changes.append(_("Certificate %(number)s has been replaced since.", number=number))
        elif state is CertificateState.WITHDRAWN:
            changes.append(_("Certificate %(number)s has been withdrawn since.", number=number))
    return changes

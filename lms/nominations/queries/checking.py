"""Which rows can be nominated: the one check of a single nominee, of a file's preview, and of what is written."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime

from sqlalchemy import func, select

from lms.catalogue.models import Series
from lms.core.base.errors import Fault, Invalid
from lms.core.database.bulk import among
from lms.core.database.session import db
from lms.core.text.i18n import _
from lms.enrolment.models import Enrolment
from lms.enrolment.queries.rows import PERSON_ROW, day_of, is_of, speaking
from lms.enrolment.rules import ACTIVE
from lms.nominations.models import OPEN, Nomination
from lms.nominations.queries.profile_requests import ChangedProfile, compare
from lms.nominations.rules import what_is_wrong_with
from lms.people.models import Country, Gender, Person, PersonEmail, Sector
from lms.people.people_files import PersonRow
from lms.people.queries.countries import belonging_to
from lms.people.rules import email_key


@dataclass(frozen=True)
class Nominee:
    """A person who can be nominated. `line` is the line of the file; `person_id` is set for a person known to belong to
    the country, whose profile then counts."""

    line: int
    email: str
    key: str
    full_name: str
    native_name: str | None = None
    sector: Sector | None = None
    organisation: str | None = None
    job_title: str | None = None
    gender: Gender | None = None
    language: str | None = None
    person_id: int | None = None


@dataclass
class CheckedNominees:
    """Rows by what can become of them: to nominate, nominated already, and refused with the reason. `changed`: people
    of the country, nominated now or before, whose profile says something else than their row."""

    good: list[Nominee] = field(default_factory=list)
    unchanged: list[PersonRow] = field(default_factory=list)
    rejected: list[Fault] = field(default_factory=list)
    changed: list[ChangedProfile] = field(default_factory=list)

    @property
    def known(self) -> int:
        """How many of the good rows are people of the country who are known already."""
        return sum(1 for nominee in self.good if nominee.person_id is not None)

    def raise_unless(self, skip_bad_rows: bool) -> None:
        """Raises Invalid with all faults where bad rows are not to be skipped."""
        if self.rejected and not skip_bad_rows:
            raise Invalid(faults=self.rejected)


def check_nominees(
    series: Series, rows: Sequence[PersonRow], *, country_id: int, at: datetime, but: int | None = None
) -> CheckedNominees:
    """Checks rows against what the country's focal point may know: its own people, and its own nominations, save `but`.

    A person of another country counts as unknown, in the answer and in the work done: only addresses of people of the
    country are looked up.
    """
    keys = [row.key for row in rows]
    code = db.session.get_one(Country, country_id).code
    country_people = _own_people(keys, country_id, day_of(at))
    people = {
        person.id: person
        for person in db.session.scalars(select(Person).where(among(Person.id, country_people.values())))
    }
    enrolled = _enrolled(series.id, country_people.values())
    nominated = _nominated(series.id, country_id, keys, but)
    checked = CheckedNominees()
    lines: dict[str, int] = {}
    for row in rows:
        person = people.get(country_people.get(row.key, 0))
        if row.key in nominated:
            checked.unchanged.append(row)
        else:
            nominee = _nominee(row, person)
            fault = _fault(row, nominee, code, lines, is_enrolled=country_people.get(row.key) in enrolled)
            if fault is not None:
                checked.rejected.append(fault)
                continue
            if nominee is not None:
                checked.good.append(nominee)
        changed = compare(row, person) if person is not None else None
        if changed is not None:
            checked.changed.append(changed)
    return checked


@dataclass(frozen=True)
class OwnPerson:
    """A person of the country, as a focal point reads; `series`: in how many series the person is."""

    full_name: str
    native_name: str | None
    sector: Sector | None
    organisation: str | None
    job_title: str | None
    gender: Gender | None
    series: int


def find_own_person(email: str, *, country_id: int, at: datetime) -> OwnPerson | None:
    """The person of a country who has an address. For people of other countries as for unknown addresses: None, after
    the same statements. Callers check permission."""
    ids = list(_own_people([email_key(email)], country_id, day_of(at)).values())
    person = db.session.scalar(select(Person).where(among(Person.id, ids)))
    count = speaking(func.count()).where(Enrolment.status.in_(ACTIVE), is_of(among(PERSON_ROW.canonical_id, ids)))
    series = db.session.scalar(count) or 0
    if person is None:
        return None
    return OwnPerson(
        full_name=person.full_name,
        native_name=person.native_name,
        sector=person.sector,
        organisation=person.organisation,
        job_title=person.job_title,
        gender=person.gender,
        series=series,
    )


def _own_people(keys: Sequence[str], country_id: int, day: date) -> dict[str, int]:
    """Returns whom of the country these addresses belong to. What is known elsewhere is not read."""
    of_country = belonging_to([country_id], day).subquery()
    query = (
        select(PersonEmail.key, Person.canonical_id)
        .join(Person, Person.id == PersonEmail.person_id)
        .where(Person.canonical_id.in_(select(of_country)), among(PersonEmail.key, keys))
    )
    return {key: person_id for key, person_id in db.session.execute(query) if person_id is not None}


def _enrolled(series_id: int, person_ids: Iterable[int]) -> set[int]:
    """The people who have a place in a series, or wait for one."""
    query = speaking(Person.id).where(
        Enrolment.series_id == series_id,
        Enrolment.status.in_(ACTIVE),
        is_of(among(PERSON_ROW.canonical_id, person_ids)),
    )
    return set(db.session.scalars(query))


def _nominated(series_id: int, country_id: int, keys: Sequence[str], but: int | None) -> set[str]:
    query = select(Nomination.email_key).where(
        Nomination.id != (but or 0),
        Nomination.series_id == series_id,
        Nomination.country_id == country_id,
        Nomination.state.in_(OPEN),
        among(Nomination.email_key, keys),
    )
    return set(db.session.scalars(query))


def _nominee(row: PersonRow, person: Person | None) -> Nominee | None:
    """The nominee of a row: with the profile of a person of the country, empty fields filled from the row."""
    if person is None and not row.full_name:
        return None
    nominee = Nominee(
        row.line,
        row.email,
        row.key,
        row.full_name or "",
        row.native_name,
        row.sector,
        row.organisation,
        row.job_title,
        row.gender,
        row.language,
    )
    if person is None:
        return nominee
    return replace(
        nominee,
        full_name=person.full_name,
        native_name=person.native_name or row.native_name,
        sector=person.sector or row.sector,
        organisation=person.organisation or row.organisation,
        job_title=person.job_title or row.job_title,
        gender=person.gender or row.gender,
        person_id=person.id,
    )


def _fault(
    row: PersonRow, nominee: Nominee | None, code: str, lines: dict[str, int], *, is_enrolled: bool
) -> Fault | None:
    first = lines.setdefault(row.key, row.line)
    if first != row.line:
        reason = _("Same e-mail address as row %(line)s.", line=first)
        return Fault(row=row.line, field="email", reason=reason, kind="duplicate")
    if row.country and row.country != code:
        return Fault(row=row.line, field="country", reason=_("You can only nominate people from your own country."))
    if nominee is None:
        return Fault(row=row.line, field="full_name", reason=_("Enter the full name."))
    if is_enrolled:
        reason = _("This person is already enrolled in this series.")
        return Fault(row=row.line, field="email", reason=reason, kind="enrolled")
    if nominee.person_id is not None:
        return None
    for name, written in (("full_name", row.full_name), ("native_name", row.native_name)):
        wrong = what_is_wrong_with(written) if written else None
        if wrong:
            return Fault(row=row.line, field=name, reason=wrong, kind="name")
    return None

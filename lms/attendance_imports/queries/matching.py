"""Matches the rows of a report with everyone whom its names can mean.

An earlier decision, an address or a link decides, otherwise the exact full name among the enrolled. Similar names
become candidates, with the evidence for them.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from hashlib import sha256

from sqlalchemy import select

from lms.attendance.models.evidence import MatchMethod
from lms.attendance_imports.queries.unmatched import AttendeeStatus, decided_in_words, standing_of
from lms.attendance_imports.readers.report import ReportRow
from lms.catalogue.models import Lecture
from lms.core.base.roles import Actor
from lms.core.database.bulk import among
from lms.core.database.session import db
from lms.core.text.i18n import _
from lms.enrolment.membership import eligible_people
from lms.enrolment.queries.sharing import hidden_among
from lms.people.models import Person
from lms.people.name_matching import Candidate, CandidateIndex, PersonSummary
from lms.people.names import plain_name
from lms.people.queries.countries import country_names
from lms.people.queries.country_names import names_in_english
from lms.people.queries.finding import known_people
from lms.people.queries.persons import ids_by_email
from lms.people.rules import email_key


def as_seen(people: Collection[PersonSummary], series_id: int, by: Actor) -> list[PersonSummary]:
    """These people as the actor sees them in a series: of some the address alone, in place of the name."""
    hidden = hidden_among(series_id, [person.person_id for person in people], by=by)
    return [
        replace(person, full_name=next(iter(person.mailboxes), ""), native_name=None, organisation=None, country=None)
        if person.person_id in hidden
        else person
        for person in people
    ]


def crowd_of(people: list[PersonSummary], languages: Collection[str] = ("en",)) -> CandidateIndex:
    """An index of these people by name; country names are matched in English and in `languages`."""
    named = [country_names(language) for language in dict.fromkeys(("en", *languages))]
    codes = {person.country for person in people if person.country is not None}
    names_by_code = {
        code: {names[code] for names in named if code in names} | set(names_in_english(code)) for code in codes
    }
    return CandidateIndex(people, names_by_code)


@dataclass(frozen=True)
class AttendeeMatch:
    """The person whom the rows of one attendee of a report match at present.

    `person` is canonical; null: not a participant, or no certain match. `how` is the match method: by an address or a
    name, or as decided earlier in the series (then `attendee` is the one that was decided). `reason` explains the
    result. `is_expected`: whether they are enrolled; only looked up for hosts and panelists.
    """

    key: str
    person: int | None
    how: MatchMethod | None
    reason: str
    attendee: int | None = None
    candidates: list[Candidate] = field(default_factory=list)
    is_expected: bool = False


def who_of(row: ReportRow) -> str:
    """The identity in a row: e-mail address, otherwise registration id, otherwise the name as in the file."""
    if row.email:
        return email_key(row.email)
    if row.registrant:
        return f"registrant:{row.registrant}"
    return f"name:{plain_name(row.reported_name or row.name)}"


LEADING = frozenset({"host", "panelist"})
"""Roles of people who run a meeting. They count when they are enrolled."""


@dataclass(frozen=True)
class NameMatches:
    """The result of comparing the names of a report:

    `people` (null: no certain match) by key, and the `digest` of all names that they were compared with.
    """

    digest: str = ""
    people: dict[str, int | None] = field(default_factory=dict)


@dataclass(frozen=True)
class Matches:
    """The match of each row, and of these what comparing names said."""

    rows: list[AttendeeMatch]
    names: NameMatches


def match_rows(lecture: Lecture, rows: Sequence[ReportRow]) -> Matches:
    """Matches the rows at present: by decisions in this series, else by address in any case of letters, by a
    registrant's id or link, or without any of these by the only enrolled person of exactly this name.

    Similar names become candidates: nothing is credited on a guess.
    """
    keys, first = _keys(rows)
    matches, left = _known(lecture, keys, rows, first)
    names, by_name = _by_names(lecture, left, first)
    return Matches(_of_rows(lecture, keys, rows, matches | by_name), names)


def match_again(lecture: Lecture, rows: Sequence[ReportRow], earlier: NameMatches) -> Matches:
    """Matches rows that were matched before.

    Decisions, addresses and links are looked up again; names are compared only where one of them may have changed. Rows
    that are not compared have neither reason nor candidates.
    """
    keys, first = _keys(rows)
    matches, left = _known(lecture, keys, rows, first)
    named = [key for key in left if not first[key].email]  # under an unknown address nobody is found by name
    if named and (not earlier.people.keys() >= set(named) or names_digest(lecture) != earlier.digest):
        earlier, by_name = _by_names(lecture, named, first)
        matches |= by_name
    for key in left:
        if key not in matches:
            person = None if first[key].email else earlier.people[key]
            matches[key] = AttendeeMatch(key, person, MatchMethod.NAME if person is not None else None, "")
    return Matches(_of_rows(lecture, keys, rows, matches), earlier)


def names_digest(lecture: Lecture) -> str:
    """The `NameMatches.digest` of the names as they are now."""
    query = (
        select(Person.id, Person.full_name, Person.native_name)
        .where(among(Person.id, eligible_people(lecture.id)), Person.erased_at.is_(None))
        .order_by(Person.id)
    )
    return _digest((id_, full_name, native) for id_, full_name, native in db.session.execute(query))


def _digest(names: Iterable[tuple[int, str, str | None]]) -> str:
    return sha256(repr(list(names)).encode()).hexdigest()


def _keys(rows: Sequence[ReportRow]) -> tuple[list[str], dict[str, ReportRow]]:
    """The key of each row's attendee, and the first row of each key."""
    keys = [who_of(row) for row in rows]
    return keys, dict(zip(reversed(keys), reversed(rows), strict=True))


def _by_names(
    lecture: Lecture, keys: Sequence[str], first: Mapping[str, ReportRow]
) -> tuple[NameMatches, dict[str, AttendeeMatch]]:
    if not keys:
        return NameMatches(), {}
    names = NameIndex.of(lecture)
    matches = {key: _by_name(key, first[key], names) for key in keys}
    digest = _digest((person.person_id, person.full_name, person.native_name) for person in names.people)
    return NameMatches(digest, {key: match.person for key, match in matches.items() if not first[key].email}), matches


def _of_rows(
    lecture: Lecture, keys: Sequence[str], rows: Sequence[ReportRow], matches: dict[str, AttendeeMatch]
) -> list[AttendeeMatch]:
    """The match of each row; of those who lead, also whether they are enrolled."""
    leading = {key for key, row in zip(keys, rows, strict=True) if row.role in LEADING}
    if leading:
        eligible = eligible_people(lecture.id)
        matches |= {key: replace(matches[key], is_expected=True) for key in leading if matches[key].person in eligible}
    return [matches[key] for key in keys]


def _known(
    lecture: Lecture, keys: Sequence[str], rows: Sequence[ReportRow], first: Mapping[str, ReportRow]
) -> tuple[dict[str, AttendeeMatch], list[str]]:
    """Those who are known without comparing names, and the keys of the others."""
    decided = {key: one for key, one in standing_of(lecture.series_id, first).items() if one.how is not None}
    known = ids_by_email({key for key, row in first.items() if row.email})
    links = _links(keys, rows, known)
    matches: dict[str, AttendeeMatch] = {}
    left: list[str] = []
    for key in first:
        if key in decided:
            matches[key] = _as_decided(decided[key])
        elif key in known:
            matches[key] = AttendeeMatch(key, known[key], MatchMethod.ADDRESS, _("same e-mail address"))
        elif key in links:
            matches[key] = AttendeeMatch(key, links[key], MatchMethod.ADDRESS, _("same registration ID"))
        else:
            left.append(key)
    return matches, left


def _links(keys: Sequence[str], rows: Sequence[ReportRow], known: Mapping[str, int]) -> dict[str, int]:
    """Maps registrants' ids to people: by the id in their personal link, or by the only address that appears with the
    same registrant elsewhere in the file.
    """
    registrants = {row.registrant for key, row in zip(keys, rows, strict=True) if key.startswith("registrant:")}
    if not registrants:
        return {}
    addressed: dict[str, set[int | None]] = {}
    for key, row in zip(keys, rows, strict=True):
        if row.email and row.registrant in registrants:
            addressed.setdefault(row.registrant, set()).add(known.get(key))
    public_ids = select(Person.public_id, Person.canonical_id).where(
        among(Person.public_id, sorted(registrants)), Person.erased_at.is_(None)
    )
    links: dict[str, int] = {}
    for registrant, people in addressed.items():
        if len(people) == 1 and (person_id := next(iter(people))) is not None:
            links[registrant] = person_id
    links |= {public_id: person_id for public_id, person_id in db.session.execute(public_ids) if person_id is not None}
    return {f"registrant:{registrant}": person_id for registrant, person_id in links.items()}


def _as_decided(standing: AttendeeStatus) -> AttendeeMatch:
    reason = decided_in_words(standing.decided_by, standing.decided_at)
    if standing.person_id is None:
        reason = _("Not a participant: %(reason)s.", reason=reason)
    return AttendeeMatch(standing.key, standing.person_id, standing.how, reason, standing.id)


def _by_name(key: str, row: ReportRow, names: "NameIndex") -> AttendeeMatch:
    alike = names.exactly(row.name)
    if len(alike) == 1 and not row.email:
        return AttendeeMatch(key, alike[0].person_id, MatchMethod.NAME, _("same full name"))
    candidates = names.crowd.alike(row.name, row.reported_name, email_key(row.email) if row.email else "")
    if row.email:
        reason = _("No person has this e-mail address.")
    elif alike:
        reason = _("Several enrolled people have this name.")
    else:
        reason = _("No enrolled person has this name.")
    return AttendeeMatch(key, None, None, reason, candidates=candidates)


class NameIndex:
    """The names of everyone enrolled in a lecture, to find an exact or similar one."""

    def __init__(self, people: list[PersonSummary], languages: Collection[str]) -> None:
        self.people, self.languages = people, languages
        self._exact: dict[str, list[PersonSummary]] = {}
        for person in people:
            for name in {plain_name(person.full_name), plain_name(person.native_name or "")} - {""}:
                self._exact.setdefault(name, []).append(person)

    @classmethod
    def of(cls, lecture: Lecture, *, shown_to: Actor | None = None) -> "NameIndex":
        """Of those whose attendance of a lecture is credited; of those whose names the actor sees, where given."""
        day = (lecture.actual_start or lecture.starts_at or lecture.created_at).date()
        people = eligible_people(lecture.id)
        if shown_to is not None:
            people -= hidden_among(lecture.series_id, people, by=shown_to)
        return cls(known_people(people, day), (lecture.language,))

    def exactly(self, name: str) -> list[PersonSummary]:
        """Everybody of this full or native name."""
        return self._exact.get(plain_name(name), []) if name else []

    @cached_property
    def crowd(self) -> CandidateIndex:
        """The same people, indexed for similar names; built on first use."""
        return crowd_of(self.people, self.languages)

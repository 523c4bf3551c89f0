"""Search results for some words, of each kind: only what the reader may see."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from lms.catalogue.finding import LectureFound, SeriesFound, find_lectures, find_series
from lms.certificates import numbers
from lms.certificates.queries.certificates import ShownCertificate, get_certificate, list_of_people
from lms.core.base.errors import NotFound
from lms.core.base.roles import Actor
from lms.core.database.search import search_phrases, search_words
from lms.dashboards.queries.help import HelpFound, find_help
from lms.enrolment.queries.rows import day_of
from lms.enrolment.queries.sharing import seen_in_search, series_shared_with
from lms.materials.queries import FileFound, find_files
from lms.people.queries.finding import MOST, OrganisationFound, PersonFound, find_organisations, find_people

LONGEST = 200
"""The maximum length of a search."""


class ResultKind(StrEnum):
    """A kind of search result, in the order of the page."""

    PEOPLE = "people"
    SERIES = "series"
    LECTURES = "lectures"
    FILES = "files"
    ORGANISATIONS = "organisations"
    CERTIFICATES = "certificates"
    HELP = "help"


@dataclass(frozen=True)
class Found:
    """The search results: up to `MOST` of each kind, and of which kinds there are more.

    `words` of names and `phrases` of texts are what was compared. `series_of`: where an instructor finds each
    person, by id.
    """

    words: tuple[str, ...]
    phrases: tuple[str, ...] = ()
    people: Sequence[PersonFound] = ()
    series: Sequence[SeriesFound] = ()
    lectures: Sequence[LectureFound] = ()
    files: Sequence[FileFound] = ()
    organisations: Sequence[OrganisationFound] = ()
    certificates: Sequence[ShownCertificate] = ()
    help: Sequence[HelpFound] = ()
    more: frozenset[ResultKind] = frozenset()
    series_of: dict[int, str] = field(default_factory=dict)

    def of(self, kind: ResultKind) -> Sequence[Any]:
        """Returns what was found of a kind."""
        results: Sequence[Any] = getattr(self, kind)
        return results

    @property
    def count(self) -> int:
        """How many in all, as far as they are counted."""
        return sum(len(self.of(kind)) for kind in ResultKind)


def kinds_for(by: Actor) -> list[ResultKind]:
    """The kinds that a reader may find something of. Certificates are found by their number, which is public."""
    is_staff = by.is_administrator or by.is_focal_point or by.is_instructor
    of_staff = {ResultKind.PEOPLE, ResultKind.ORGANISATIONS}
    return [kind for kind in ResultKind if is_staff or kind not in of_staff]


def find_all(typed: str, *, by_organisation: bool = False, locale: str = "en", by: Actor, at: datetime) -> Found:
    """Returns what is found for what was typed. `by_organisation`: people are looked for by their organisation
    instead."""
    words = tuple(search_words(typed))
    if not words:
        return Found(())
    phrases = tuple(search_phrases(typed))
    people: list[PersonFound] = []
    organisations: list[OrganisationFound] = []
    if ResultKind.PEOPLE in kinds_for(by):
        scope = seen_in_search(by)
        people = find_people(words, typed=typed, by_organisation=by_organisation, scope=scope, day=day_of(at), by=by)
        organisations = find_organisations(words, scope=scope, by=by)
    results = Found(
        words,
        phrases,
        people,
        find_series(phrases, locale=locale, by=by),
        find_lectures(phrases, locale=locale, by=by),
        find_files(phrases, by=by),
        organisations,
        _certificates(typed, people, by=by),
        find_help(phrases),
    )
    shown: dict[str, Any] = {kind.value: results.of(kind)[:MOST] for kind in ResultKind}
    more = frozenset(kind for kind in ResultKind if len(results.of(kind)) > MOST)
    return replace(results, **shown, more=more, series_of=series_shared_with([person.id for person in people], by))


def _certificates(typed: str, people: Sequence[PersonFound], *, by: Actor) -> list[ShownCertificate]:
    """The certificate with this number, for everybody; those of the people found, for who may see all."""
    if numbers.parse(typed) is not None:
        try:
            return [get_certificate(typed, by=by)]
        except NotFound:
            return []
    return list_of_people([one.id for one in people[:MOST]], by=by, limit=MOST + 1) if by.is_administrator else []

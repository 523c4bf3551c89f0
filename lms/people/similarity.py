"""How alike two records of people are: their names, what supports that they are one person, and what speaks against it.

Pure. People of one country often share a name, so the name alone makes a weak match: an organisation or an unusual
name before the @ has to support it.
"""

from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property, lru_cache

from rapidfuzz import fuzz

from lms.core.database.search import search_words
from lms.core.text.i18n import _
from lms.people.models import Gender, Sector
from lms.people.name_matching import PUBLIC_MAIL, SMALL_WORDS, Name, PersonSummary, best_match, names_of

OFFERED = 80
"""From this score on two people are offered as possible duplicates."""
STRONG = 90
STORED = 60
"""Pairs with a lower score are not listed at all."""
SHORT = 4
"""A name before the @ of this many characters, such as info, is no evidence."""
COMMON = 5
"""A name that this many people have is little evidence."""
_NAME_ALONE, _COMMON_NAME, _OTHER_COUNTRY, _OTHER_NATIVE_NAME, _OTHER_GENDER = -30, -25, -25, -20, -15
_OTHER_EMPLOYER, _OTHER_SECTOR, _OTHER_ADDRESS_THERE, _SAME_ORGANISATION, _SAME_MAILBOX = -10, -5, -26, 5, 10
_ALIKE = 85
_GENERIC = frozenset(
    word
    for line in (
        "ministry ministere ministerio department departement departamento directorate office authority agency bureau",
        "board government national federal state republic university universite universidad college institute institut",
        "instituto school academy company co ltd limited inc llc corporation group holding enterprise bank centre",
        "center council commission committee association federation union chamber foundation society international",
    )
    for word in line.split()
)
"""Words of organisations that two different ones share."""


_NO_EMPLOYER = frozenset(
    [
        "self",
        "employed",
        "employment",
        "freelance",
        "freelancer",
        "none",
        "n",
        "a",
        "na",
        "independent",
        "retired",
        "student",
    ]
)
"""What people without an employer write."""


class Grade(StrEnum):
    STRONG = "strong"
    POSSIBLE = "possible"
    WEAK = "weak"
    NONE = "none"


def grade_of(score: int) -> Grade:
    """The grade of a score."""
    if score >= OFFERED:
        return Grade.STRONG if score >= STRONG else Grade.POSSIBLE
    return Grade.WEAK if score >= STORED else Grade.NONE


@dataclass(frozen=True)
class Similarity:
    """How alike two people are, from 0 to 99, what speaks for it, and what against it."""

    score: int
    reasons: tuple[str, ...]
    against: tuple[str, ...]

    @property
    def grade(self) -> Grade:
        """The score in words."""
        return grade_of(self.score)


@dataclass(frozen=True)
class Record:
    """A person as they are compared with others."""

    person: PersonSummary
    gender: Gender | None
    sector: Sector | None

    @cached_property
    def names(self) -> list[tuple[bool, Name]]:
        """Their names; whether each is in native script."""
        return names_of(self.person)

    @cached_property
    def organisation(self) -> str:
        """The organisation; empty where its name says that there is none."""
        name = self.person.organisation or ""
        return "" if set(search_words(name)) <= _NO_EMPLOYER else name

    @cached_property
    def boxes(self) -> frozenset[str]:
        """The names before the @ of their e-mail addresses."""
        return frozenset(mailbox.partition("@")[0] for mailbox in self.person.mailboxes)

    @cached_property
    def domains(self) -> frozenset[str]:
        """The domains of employers among their e-mail addresses."""
        return frozenset(filter(None, map(employer_domain, self.person.mailboxes)))


def employer_domain(mailbox: str) -> str:
    """The domain of an e-mail address; empty for public mail services, where anybody has an address."""
    domain = mailbox.partition("@")[2]
    return "" if PUBLIC_MAIL.match(domain) else domain


class _Comparison:
    """The score of two people, as it is added up."""

    def __init__(self, first: Record, second: Record) -> None:
        swapped = len(first.person.full_name.split()) > len(second.person.full_name.split())
        self.first, self.second = (second, first) if swapped else (first, second)  # the same either way round
        self.score, self.reasons = best_match([name for _native, name in self.first.names], self.second.names)
        self.against: list[str] = []
        self.is_supported = False
        self.is_other_employer = False

    def support(self, points: int, reason: str) -> None:
        """Adds what two people of one name do not share by chance."""
        self.score, self.is_supported = self.score + points, True
        self.reasons.append(reason)

    def object(self, points: int, reason: str) -> None:
        """Subtracts what speaks against one person."""
        self.score += points
        self.against.append(reason)

    def origin(self) -> None:
        """Compares the countries and the names in native script."""
        first_value, other = self.first.person, self.second.person
        if first_value.country and other.country:
            if first_value.country == other.country:
                self.reasons.append(_("same country"))
            else:
                self.object(_OTHER_COUNTRY, _("different countries"))
        if first_value.native_name and other.native_name:
            alike, _reasons = best_match([self.first.names[-1][1]], self.second.names[-1:])
            if alike < OFFERED:
                self.object(_OTHER_NATIVE_NAME, _("different names in native script"))

    def employer(self) -> None:
        """Compares the organisations, the e-mail addresses and the sectors, of which the most telling one counts."""
        self._organisation()
        self._addresses()
        first, second = self.first.sector, self.second.sector
        if self.is_other_employer:
            self.score += _OTHER_EMPLOYER
        if first is not None and second is not None and first is not second:
            self.object(0 if self.is_other_employer else _OTHER_SECTOR, _("different sectors"))

    def _organisation(self) -> None:
        first, second = self.first.organisation, self.second.organisation
        if not first or not second:
            return
        if is_same_organisation(first, second):
            self.support(_SAME_ORGANISATION, _("organisations that may be the same"))
        else:
            self.is_other_employer = True
            self.against.append(_("different organisations"))

    def _addresses(self) -> None:
        first, second = self.first, self.second
        names = [tuple(search_words(record.person.full_name)) for record in (first, second)]
        boxes = {box for box in first.boxes & second.boxes if len(box) > SHORT}
        if any(not any(is_made_of(box, name) for name in names) for box in boxes):
            self.support(_SAME_MAILBOX, _("same name before the @ in the e-mail"))
        elif first.boxes and second.boxes:
            if first.domains & second.domains:
                # An employer gives namesakes different addresses, and rarely one person two
                self.object(_OTHER_ADDRESS_THERE if self.is_supported else 0, _("two addresses of one employer"))
            else:
                both_organisations = first.organisation and second.organisation
                self.is_other_employer |= bool(first.domains and second.domains and not both_organisations)
                self.against.append(_("different e-mail addresses"))

    def gender(self) -> None:
        """Compares the genders."""
        first_value, other = self.first.gender, self.second.gender
        if first_value is not None and other is not None and first_value is not other:
            self.object(_OTHER_GENDER, _("different genders"))


def compare(first: Record, second: Record, *, is_common: bool = False) -> Similarity:
    """Compares two people. `is_common`: their name is the same, and `COMMON` people or more have it."""
    comparison = _Comparison(first, second)
    if is_common:
        comparison.object(_COMMON_NAME, _("many people have this name"))
    comparison.origin()
    comparison.employer()
    comparison.gender()
    if not comparison.is_supported:
        comparison.score += _NAME_ALONE
    score = max(0, min(comparison.score, 99))
    return Similarity(score, tuple(comparison.reasons), tuple(comparison.against))


def is_made_of(box: str, name: tuple[str, ...]) -> bool:
    """Whether a name before the @ is the name itself (its words) or its initials, so that namesakes have it too."""
    letters = "".join(char for char in "".join(search_words(box)) if not char.isdigit())
    return _is_joined_from(letters, name)


def _is_joined_from(letters: str, words: tuple[str, ...]) -> bool:
    """Whether letters are beginnings of these words, each used once, in any order."""
    if not letters:
        return True
    return any(
        _is_joined_from(letters[length:], words[:place] + words[place + 1 :])
        for place, word in enumerate(words)
        for length in range(len(word), 0, -1)
        if letters.startswith(word[:length])
    )


def is_same_organisation(first: str, second: str) -> bool:
    """Whether one names the other, in all its words or by its initials."""
    return _is_same_organisation(*sorted((first, second)))


@lru_cache(maxsize=65536)
def _is_same_organisation(first: str, second: str) -> bool:
    if first == second:
        return True
    short, long = sorted((organisation_words(first), organisation_words(second)), key=len)
    if set(short) - _GENERIC and all(any(_is_same_word(word, other) for other in long) for word in short):
        return True
    return any(
        letters in words for letters, words in ((initials_of(long), short), (initials_of(short), long)) if letters
    )


def _is_same_word(first: str, second: str) -> bool:
    return first == second or (min(len(first), len(second)) > SHORT and fuzz.ratio(first, second) >= _ALIKE)


def organisation_words(organisation: str) -> tuple[str, ...]:
    """The words of an organisation's name, without small ones."""
    return tuple(word for word in search_words(organisation) if word not in SMALL_WORDS)


def initials_of(words: tuple[str, ...]) -> str:
    """The initials of three long words or more, by which an organisation may be known."""
    letters = "".join(word[0] for word in words if len(word) > 3)
    return letters if len(letters) > 2 else ""


def distinctive_words(organisation: str) -> set[str]:
    """Returns what two names of one organisation share: a word that is not generic, or the initials."""
    words = organisation_words(organisation)
    return {*(set(words) - _GENERIC), *filter(None, [initials_of(words)])}

"""Scores how similar a name in a report is to a known person's, with reasons. Pure.

100 is the same full name. From `STRONG` on, the person is almost certainly meant if no other comes close. A score is
never a credit: someone reviews it and decides.
"""

import re
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from heapq import nlargest

from rapidfuzz.distance import Levenshtein

from lms.core.text.i18n import _
from lms.core.text.punctuation import listed
from lms.core.text.sorting import sort_key
from lms.people.names import names_in, plain_name, undecorated

STRONG = 90
"""The minimum score of a strong candidate, if the next one is `APART` or more behind."""
APART = 10
WEAK = 50
"""The minimum score of a candidate."""
SHOWN = 5
"""The maximum number of candidates shown."""

_LOOKED_AT = 10
_POOL = 200
_WORDS = re.compile(r"[^\W_]+")
_MARKS = re.compile(r"['’ʼ`´.]")
_VOWELS = re.compile(r"(?<=.)[aeiou]+")
_TWICE = re.compile(r"(.)\1+")
PUBLIC_MAIL = re.compile(
    r"^(?:gmail|googlemail|yahoo|ymail|hotmail|outlook|live|msn|aol|icloud|me|qq|163|126|sina|foxmail|mail|gmx|web|"
    r"proton|protonmail|yandex)\.[a-z.]+$"
)
SMALL_WORDS = frozenset({"of", "the", "and", "for", "de", "la", "le", "du", "des", "et", "do", "da", "y"})


@dataclass(frozen=True, slots=True)
class PersonSummary:
    """A person whom a report can mean. `mailboxes` are their e-mail addresses, as `email_key`."""

    person_id: int
    public_id: str
    full_name: str
    native_name: str | None = None
    organisation: str | None = None
    country: str | None = None
    mailboxes: tuple[str, ...] = ()

    @property
    def email(self) -> str | None:
        """The first of their e-mail addresses."""
        return next(iter(self.mailboxes), None)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A candidate for a name: a score from 0 to 100, with reasons in words."""

    known: PersonSummary
    score: int
    reasons: tuple[str, ...]


class Name:
    """A name, ready to be compared."""

    __slots__ = ("joined", "plain", "words")

    def __init__(self, text: str) -> None:
        self.plain = plain_name(text)
        self.words = words_of(text)
        self.joined = "".join(self.words)


def words_of(text: str) -> list[str]:
    """The words of a name, without case, accents and marks."""
    return _WORDS.findall(sort_key(_MARKS.sub("", text)))


def strong_one(candidates: Sequence[Candidate]) -> Candidate | None:
    """The one strong candidate if no other comes close; None if there is none."""
    if not candidates or candidates[0].score < STRONG:
        return None
    is_alone = len(candidates) == 1 or candidates[0].score - candidates[1].score >= APART
    return candidates[0] if is_alone else None


class CandidateIndex:
    """An index of everyone whom the names of a report may match.

    Only people who share a word with a name (or a similar spelling, or the letters, or the name before the @) are
    compared, so that the cost of a name does not depend on their number. `countries` lists names of each code.
    """

    def __init__(self, people: Iterable[PersonSummary], countries: Mapping[str, Collection[str]] | None = None) -> None:
        self.people = list(people)
        self._names = [names_of(person) for person in self.people]
        self._countries = {code: {sort_key(name) for name in names} for code, names in (countries or {}).items()}
        self._keys = [
            {key for _why, name in names for key in _keys(name)} | set(_mail_keys(one.mailboxes))
            for one, names in zip(self.people, self._names, strict=True)
        ]
        self._index: dict[Hashable, list[int]] = {}
        for number, keys in enumerate(self._keys):
            for key in keys:
                self._index.setdefault(key, []).append(number)
        self._told: dict[tuple[str, str, str], list[Candidate]] = {}

    def alike(self, name: str, reported: str = "", email: str = "") -> list[Candidate]:
        """Candidates for a name, most likely first.

        `reported` is the name with its decorations; `email` is an address that matches nobody.
        """
        query = name, reported, email
        if query not in self._told:
            self._told[query] = self._alike(name, reported, email)
        return self._told[query]

    def _alike(self, name: str, reported: str, email: str) -> list[Candidate]:
        ways = [Name(text) for text in dict.fromkeys((name, *names_in(reported))) if text]
        keys = {key for way in ways for key in _keys(way)} | set(_mail_keys([email] if email else []))
        candidates = []
        for number in self._nearest(keys):
            candidate = self._judge(number, ways, name, reported, email)
            if candidate is not None and candidate.score >= WEAK:
                candidates.append(candidate)
        return sorted(
            candidates, key=lambda candidate: (-candidate.score, candidate.known.full_name, candidate.known.person_id)
        )[:SHOWN]

    def _nearest(self, keys: Collection[Hashable]) -> list[int]:
        """The people who share the most keys, rare ones weighing more: searched among holders of the rarest."""
        held = sorted((holders for key in keys if (holders := self._index.get(key))), key=len)
        pool: set[int] = set()
        for holders in held:
            if len(pool) > _POOL:
                break
            pool.update(holders)
        weights = {key: 1 / len(self._index[key]) for key in keys if key in self._index}
        shared = weights.keys()
        hits = [(sum(weights[key] for key in shared & self._keys[number]), number) for number in pool]
        return [number for _weight, number in nlargest(_LOOKED_AT, hits)]

    def _judge(self, number: int, ways: Sequence[Name], name: str, reported: str, email: str) -> Candidate | None:
        known = self.people[number]
        score, reasons = best_match(ways, self._names[number])
        more = self._around(known, name, reported, email)
        if score == 0:
            if not any(is_enough for _points, is_enough, _reason in more):
                return None
            score = WEAK
        if score < 100:
            score = min(99, score + sum(points for points, _enough, _reason in more))
        return Candidate(known, score, (*reasons, *(reason for _points, _enough, reason in more)))

    def _around(self, known: PersonSummary, name: str, reported: str, email: str) -> list[tuple[int, bool, str]]:
        """Evidence for a candidate other than the name: points, whether it is sufficient on its own, and why."""
        circumstances: list[tuple[int, bool, str]] = []
        aside = [word for word in words_of(reported) if word not in set(words_of(name))]
        if _names_organisation(aside, known.organisation or ""):
            circumstances.append((6, False, _("same organisation next to the name")))
        if known.country is not None and _names_any(aside, self._countries.get(known.country, ())):
            circumstances.append((3, False, _("same country next to the name")))
        box, _at, domain = email.partition("@")
        boxes = [mailbox.partition("@") for mailbox in known.mailboxes]
        if len(box) > 4 and any(box == known_box for known_box, _a, _d in boxes):
            circumstances.append((6, True, _("same name before the @ in the e-mail")))
        elif domain and not PUBLIC_MAIL.match(domain) and any(domain == known_domain for _b, _a, known_domain in boxes):
            circumstances.append((3, False, _("e-mail domain of the same organisation")))
        return circumstances


def _names_organisation(words: Collection[str], organisation: str) -> bool:
    """Whether words share two with an organisation's name, or all that either has."""
    given, known = set(words) - SMALL_WORDS, set(words_of(organisation)) - SMALL_WORDS
    shared = given & known
    return bool(shared) and (len(shared) > 1 or shared in (given, known))


def _names_any(words: Sequence[str], names: Iterable[str]) -> bool:
    """Whether one of these names stands among the words, or is all of them."""
    text = f" {' '.join(words)} "
    return bool(words) and any(f" {name} " in text for name in names)


def best_match(ways: Sequence[Name], names: Sequence[tuple[bool, Name]]) -> tuple[int, list[str]]:
    """How alike the most similar names are, from 0 to 100, and why. `names` says which are in native script."""
    score, is_native = 0, False
    reasons: tuple[str, ...] = ()
    for way in ways:
        for in_native, known_name in names:
            compared = _compare(way, known_name)
            if compared is not None and compared[0] > score:
                (score, reasons), is_native = compared, in_native
    if is_native and score == 100:
        return score, [_("the name in native script"), *reasons[1:]]
    return score, [_("matches the name in native script"), *reasons] if is_native else list(reasons)


def names_of(known: PersonSummary) -> list[tuple[bool, Name]]:
    names = [(False, Name(undecorated(known.full_name) if "(" in known.full_name else known.full_name))]
    if known.native_name:
        names.append((True, Name(known.native_name)))
    return names


def _keys(name: Name) -> Iterable[Hashable]:
    yield from ((0, word) for word in name.words if len(word) > 1)
    yield from ((1, bones) for word in name.words if len(bones := _consonant_key(word)) > 2)
    yield 2, name.joined


def _mail_keys(mailboxes: Iterable[str]) -> Iterable[Hashable]:
    return [(3, box) for box in (mailbox.partition("@")[0] for mailbox in mailboxes) if len(box) > 4]


def _consonant_key(word: str) -> str:
    """Returns what is left of a word without vowels and doubled letters: the same of Mohammed and Muhamad."""
    return _TWICE.sub(r"\1", _VOWELS.sub("", word))


@dataclass
class _Pairs:
    """How the words of two names go together."""

    same: list[tuple[int, int]] = field(default_factory=list)
    initials: list[tuple[str, str]] = field(default_factory=list)
    near: list[tuple[str, str]] = field(default_factory=list)
    said_left: list[str] = field(default_factory=list)
    theirs_left: list[int] = field(default_factory=list)
    length: int = 0


def _compare(reported: Name, theirs: Name) -> tuple[int, tuple[str, ...]] | None:
    """The score of two names and why; None where they have nothing in common."""
    if reported.plain == theirs.plain:
        return 100, (_("same full name"),)
    if not reported.words or not theirs.words:
        return None
    if reported.words == theirs.words:
        return 97, (_("same name without accents"),)
    if sorted(reported.words) == sorted(theirs.words):
        return 96, (_("same words in a different order"),)
    if reported.joined == theirs.joined:
        return 94, (_("same letters, spaced differently"),)
    pairs = _pair(reported.words, theirs.words)
    whole = len(pairs.same) + len(pairs.near)
    if not whole or (not any(len(reported.words[a]) > 2 for a, _b in pairs.same) and not pairs.near):
        return None
    return _weigh(pairs, whole)


def _weigh(pairs: _Pairs, whole: int) -> tuple[int, tuple[str, ...]]:
    score, reasons = 100, []
    if pairs.near:
        score -= 11 * len(pairs.near)
        spelled = listed(f"{a} / {b}" for a, b in pairs.near)
        reasons.append(_("slightly different spelling (%(words)s)", words=spelled))
    if pairs.initials:
        score -= 12 * len(pairs.initials)
        reasons.append(_("initials instead of names"))
    is_little = whole + len(pairs.initials) < 2
    if pairs.theirs_left:
        score -= 45 if is_little else 8 * min(len(pairs.theirs_left), 4)
        reasons.append(_left_out(pairs.theirs_left, pairs.length, is_little=is_little))
    if pairs.said_left:
        score -= (35 if is_little else 10) * len(pairs.said_left)
        reasons.append(_("one extra name"))
    if pairs.same != sorted(pairs.same, key=lambda pair: pair[1]):
        score -= 4
        reasons.append(_("different order"))
    if pairs.same and not is_little:
        reasons.insert(0, _("similar name") if len(pairs.same) > 1 else _("one name matches"))
    return max(score, 0), tuple(reasons)


def _left_out(places: Sequence[int], length: int, *, is_little: bool) -> str:
    if is_little:
        return _("only one of several names")
    if all(0 < place < length - 1 for place in places):
        return _("middle name missing")
    return _("one name missing")


def _pair(reported: Sequence[str], theirs: Sequence[str]) -> _Pairs:
    pairs, free = _Pairs(length=len(theirs)), dict(enumerate(theirs))
    left: list[tuple[int, str]] = []
    for place, word in enumerate(reported):
        if (other := next((at for at, one in free.items() if one == word), None)) is None:
            left.append((place, word))
        elif len(word) > 1:
            pairs.same.append((place, other))
            del free[other]
        else:
            pairs.initials.append((word, free.pop(other)))
    tests: tuple[tuple[Callable[[str, str], bool], list[tuple[str, str]]], ...] = (
        (_is_near, pairs.near), (_is_initial, pairs.initials)
    )  # fmt: skip
    for test, into in tests:
        still = []
        for place, word in left:
            other = next((at for at, one in free.items() if test(word, one)), None)
            if other is None:
                still.append((place, word))
            else:
                into.append((word, free.pop(other)))
        left = still
    pairs.said_left = [word for _place, word in left]
    pairs.theirs_left = list(free)
    return pairs


def _is_near(a: str, b: str) -> bool:
    longest = max(len(a), len(b))
    if longest < 4:
        return False
    distance = Levenshtein.distance(a, b, score_cutoff=3)
    return distance <= max(1, longest // 4) or (
        len(bones := _consonant_key(a)) > 2 and bones == _consonant_key(b) and distance <= 3
    )


def _is_initial(a: str, b: str) -> bool:
    return (len(a) == 1 and b.startswith(a)) or (len(b) == 1 and a.startswith(b))

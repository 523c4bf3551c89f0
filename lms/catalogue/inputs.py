"""The input for a new or changed series or lecture, and its check field by field: pure."""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from enum import StrEnum
from typing import Any, TypeVar
from urllib.parse import urlsplit

from lms.catalogue.models import Admission, CertificateKind, Delivery, LectureState, Visibility, WalkIns
from lms.core.base.errors import Fault, Invalid
from lms.core.text.i18n import _
from lms.core.text.punctuation import listed
from lms.core.text.translations import TextField, Translations, checked_translations, is_language, one_spelling
from lms.core.text.typed_text import clean_line, clean_text, is_visible, stated

MAX_CAPACITY = 1_000_000
MAX_MATERIALS = 50
MAX_LECTURES = 1000
MAX_MINUTES = 100_000
RESERVED_SLUGS = frozenset({"new"})
SERIES_TEXTS = {"title": TextField(200, is_line=True), "description": TextField(20_000)}
LECTURE_TEXTS = {"title": TextField(200, is_line=True), "abstract": TextField(20_000)}
"""What of a series and of a lecture can be translated."""
_SLUG = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
REPLAY_DAYS = (
    "For how many days the replay counts, from the end of a lecture or, if its recording came later, from then on. "
    "If 0, it does not count."
)
TEXT_LANGUAGE = "The language that the main texts are written in. If null, `language`."

K = TypeVar("K", bound=StrEnum)


@dataclass(frozen=True, kw_only=True)
class PolicyInput:
    """The policy of a series, fields as in the API."""

    min_percent: int = 60
    min_lectures_percent: int = 60
    replay_days: int = stated(28, REPLAY_DAYS)
    walk_ins: WalkIns = WalkIns.ENROL
    certificate: CertificateKind | None = CertificateKind.PARTICIPATION
    min_lectures: int | None = stated(None, "Number of lectures needed. If null, `min_lectures_percent` applies.")
    min_minutes: int | None = stated(None, "Minutes needed in total.")
    deadline: date | None = stated(
        None,
        "Last day, in the reporting zone, on which a lecture that counts can start. Its replay, and reports of it that "
        "arrive later, count too.",
    )
    confirmed_names: bool = stated(False, "Issue only to people who have confirmed their name.")
    checks_passed: bool = stated(False, "Issue only to people who have passed every knowledge check of the series.")
    min_feedback: int | None = stated(None, "Number of lectures on which feedback has to be given.")


@dataclass(frozen=True, kw_only=True)
class SeriesInput:
    """A series as asked for, fields as in the API. `instructors` are e-mail addresses, `countries` codes.

    `text_language` null: title and description are in `language`.
    """

    slug: str
    title: str
    description: str = ""
    language: str = "en"
    text_language: str | None = stated(None, TEXT_LANGUAGE)
    translations: Translations = field(default_factory=dict)
    visibility: Visibility = Visibility.PUBLIC
    admission: Admission = Admission.OPEN
    nominations_need_approval: bool = stated(
        False, "An administrator approves nominations before nominees are invited."
    )
    starts_on: date | None = None
    ends_on: date | None = None
    capacity: int | None = None
    countries: tuple[str, ...] | None = stated(None, length=400)
    instructors: tuple[str, ...] = stated((), length=100)
    policy: PolicyInput = field(default_factory=PolicyInput)


@dataclass(frozen=True, kw_only=True)
class LectureInput:
    """A lecture as asked for, fields as in the API. `starts_at` is local time without offset in `time_zone`.

    `language` null is the series' language. `state` is draft or scheduled. `text_language` null: title and abstract are
    in `language`.
    """

    title: str
    abstract: str = ""
    state: LectureState = LectureState.SCHEDULED
    starts_at: datetime | None = None
    time_zone: str
    duration_minutes: int = 90
    language: str | None = None
    text_language: str | None = stated(None, TEXT_LANGUAGE)
    translations: Translations = field(default_factory=dict)
    interpretation: tuple[str, ...] = stated((), length=40)
    instructors: tuple[str, ...] = stated((), length=100)
    delivery: Delivery = Delivery.LINK
    join_url: str | None = None
    recording_url: str | None = None
    materials: tuple[Mapping[str, str], ...] = ()


@dataclass(frozen=True, kw_only=True)
class SeriesCopy:
    """A series to be made from another. `first`: the day of its first lecture; null where none has a date yet.

    `decisions`: what becomes of dates with a problem, by the key of the date.
    """

    slug: str
    title: str
    first: date | None = None
    instructors: bool = True
    links: bool = True
    speakers: bool = True
    files: bool = True
    checks: bool = True
    questions: bool = True
    feedback: bool = True
    rules: bool = True
    countries: bool = True
    decisions: Mapping[str, str] = field(default_factory=dict)


def slug_of(title: str) -> str:
    """A web address made from a title: "green-trade-2027". Empty where the title has no Latin letter or digit."""
    plain = "".join(char for char in unicodedata.normalize("NFKD", title.casefold()) if not unicodedata.combining(char))
    words = re.findall(r"[a-z0-9]+", plain.replace("’", "").replace("'", ""))
    slug = "-".join(words)
    return slug if len(slug) <= 80 else slug[:80].rpartition("-")[0] or slug[:80]


def title_in_year(title: str, before: int, year: int) -> str:
    """The title of a series that is given again in another year: the year in it is replaced, or the new one added."""
    if before == year:
        return title
    renamed = re.sub(rf"(?<!\d){before}(?!\d)", str(year), title)
    return renamed if renamed != title else f"{title}, {year}"


def is_web_address(text: str) -> bool:
    """Whether this is an http or https address with a host and nothing that hides another."""
    if len(text) > 2000 or "\\" in text or any(char.isspace() or not is_visible(char) for char in text):
        return False
    try:
        parts = urlsplit(text)
        return parts.scheme.lower() in {"http", "https"} and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        return False


def is_slug(text: str) -> bool:
    """Whether a series can have this name in addresses: small letters, digits, single hyphens."""
    return len(text) <= 80 and _SLUG.fullmatch(text) is not None


class _Check:
    """Collects faults, so that all are reported at once."""

    def __init__(self) -> None:
        self.faults: list[Fault] = []

    def wrong(self, name: str, reason: str) -> None:
        self.faults.append(Fault(field=name, reason=reason))

    def line(self, name: str, text: str | None) -> str:
        value = clean_line(text)
        if not value:
            self.wrong(name, _("Enter something here."))
        elif len(value) > 200:
            self.wrong(name, _("Use at most %(n)s characters.", n=200))
        return value

    def text(self, name: str, text: str | None) -> str:
        value = clean_text(text)
        if len(value) > 20_000:
            self.wrong(name, _("Use at most %(n)s characters.", n=20_000))
        return value

    def whole(self, name: str, value: object, low: int, high: int) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            self.wrong(name, _("Enter a whole number from %(low)s to %(high)s.", low=low, high=high))
            return low
        return value

    def whole_or_none(self, name: str, value: object, low: int, high: int) -> int | None:
        return None if value is None else self.whole(name, value, low, high)

    def day(self, name: str, value: date | None) -> date | None:
        if value is not None and not 1990 <= value.year <= 2100:
            self.wrong(name, _("Enter a year between %(first)s and %(last)s.", first=1990, last=2100))
        return value

    def choice(self, name: str, kind: type[K], value: object) -> K:
        try:
            return kind(str(value))
        except ValueError:
            self.wrong(name, _("Choose one of: %(choices)s.", choices=listed(kind)))
            return next(iter(kind))

    def language(self, name: str, code: str) -> str:
        if not is_language(code):
            self.wrong(name, _("“%(code)s” is not a known language. Use a code such as en or fr.", code=code[:32]))
        return one_spelling(code)

    def address(self, name: str, url: str | None) -> str | None:
        value = (url or "").strip()
        if value and not is_web_address(value):
            self.wrong(name, _("Enter a web address that starts with https:// or http://."))
        return value or None

    def translations(self, draft: SeriesInput | LectureInput, fields: Mapping[str, TextField]) -> Translations:
        main = draft.text_language or draft.language or ""
        checked, faults = checked_translations(draft.translations, fields, main=main)
        self.faults += faults
        return checked

    def done(self) -> None:
        if self.faults:
            raise Invalid(faults=self.faults)


def checked_policy(draft: PolicyInput, check: _Check | None = None) -> PolicyInput:
    """The policy as it is stored. Invalid names the fields as `policy.min_percent`."""
    checker = check or _Check()
    value = PolicyInput(
        min_percent=checker.whole("policy.min_percent", draft.min_percent, 1, 100),
        min_lectures_percent=checker.whole("policy.min_lectures_percent", draft.min_lectures_percent, 1, 100),
        replay_days=checker.whole("policy.replay_days", draft.replay_days, 0, 3650),
        walk_ins=checker.choice("policy.walk_ins", WalkIns, draft.walk_ins),
        certificate=None
        if draft.certificate is None
        else checker.choice("policy.certificate", CertificateKind, draft.certificate),
        min_lectures=checker.whole_or_none("policy.min_lectures", draft.min_lectures, 1, MAX_LECTURES),
        min_minutes=checker.whole_or_none("policy.min_minutes", draft.min_minutes, 1, MAX_MINUTES),
        deadline=checker.day("policy.deadline", draft.deadline),
        confirmed_names=bool(draft.confirmed_names),
        checks_passed=bool(draft.checks_passed),
        min_feedback=checker.whole_or_none("policy.min_feedback", draft.min_feedback, 1, MAX_LECTURES),
    )
    if check is None:
        checker.done()
    return value


def checked_series(draft: SeriesInput) -> SeriesInput:
    """The series as it is stored, addresses and country codes apart. Invalid names every field that is wrong."""
    check = _Check()
    slug = draft.slug.strip()
    if not is_slug(slug):
        check.wrong("slug", _("Use lower-case letters a to z, digits and single hyphens, at most 80 characters."))
    elif slug in RESERVED_SLUGS:
        check.wrong("slug", _("This web address is used by another page. Choose another."))
    if draft.starts_on and draft.ends_on and draft.ends_on < draft.starts_on:
        check.wrong("ends_on", _("The last day is before the first."))
    for name, day in (("starts_on", draft.starts_on), ("ends_on", draft.ends_on)):
        check.day(name, day)
    for code in draft.countries or ():
        if not code.isascii() or not code.isprintable() or len(code) > 16:
            check.wrong("countries", _("Enter country codes, such as KE."))
    value = replace(
        draft,
        slug=slug,
        title=check.line("title", draft.title),
        description=check.text("description", draft.description),
        language=check.language("language", draft.language),
        text_language=check.language("text_language", draft.text_language) if draft.text_language else None,
        translations=check.translations(draft, SERIES_TEXTS),
        visibility=check.choice("visibility", Visibility, draft.visibility),
        admission=check.choice("admission", Admission, draft.admission),
        nominations_need_approval=bool(draft.nominations_need_approval),
        capacity=None if draft.capacity is None else check.whole("capacity", draft.capacity, 1, MAX_CAPACITY),
        countries=_distinct(code.upper() for code in draft.countries or ()) or None,
        instructors=_distinct(draft.instructors),
        policy=checked_policy(draft.policy, check),
    )
    check.done()
    return value


def checked_lecture(draft: LectureInput) -> LectureInput:
    """The lecture as it is stored, addresses and time apart. Invalid names every field that is wrong."""
    check = _Check()
    if draft.state not in (LectureState.DRAFT, LectureState.SCHEDULED):
        check.wrong("state", _("A new lecture is a draft or scheduled. Start, end or cancel it afterwards."))
    if draft.state is LectureState.SCHEDULED and draft.starts_at is None:
        check.wrong("starts_at", _("Enter when the lecture starts."))
    value = replace(
        draft,
        title=check.line("title", draft.title),
        abstract=check.text("abstract", draft.abstract),
        duration_minutes=check.whole("duration_minutes", draft.duration_minutes, 1, 1440),
        language=check.language("language", draft.language or "en") if draft.language else None,
        text_language=check.language("text_language", draft.text_language) if draft.text_language else None,
        translations=check.translations(draft, LECTURE_TEXTS),
        interpretation=_distinct(check.language("interpretation", code) for code in _distinct(draft.interpretation)),
        instructors=_distinct(draft.instructors),
        delivery=check.choice("delivery", Delivery, draft.delivery),
        join_url=check.address("join_url", draft.join_url),
        recording_url=check.address("recording_url", draft.recording_url),
        materials=_checked_materials(draft.materials, check),
    )
    check.done()
    return value


def _checked_materials(given: Iterable[Mapping[str, Any]], check: _Check) -> tuple[Mapping[str, str], ...]:
    links: list[Mapping[str, str]] = []
    for index, row in enumerate(given):
        title, url = clean_line(row.get("title")), (row.get("url") or "").strip()
        if not title:
            check.wrong(f"materials.{index}.title", _("Enter what this link leads to."))
        elif len(title) > 200:
            check.wrong(f"materials.{index}.title", _("Use at most %(n)s characters.", n=200))
        if not is_web_address(url):
            check.wrong(f"materials.{index}.url", _("Enter a web address that starts with https:// or http://."))
        links.append({"title": title, "url": url})
    if len(links) > MAX_MATERIALS:
        check.wrong("materials", _("Use at most %(n)s links.", n=MAX_MATERIALS))
    return tuple(links)


def _distinct(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(line for value in values if (line := clean_line(value))))

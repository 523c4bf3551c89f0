"""A learning record on paper: what a person attended, passed and was awarded, as of one day.

Its content is frozen in the record's row. What it has of a series is a list of sections (`SECTIONS`), each a table; a
section without rows is left out.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from lms.attendance.models.credits import Outcome
from lms.catalogue.models import CertificateKind
from lms.certificates.pdf.script_detection import language_of, writing_of
from lms.certificates.pdf.typesetting import draw_qr
from lms.certificates.rules import hours
from lms.core.base.settings import organiser_in
from lms.core.text.i18n import _, _n, _p, reader_locale
from lms.core.text.typesetting import coverage, drawable, replaced_words, tongue, typeset
from lms.web.pages.locale import direction
from lms.web.pages.time import number as written_number
from lms.web.pages.time import percent_tenths, short_day

TEMPLATE = Path(__file__).parents[1] / "design" / "record.typ"


@dataclass(frozen=True)
class RecordedLecture:
    """A held lecture on whose roster the person is. `explanation` is the result in words, in the record's language."""

    lecture_id: int
    title: str
    language: str
    day: str
    present_ms: int
    outcome: str
    explanation: str


@dataclass(frozen=True)
class RecordedCheck:
    """A knowledge check that was handed in. `tenths`: the share of right answers of the best attempt, in tenths of a
    percent. `passed_on` is the day of the first attempt that passed."""

    check_id: int
    title: str
    tenths: int
    passed_on: str | None


@dataclass(frozen=True)
class RecordedCertificate:
    """A certificate that was valid when the record was made."""

    number: str
    kind: str
    issued_on: str
    hours: float


@dataclass(frozen=True)
class RecordedSeries:
    """A series: `attended` of `held` lectures, whose actual length is `hours_ms`."""

    title: str
    language: str
    attended: int
    held: int
    hours_ms: int
    lectures: Sequence[RecordedLecture]
    certificates: Sequence[RecordedCertificate]
    checks: Sequence[RecordedCheck] = field(default_factory=list)
    """Empty also in records that were made before there were knowledge checks."""


@dataclass(frozen=True)
class RecordContent:
    """All that a record states, in one language."""

    name: str
    native_name: str | None
    language: str
    series: Sequence[RecordedSeries]

    @property
    def attended(self) -> int:
        """How many lectures count as attended."""
        return sum(one.attended for one in self.series)

    @property
    def hours(self) -> float:
        """The actual length of the lectures attended, in hours with one decimal."""
        return hours(one.hours_ms for one in self.series)

    @property
    def certificates(self) -> int:
        """How many certificates it names."""
        return sum(len(one.certificates) for one in self.series)

    @property
    def series_count(self) -> int:
        """How many series it has."""
        return len(self.series)

    @property
    def lectures(self) -> list[RecordedLecture]:
        """The lectures of all series."""
        return [lecture for one in self.series for lecture in one.lectures]

    @property
    def checks(self) -> list[RecordedCheck]:
        """The knowledge checks of all series."""
        return [check for one in self.series for check in one.checks]

    @property
    def checks_passed(self) -> int:
        """How many knowledge checks were passed."""
        return sum(check.passed_on is not None for check in self.checks)

    def as_json(self) -> dict[str, Any]:
        """The content as it is stored."""
        return asdict(self)


def content_of(stored: Mapping[str, Any]) -> RecordContent:
    """The content from what `as_json` gave."""
    series = [
        RecordedSeries(
            **{
                **one,
                "lectures": [RecordedLecture(**lecture) for lecture in one["lectures"]],
                "certificates": [RecordedCertificate(**certificate) for certificate in one["certificates"]],
                "checks": [RecordedCheck(**check) for check in one.get("checks", ())],
            }
        )
        for one in stored["series"]
    ]
    return RecordContent(**{**stored, "series": series})


@dataclass(frozen=True)
class RecordSection:
    """A table of a series on the record: the names of its columns, and its cells in words."""

    columns: Sequence[str]
    rows: Sequence[Sequence[str]]


def _day(stored: str) -> str:
    return short_day(date.fromisoformat(stored))


def _lectures(series: RecordedSeries) -> RecordSection:
    outcomes = {
        Outcome.ATTENDED: _("Attended"),
        Outcome.PARTIAL: _("Partial"),
        Outcome.EXCUSED: _("Excused"),
        Outcome.ABSENT: _("Absent"),
    }
    rows = [(one.title, _day(one.day), one.explanation, outcomes[Outcome(one.outcome)]) for one in series.lectures]
    return RecordSection((_("Lecture"), _("Date"), _("In words"), _("Counted as")), rows)


def _checks(series: RecordedSeries) -> RecordSection:
    rows = [
        (
            check.title,
            _("%(n)s%%", n=percent_tenths(check.tenths)),
            _day(check.passed_on) if check.passed_on is not None else _("Not passed"),
        )
        for check in series.checks
    ]
    return RecordSection((_("Knowledge check"), _("Best result"), _("Passed on")), rows)


def _certificates(series: RecordedSeries) -> RecordSection:
    kinds = {
        CertificateKind.PARTICIPATION: _("Certificate of participation"),
        CertificateKind.COMPLETION: _("Certificate of completion"),
    }
    rows = [
        (
            kinds[CertificateKind(certificate.kind)],
            short_day(date.fromisoformat(certificate.issued_on)),
            written_number(certificate.hours),
            certificate.number,
        )
        for certificate in series.certificates
    ]
    return RecordSection((_("Certificate"), _("Issued"), _("Hours"), _("Number")), rows)


SECTIONS: tuple[Callable[[RecordedSeries], RecordSection], ...] = (_lectures, _checks, _certificates)
"""What a record has of each series, in this order."""


def sections_of(series: RecordedSeries) -> list[RecordSection]:
    """The sections of a series that have rows."""
    return [section for section in (make(series) for make in SECTIONS) if section.rows]


def sum_of(series: RecordedSeries) -> str:
    """Returns what a person attended of a series, in words."""
    return _n(
        "Attended %(attended)s of %(num)s lecture held. Hours: %(hours)s.",
        "Attended %(attended)s of %(num)s lectures held. Hours: %(hours)s.",
        series.held,
        attended=written_number(series.attended),
        hours=written_number(hours([series.hours_ms])),
    )


def figures_of(content: RecordContent) -> list[tuple[str, str]]:
    """Returns the names and values of what a record counts. Knowledge checks only where it has any."""
    figures = [
        (_("Lectures attended"), written_number(content.attended)),
        (_("Hours"), written_number(content.hours)),
        (_p("several", "Series"), written_number(len(content.series))),
        (_("Certificates"), written_number(content.certificates)),
    ]
    if content.checks:
        figures.insert(3, (_("Knowledge checks passed"), written_number(content.checks_passed)))
    return figures


def render_record(content: RecordContent, *, number: str, address: str, day: date, folders: Sequence[Path]) -> bytes:
    """The record as PDF, in the language of what is being rendered. The same content gives the same bytes.
    A character that no font has is a box, which a footnote explains.

    Raises `core.text.typesetting.CannotRender`.
    """
    language = reader_locale()
    native = writing_of(content.native_name) if content.native_name else None
    printed = {
        "tongue": {**tongue(language), "dir": direction(language)},
        "organiser": organiser_in(language),
        "title": _("Learning record"),
        "name": content.name,
        "native_name": content.native_name,
        "native": native and {**tongue(native.lang), "dir": native.direction},
        "number": number,
        "address": address.removeprefix("https://").removeprefix("http://"),
        "day": [day.year, day.month, day.day],
        "as_at": _("As at %(when)s.", when=short_day(day)),
        "verify": _("Anyone can verify it here, without an account:"),
        "page": _("Page"),
        "figures": [{"label": label, "value": value} for label, value in figures_of(content)],
        "series": [
            {
                "title": one.title,
                "tongue": tongue(language_of(one.title, one.language)),
                "sum": sum_of(one),
                "sections": [asdict(section) for section in sections_of(one)],
            }
            for one in content.series
        ],
        "footnotes": footnotes(),
    }
    fonts = coverage(folders)
    printed, changed = drawable(printed, fonts)
    if changed:
        printed["footnotes"].append(replaced_words(fonts))
    printed["tongues"] = {
        drawable(lecture.title, fonts)[0]: tongue(spoken)
        for lecture in content.lectures
        if (spoken := language_of(lecture.title, lecture.language)) != language
    }
    inputs = {"record": json.dumps(printed, ensure_ascii=False, sort_keys=True), "qr": draw_qr(address)}
    return typeset(TEMPLATE, inputs, folders)


def footnotes() -> list[str]:
    """How the figures of a record are meant."""
    return [
        _("Hours are the actual length of the lectures attended."),
        _("This is a statement as of its date. Its verification page says what has changed since."),
    ]

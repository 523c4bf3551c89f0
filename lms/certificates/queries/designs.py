"""Queries for designs: the list, the design of a series, and previews."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import func, select

from lms.catalogue.models import CertificateKind, Series
from lms.catalogue.queries.series import SeriesFilter, get_series, list_series
from lms.certificates import numbers
from lms.certificates.designs.design import BUILT_IN_VERSION, FALLBACK, READY_VERSION, Design, texts_of
from lms.certificates.designs.versions import printable_words, to_design
from lms.certificates.models import Certificate, CertificateDesign, DesignFamily, SeriesDesign
from lms.certificates.pdf import store, typesetting
from lms.certificates.pdf.script_detection import writing_of
from lms.certificates.queries import certificates
from lms.certificates.queries.progress import candidates
from lms.certificates.rules import hours
from lms.core.base.errors import Forbidden, Invalid, NotFound
from lms.core.base.roles import Actor
from lms.core.base.settings import organiser_name, settings
from lms.core.database.session import db
from lms.core.text import typesetting as glyphs
from lms.core.text.i18n import _
from lms.core.text.typesetting import font_folders
from lms.core.time.durations import MINUTE_MS
from lms.people.models import Person

_EVER = datetime(2026, 11, 25, tzinfo=UTC)  # since when there is the built-in design
_MANY_SERIES = 200
_NOBODYS = "0" * (numbers.LENGTH + 1)  # a number with its check sign that is never issued
_NINETY = "Maria Guadalupe Fernanda Esperanza de la Concepción Rodríguez-Villanueva y Santa Cruz Alba"
_STRANGE = 'O’Brien-Ng "Bo" <b>x</b> #let *y* _z_ $q$ \\ {name} // @w'
_TITLES = (
    "What a live sale is",
    "The first hour on air",
    "Prices said aloud",
    "Parcels by the thousand",
    "Returns and trust",
    "Your own village, live",
)


@dataclass(frozen=True)
class Version:
    """The current version of a design: the draft if there is one (`is_draft`), otherwise the version in use.

    `versions` are those put into use; the last of them is used for issuing. `issued` counts certificates and `series`
    counts series using the design, in lists only.
    """

    family_id: int
    name: str
    is_default: bool
    versions: tuple[int, ...]
    is_draft: bool
    spec: Mapping[str, Any]
    changed_at: datetime
    issued: int = 0
    series: int = 0

    @property
    def in_use(self) -> bool:
        """Whether certificates can be issued with it."""
        return bool(self.versions)


@dataclass(frozen=True)
class Look:
    """Preview settings: a series (its slug, empty for a sample series), a sample, a language, a kind."""

    series: str = ""
    sample: str = "longest"
    language: str = ""
    kind: CertificateKind = CertificateKind.PARTICIPATION


def check_administrator(by: Actor) -> None:
    """Designs are seen and made by administrators only."""
    if not by.is_administrator:
        raise Forbidden


def list_designs(*, by: Actor) -> list[Version]:
    """All designs by name, without the built-in one."""
    check_administrator(by)
    families = list(db.session.scalars(select(DesignFamily).order_by(func.lower(DesignFamily.name))))
    rows: dict[int, list[CertificateDesign]] = {}
    for row in db.session.scalars(select(CertificateDesign).order_by(CertificateDesign.id)):
        rows.setdefault(row.family_id, []).append(row)
    issued = _issued()
    chosen = select(SeriesDesign.family_id, func.count()).group_by(SeriesDesign.family_id)
    series: dict[int | None, int] = dict(db.session.execute(chosen).all())
    designs = [_version(family, rows[family.id]) for family in families]
    return [
        replace(one, issued=sum(issued.get(key, 0) for key in one.versions), series=series.get(one.family_id, 0))
        for one in designs
    ]


def _issued() -> dict[int, int]:
    """How many certificates were issued with each version."""
    return dict(db.session.execute(select(Certificate.design, func.count()).group_by(Certificate.design)).all())


def _version(family: DesignFamily, rows: Sequence[CertificateDesign]) -> Version:
    return Version(
        family_id=family.id,
        name=family.name,
        is_default=family.is_default,
        versions=tuple(row.version for row in rows if row.version is not None),
        is_draft=rows[-1].version is None,
        spec=rows[-1].spec,
        changed_at=rows[-1].changed_at,
    )


def get_design(family_id: int, *, by: Actor) -> Version:
    """One design; 0 is the built-in one. Raises NotFound."""
    check_administrator(by)
    if family_id == 0:
        spec = {"words": printable_words()}
        return Version(
            0,
            _("Built-in design"),
            is_default=False,
            versions=(READY_VERSION,),
            is_draft=False,
            spec=spec,
            changed_at=_EVER,
        )
    family = db.session.get(DesignFamily, family_id)
    if family is None:
        raise NotFound
    query = select(CertificateDesign).where(CertificateDesign.family_id == family_id).order_by(CertificateDesign.id)
    return _version(family, list(db.session.scalars(query)))


def count_built_in(*, by: Actor) -> int:
    """How many certificates were issued with the built-in design."""
    check_administrator(by)
    issued = _issued()
    return issued.get(BUILT_IN_VERSION, 0) + issued.get(READY_VERSION, 0)


def faults_of_glyphs(spec: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Which texts of a design no installed font can draw: language, name, and why."""
    fonts = store.installed_fonts()
    return [
        (language, name, missing_in_words(signs))
        for language, name, text in texts_of(spec)
        if (signs := glyphs.missing_signs(text, fonts))
    ]


def missing_in_words(signs: Sequence[str]) -> str:
    """Why a text with these characters cannot be printed."""
    return _(
        "No installed font has %(characters)s. Use other characters, or install a font.", characters=glyphs.named(signs)
    )


# On a sample ----------------------------------------------------------------------------------------------------


def series_to_look_at(*, by: Actor) -> list[Series]:
    """The newest series, for the choice on the page."""
    check_administrator(by)
    return list_series(SeriesFilter(limit=_MANY_SERIES), by=by)[:_MANY_SERIES]


def scripts_of(slug: str, *, by: Actor) -> dict[str, int]:
    """The scripts of people's names in a series, each with the id of an example person, the longest of a few."""
    check_administrator(by)
    if not slug:
        return {}
    series = get_series(slug, by=by)
    first = func.substr(Person.native_name, 1, 1)
    query = candidates(series.id, first, func.max(Person.id)).where(Person.native_name.is_not(None)).group_by(first)
    scripts: dict[str, int] = {}
    for sign, person_id in db.session.execute(query):
        scripts.setdefault(writing_of(sign).script, person_id)
    return dict(sorted(scripts.items()))


def award_of(design: Design, look: Look, *, by: Actor) -> typesetting.PrintedAward:
    """An award to look at a design by; nothing of it is ever issued. Raises Invalid, NotFound."""
    check_administrator(by)
    award = _sample_of_series(design, look, by=by) if look.series else _invented(look)
    return _stretched(replace(award, design=design), look, by=by)


def _base(look: Look) -> dict[str, Any]:
    return {
        "kind": look.kind,
        "issued_on": date(2026, 7, 2),
        "number": numbers.write(_NOBODYS),
        "address": store.address_of(_NOBODYS),
        "organiser": organiser_name(),
    }


def _invented(look: Look) -> typesetting.PrintedAward:
    start = date(2026, 5, 20)
    stations = tuple(
        typesetting.PrintedStation(title, start + timedelta(7 * place), place != 2)
        for place, title in enumerate(_TITLES)
    )
    return typesetting.PrintedAward(
        **_base(look),
        full_name="Fatima Zahra Benali",
        native_name="فاطمة الزهراء بن علي",
        series="Livestream commerce from a village",
        language=look.language or FALLBACK,
        stations=stations,
        hours=7.5,
        country="MA",
    )


def _sample_of_series(design: Design, look: Look, *, by: Actor) -> typesetting.PrintedAward:
    series = get_series(look.series, by=by)
    lectures = certificates.counted_lectures(series.id)
    language = look.language or series.language or FALLBACK
    titles = certificates.printed_titles(series, lectures, design, language)
    titled: dict[str, Any] = {
        "series": titles.series.text,
        "title_language": titles.series.language,
        "language": language,
    }
    if not lectures:
        return replace(_invented(look), **titled)
    attended = {lecture.id for lecture in lectures[1:]} or {lectures[0].id}
    stops = certificates.stations_of(lectures, attended, titles)
    award = replace(
        _invented(look),
        **titled,
        stations=tuple(
            typesetting.PrintedStation(
                stop["title"],
                date.fromisoformat(stop["day"]) if stop["day"] else None,
                stop["attended"],
                stop["language"],
            )
            for stop in stops
        ),
        hours=hours(lecture.duration_minutes * MINUTE_MS for lecture in lectures),
    )
    longest = candidates(series.id, Person).order_by(func.length(Person.full_name).desc(), Person.id).limit(1)
    person = db.session.scalar(longest)
    return award if person is None else _named(award, person)


def _named(award: typesetting.PrintedAward, person: Person) -> typesetting.PrintedAward:
    return replace(award, full_name=person.full_name, native_name=person.native_name, country=None)


def _stretched(award: typesetting.PrintedAward, look: Look, *, by: Actor) -> typesetting.PrintedAward:
    """The award with what the sample asks for."""
    match look.sample:
        case "longest":
            return award
        case "plain":
            return replace(award, native_name=None)
        case "strange":
            return replace(award, full_name=_STRANGE, native_name=None)
        case "90":
            return replace(award, full_name=_NINETY)
        case "200":
            return replace(award, full_name=f"{_NINETY} y {_NINETY} Zenobia Luz Paloma"[:200])
        case "one":
            return replace(award, stations=award.stations[:1], hours=1.5)
        case "12" | "40":
            return replace(award, stations=_repeated(award.stations, int(look.sample)))
    person_id = scripts_of(look.series, by=by).get(look.sample.removeprefix("script-"))
    person = db.session.get(Person, person_id) if person_id else None
    if person is None:
        raise Invalid("sample", _("This sample does not exist."))
    return _named(award, person)


def _repeated(stations: tuple[typesetting.PrintedStation, ...], count: int) -> tuple[typesetting.PrintedStation, ...]:
    start = next((station.day for station in stations if station.day), date(2026, 5, 20))
    return tuple(
        typesetting.PrintedStation(stations[place % len(stations)].title, start + timedelta(7 * place), place != 3)
        for place in range(count)
    )


def fault_of(award: typesetting.PrintedAward) -> str | None:
    """Why a sample cannot be printed (a character missing from all installed fonts), or None."""
    words = award.design.words.get(award.design.language_for(award.language), {})
    signed = (award.design.signatory, award.signatory, award.office)
    texts = (award.full_name, award.native_name or "", award.series, award.organiser, *signed)
    signs = glyphs.missing_signs(" ".join((*texts, *words.values())), store.installed_fonts())
    titles = glyphs.missing_signs(" ".join(station.title for station in award.stations), store.installed_fonts())
    missing = dict.fromkeys((*signs, *titles))
    return missing_in_words(tuple(missing)) if missing else None


def picture_of(family_id: int, look: Look, *, by: Actor) -> bytes:
    """A design on a sample, as PNG; 0 is the built-in one. Raises Invalid, NotFound."""
    check_administrator(by)
    design = to_design(get_design(family_id, by=by).spec)
    award = award_of(design, look, by=by)
    if family_id == 0:
        award = replace(award, signatory=settings().signatory, office=settings().signatory_office)
    fault = fault_of(award)
    if fault is not None:
        raise Invalid("sample", fault)
    return typesetting.picture(award, font_folders())


def picture_keys() -> set[str]:
    """The keys of the pictures in all versions of all designs."""
    specs = db.session.scalars(select(CertificateDesign.spec))
    return {picture["file"] for spec in specs for picture in spec.get("pictures", {}).values()}

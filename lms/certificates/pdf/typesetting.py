"""Sets one award on paper: the same award gives the same bytes."""

import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import segno
from babel import Locale
from babel.dates import format_date, format_skeleton
from babel.numbers import format_decimal

from lms.certificates.designs.design import BUILT_IN, COLOURS, FALLBACK, Design, fill
from lms.certificates.pdf.script_detection import language_of, writing_of
from lms.certificates.pdf.signature import Spoken
from lms.core.text.typesetting import draw, tongue, typeset

TEMPLATE = Path(__file__).parents[1] / "design" / "certificate.typ"
_COMMAS = {"ar": "، ", "fa": "، ", "ur": "، ", "ps": "، ", "zh": "，", "ja": "、"}
_MONTHS = (
    "January February March April May June July August September October November December".split()  # noqa: SIM905
)


@dataclass(frozen=True)
class PrintedStation:
    """A lecture on the certificate's route; no day for a postponed one."""

    title: str
    day: date | None
    attended: bool
    language: str | None = None


@dataclass(frozen=True)
class PrintedAward:
    """All that is printed on one certificate, frozen at its issue.

    `hours` is the actual length of the lectures attended; `address` the full address of its verification
    page; `language` that of the series (BCP 47), in which titles are written that do not state another one.
    `signatory` and `office` are printed where the design names none.
    """

    kind: str
    full_name: str
    native_name: str | None
    series: str
    language: str
    stations: tuple[PrintedStation, ...]
    hours: float
    issued_on: date
    number: str
    address: str
    organiser: str
    country: str | None = None
    design: Design = BUILT_IN
    signatory: str = ""
    office: str = ""
    title_language: str | None = None


def _day(day: date, language: str, *, year: bool) -> str:
    if language == FALLBACK:
        return f"{day.day} {_MONTHS[day.month - 1]}" + (f" {day.year}" if year else "")
    locale = Locale.parse(language, sep="-")
    return format_date(day, "long", locale) if year else format_skeleton("MMMMd", day, locale=locale)


def _sentence(award: PrintedAward, language: str) -> str:
    """The sentence between the name and the series."""
    hours = f"{award.hours:g}"
    if language != FALLBACK:
        hours = format_decimal(award.hours, "0.#", Locale.parse(language, sep="-"))
    attended = sum(station.attended for station in award.stations)
    name = "sentence_all" if attended == len(award.stations) else "sentence"
    text = award.design.word("sentence_one" if len(award.stations) == 1 else name, language)
    if language == FALLBACK and hours == "1":
        text = text.replace("{hours} hours", "{hours} hour")
    return fill(
        text.replace("{hours} ", "{hours}\u00a0"),  # a number stays with its unit
        {
            "name": award.full_name,
            "series": award.series,
            "lectures": str(len(award.stations)),
            "attended": str(attended),
            "hours": hours,
            "date": _day(award.issued_on, language, year=True),
            "organiser": award.organiser,
        },
    )


def _looks(award: PrintedAward, language: str) -> dict[str, Any]:
    """The design's text and colours in the language of the certificate."""
    design = award.design
    words = {name: design.word(name, language) for name in ("issued", "verify", "missed", "to_come", "office")}
    words["office"] = words["office"] or award.office
    return {
        "colours": {name: design.colour(name) for name in COLOURS},
        "title": design.word(award.kind, language),
        "sentence": _sentence(award, language),
        "words": words,
        "comma": _COMMAS.get(language.split("-")[0], ", "),
        "voice": {**tongue(language), "dir": Locale.parse(language, sep="-").text_direction},
        "signatory": design.signatory or award.signatory,
        "pictures": {role: {"alt": one.alt, "shape": one.shape} for role, one in design.pictures.items()},
    }


def _tongue_of(title: str, declared: str) -> dict[str, str | None]:
    return {**tongue(language_of(title, declared)), "dir": writing_of(title).direction}


def _content(award: PrintedAward) -> dict[str, Any]:
    many_years = len({station.day.year for station in award.stations if station.day}) > 1
    native = writing_of(award.native_name, award.country) if award.native_name else None
    language = award.design.language_for(award.language)
    looks = _looks(award, language)
    return looks | {
        "full_name": award.full_name,
        "native_name": award.native_name,
        "native": native and {**tongue(native.lang), "dir": native.direction},
        "series": award.series,
        "tongue": _tongue_of(award.series, award.title_language or award.language),
        "issued": _day(award.issued_on, language, year=True),
        "issued_on": [award.issued_on.year, award.issued_on.month, award.issued_on.day],
        "number": award.number,
        "address": award.address.removeprefix("https://").removeprefix("http://"),
        "organiser": award.organiser,
        "stations": [
            {
                "title": station.title,
                "tongue": _tongue_of(station.title, station.language or award.language),
                "day": _day(station.day, language, year=many_years) if station.day else looks["words"]["to_come"],
                "attended": station.attended,
                "missed": not station.attended and station.day is not None and station.day <= award.issued_on,
            }
            for station in award.stations
        ],
    }


def spoken(award: PrintedAward) -> list[Spoken]:
    """Names and titles as screen readers get them, in the order of their elements in the template."""
    passages = [Spoken("Strong", award.full_name, writing_of(award.full_name).lang)]
    if award.native_name:
        passages.append(Spoken("Em", award.native_name, writing_of(award.native_name, award.country).lang))
    titles = [(award.series, award.title_language), *((station.title, station.language) for station in award.stations)]
    return passages + [
        Spoken("Strong", title, language_of(title, language or award.language)) for title, language in titles
    ]


def draw_qr(address: str) -> str:
    """The address as an SVG of dark squares, error correction M.

    The mask is a fixed one: a reader finds it in the code, and trying all eight for the most even picture costs more
    than setting the whole document. A number is random, so no mask fares much better than another.
    """
    out = io.BytesIO()
    segno.make(address, error="m", micro=False, mask=2).save(
        out, kind="svg", border=0, dark="#0e1a1c", xmldecl=False, svgclass=None, lineclass=None, omitsize=True
    )
    return out.getvalue().decode()


def _inputs(award: PrintedAward) -> dict[str, str]:
    content = json.dumps(_content(award), ensure_ascii=False, sort_keys=True)
    pictures = {role: one.svg for role, one in award.design.pictures.items()}
    return pictures | {"award": content, "qr": draw_qr(award.address)}


def render(award: PrintedAward, folders: Sequence[Path]) -> bytes:
    """The certificate as PDF. Raises `core.text.typesetting.CannotRender`, above all for a sign that no font has."""
    return typeset(TEMPLATE, _inputs(award), folders)


def picture(award: PrintedAward, folders: Sequence[Path], *, ppi: float = 144) -> bytes:
    """The certificate as a PNG preview. Raises `core.text.typesetting.CannotRender`."""
    return draw(TEMPLATE, _inputs(award), folders, ppi=ppi)

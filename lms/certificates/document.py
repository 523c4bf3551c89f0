"""Renders one award as PDF/A-2a and PDF/UA-1, with fonts of the product's own installation only.

The same award gives the same bytes: nothing is read from the clock, the system's fonts or the network.
"""

import io
import json
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import segno
import typst

from lms.certificates.glyphs import FontFile, font_files
from lms.certificates.writing import writing_of

TEMPLATE = Path(__file__).parent / "design" / "certificate.typ"
# Always both: under PDF/A a missing glyph is an error, in plain PDF a silent box.
STANDARDS: tuple[Literal["a-2a", "ua-1"], ...] = ("a-2a", "ua-1")

_MONTHS = (
    "January February March April May June July August September October November December".split()  # noqa: SIM905
)
_one_at_a_time = threading.Lock()


@dataclass(frozen=True)
class Station:
    """A lecture on the certificate's route; no day yet for one that is put off."""

    title: str
    day: date | None
    attended: bool


@dataclass(frozen=True)
class Award:
    """All that is printed on one certificate, frozen at its issue.

    `hours` is the actual length of the lectures attended; `address` the full address of its verification
    page; `language` that of the series (BCP 47), in which its titles are written.
    """

    kind: str
    full_name: str
    native_name: str | None
    series: str
    language: str
    stations: tuple[Station, ...]
    hours: float
    issued_on: date
    number: str
    address: str
    organiser: str
    country: str | None = None


class CannotRender(Exception):
    """The certificate could not be set; the message is the typesetter's."""


def _day(day: date, *, year: bool) -> str:
    return f"{day.day} {_MONTHS[day.month - 1]}" + (f" {day.year}" if year else "")


def _tongue(language: str) -> dict[str, str | None]:
    """A BCP 47 tag in the parts that typst takes."""
    primary, *rest = language.split("-")
    region = next((part.upper() for part in rest if len(part) == 2), None)
    if primary == "zh" and region is None:
        region = "TW" if "Hant" in rest else "CN"
    return {"lang": primary.lower(), "region": region}


def _content(award: Award) -> dict[str, Any]:
    many_years = len({station.day.year for station in award.stations if station.day}) > 1
    native = writing_of(award.native_name, award.country) if award.native_name else None
    return {
        "kind": award.kind,
        "full_name": award.full_name,
        "native_name": award.native_name,
        "native": native and {**_tongue(native.lang), "dir": native.direction},
        "series": award.series,
        "tongue": {**_tongue(award.language), "dir": writing_of(award.series).direction},
        "hours": f"{round(award.hours, 1):g}",
        "one_hour": round(award.hours, 1) == 1,
        "issued": _day(award.issued_on, year=True),
        "issued_on": [award.issued_on.year, award.issued_on.month, award.issued_on.day],
        "number": award.number,
        "address": award.address.removeprefix("https://").removeprefix("http://"),
        "organiser": award.organiser,
        "stations": [
            {
                "title": station.title,
                "day": _day(station.day, year=many_years) if station.day else "to come",
                "attended": station.attended,
                "missed": not station.attended and station.day is not None and station.day <= award.issued_on,
            }
            for station in award.stations
        ],
    }


def _qr(address: str) -> str:
    """The address as an SVG of dark squares, error correction M."""
    out = io.BytesIO()
    segno.make(address, error="m", micro=False).save(
        out, kind="svg", border=0, dark="#0e1a1c", xmldecl=False, svgclass=None, lineclass=None, omitsize=True
    )
    return out.getvalue().decode()


@lru_cache(maxsize=2)
def _compiler(_files: tuple[FontFile, ...], folders: tuple[str, ...]) -> typst.Compiler:
    """One compiler a process and set of fonts; a file that is new or changed makes a new one."""
    return typst.Compiler(str(TEMPLATE), root=str(TEMPLATE.parent), font_paths=list(folders), ignore_system_fonts=True)


def render(award: Award, folders: Sequence[Path]) -> bytes:
    """The certificate as PDF. Raises CannotRender, above all for a sign that no font in the folders has."""
    content = json.dumps(_content(award), ensure_ascii=False, sort_keys=True)
    with _one_at_a_time:
        compiler = _compiler(font_files(folders), tuple(str(folder) for folder in folders))
        try:
            pdf = compiler.compile(
                format="pdf",
                sys_inputs={"award": content, "qr": _qr(award.address)},
                pdf_standards=[*STANDARDS],
                timestamp=0,
            )
        except typst.TypstError as error:
            raise CannotRender(str(error)) from error
    if not isinstance(pdf, bytes):
        raise CannotRender("one document was asked for")
    return pdf

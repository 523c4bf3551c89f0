"""From a certificate's row to its file: which fonts there are, whether it can be set, and the PDF that is kept."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from datetime import date
from urllib.parse import quote

import structlog
from flask import current_app

from lms.certificates import document, numbers
from lms.certificates.models import Certificate
from lms.certificates.rules import hours
from lms.config import Config
from lms.core import files, glyphs
from lms.core.typesetting import font_folders
from lms.core.words import _

log = structlog.get_logger(__name__)


def _config() -> Config:
    config: Config = current_app.extensions["lms.config"]
    return config


def reporting_zone() -> str:
    """The IANA zone whose day stands on a certificate."""
    return _config().reporting_zone


def installed_fonts() -> glyphs.Coverage:
    """What the installed fonts can draw; ask once for many texts."""
    return glyphs.coverage(font_folders())


def fault_of(texts: Mapping[str, str | None], fonts: glyphs.Coverage) -> str | None:
    """Why a certificate with these texts (named as the reader knows them) cannot be made, or None."""
    for name, text in texts.items():
        missing = glyphs.missing_signs(text or "", fonts)
        if missing:
            return _(
                "%(field)s: no installed font has %(signs)s. No certificate is made with an empty box in its "
                "place: install a font that has it, or write it in other letters.",
                field=name,
                signs=glyphs.named(missing),
            )
    return None


def fault_of_names(full_name: str, native_name: str | None, fonts: glyphs.Coverage) -> str | None:
    """Why a person's names cannot be set, or None."""
    return fault_of({_("Full name"): full_name, _("Name in native script"): native_name}, fonts)


def fault_of_series(title: str, lectures: list[str], fonts: glyphs.Coverage) -> str | None:
    """Why no certificate of this series can be set, or None."""
    texts: dict[str, str | None] = {_("Title of the series"): title, _("Organiser"): _config().organiser}
    texts |= {_("Title of lecture %(n)s", n=place): text for place, text in enumerate(lectures, 1)}
    return fault_of(texts, fonts)


def address_of(bare: str) -> str:
    """The full address of a number's verification page."""
    return f"{_config().base_url}/verify/{quote(numbers.write(bare), safe='-*~$=')}"


def _key(certificate: Certificate) -> str:
    return f"certificates/{certificate.number[: numbers.LENGTH]}.pdf"


def pdf_of(certificate: Certificate, *, kind: str, language: str, country: str | None) -> bytes:
    """The certificate's file: set at the first call, kept, and the same bytes from then on."""
    try:
        kept = files.find(_key(certificate))
    except files.StorageAway as error:  # it can be set again without it
        log.warning("certificate set without storage", error=str(error))
        kept = None
    if kept is not None:
        return kept
    stations = tuple(
        document.Station(
            title=stop["title"],
            day=date.fromisoformat(stop["day"]) if stop["day"] else None,
            attended=stop["attended"],
        )
        for stop in certificate.lectures
    )
    award = document.Award(
        kind=kind,
        full_name=certificate.name,
        native_name=certificate.native_name,
        series=certificate.series_title,
        language=language,
        stations=stations,
        hours=hours([certificate.hours_ms]),
        issued_on=certificate.issued_on,
        number=numbers.write(certificate.number),
        address=address_of(certificate.number),
        organiser=_config().organiser,
        country=country,
    )
    pdf = document.render(award, font_folders())
    with contextlib.suppress(files.StorageAway):
        files.store(_key(certificate), pdf)
    return pdf


def forget_pdf(certificate: Certificate) -> None:
    """Takes the kept file away."""
    files.delete(_key(certificate))

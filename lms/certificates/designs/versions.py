"""Designs as they are kept: which version a series is issued with, and a version as certificates are set with it."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import func, select

from lms.catalogue.models import Series
from lms.certificates.designs.default_texts import READY
from lms.certificates.designs.design import BUILT_IN, BUILT_IN_VERSION, READY_MADE, READY_VERSION, Design
from lms.certificates.designs.image_sanitizer import SanitizedImage
from lms.certificates.models import CertificateDesign, DesignFamily, SeriesDesign
from lms.core.database.session import db
from lms.core.storage import files
from lms.core.text import typesetting
from lms.core.text.typesetting import font_folders


def choice_of(series_id: int) -> int | None:
    """The design selected for a series: its family, 0 for the built-in one, None for the default."""
    row = db.session.get(SeriesDesign, series_id)
    return None if row is None else row.family_id or 0


def version_of_series(series_id: int) -> int:
    """The version that certificates of a series are issued with now."""
    chosen = choice_of(series_id)
    if chosen == 0:
        return _built_in(series_id)
    family = DesignFamily.is_default if chosen is None else DesignFamily.id == chosen
    query = (
        select(func.max(CertificateDesign.version))
        .join(DesignFamily, DesignFamily.id == CertificateDesign.family_id)
        .where(family)
    )
    return db.session.scalar(query) or _built_in(series_id)


def _built_in(series_id: int) -> int:
    """The built-in design in the language of the series, where there are words for it that can be set; else English."""
    language = READY_MADE.language_for(db.session.get_one(Series, series_id).language)
    return READY_VERSION if language in printable_words() else BUILT_IN_VERSION


def printable_words() -> dict[str, dict[str, str]]:
    """The ready-made words of the languages that the installed fonts can set."""
    fonts = typesetting.coverage(font_folders())
    return {
        language: dict(words)
        for language, words in READY.items()
        if not typesetting.missing_signs(" ".join(words.values()), fonts)
    }


def design_of(version: int) -> Design:
    """A version as certificates are set with it. Raises `files.StorageAway` where a picture cannot be read."""
    if version in (BUILT_IN_VERSION, READY_VERSION):
        return BUILT_IN if version == BUILT_IN_VERSION else READY_MADE
    known: dict[int, Design] = db.session().info.setdefault("lms.designs", {})  # asked once for many certificates
    if version not in known:
        row = db.session.scalar(select(CertificateDesign).where(CertificateDesign.version == version))
        if row is None:
            raise LookupError(f"no design has version {version}")
        known[version] = to_design(row.spec)
    return known[version]


def to_design(spec: Mapping[str, Any]) -> Design:
    """Returns what was kept of a design, with its pictures read."""
    pictures = {}
    for role, picture in spec.get("pictures", {}).items():
        svg = files.find(picture["file"])
        if svg is None:
            raise files.FileDamaged(f"{picture['file']} is missing")
        pictures[role] = SanitizedImage(svg.decode(), picture["shape"], picture["alt"])
    return Design(spec.get("colours", {}), spec.get("signatory", ""), spec.get("words", {}), pictures)

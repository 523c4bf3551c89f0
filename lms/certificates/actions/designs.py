"""Every write of designs: make one, change its draft, put it into use, choose it."""

import hashlib
from collections.abc import Mapping
from copy import deepcopy
from datetime import datetime
from typing import Any

from sqlalchemy import func, select, update

from lms.catalogue.queries.series import get_series
from lms.certificates.designs import image_sanitizer
from lms.certificates.designs.design import (
    BUILT_IN_VERSION,
    FALLBACK,
    MAX_LANGUAGES,
    ROLES,
    checked_colours,
    checked_line,
    checked_words,
)
from lms.certificates.designs.image_sanitizer import SanitizedImage
from lms.certificates.designs.versions import printable_words
from lms.certificates.models import CertificateDesign, DesignFamily, SeriesDesign
from lms.certificates.pdf.store import installed_fonts
from lms.certificates.queries.designs import check_administrator, faults_of_glyphs, missing_in_words
from lms.core.base.errors import Fault, Invalid, NotFound, Refused
from lms.core.base.roles import Actor
from lms.core.database import audit
from lms.core.database.session import action, db, one_at_a_time
from lms.core.storage import files
from lms.core.text.i18n import _
from lms.core.text.typesetting import missing_signs

_LOCK = "certificates.designs"


@action
def create_design(name: str, *, like: int | None = None, by: Actor, at: datetime) -> int:
    """A new design, drafted like another one (its family) or like the built-in one. Returns its family."""
    check_administrator(by)
    one_at_a_time(_LOCK)
    family = DesignFamily(name=_checked_name(name), created_at=at)
    spec = deepcopy(_newest(like).spec) if like else {"words": printable_words()}
    db.session.add(family)
    db.session.flush()
    db.session.add(CertificateDesign(family_id=family.id, spec=spec, changed_at=at))
    audit.record("create design", by=by, at=at, design=family.id)
    return family.id


def _checked_name(name: str, family_id: int | None = None) -> str:
    line = checked_line(name, 80, "name")
    if not line:
        raise Invalid("name", _("Enter a name for the design."))
    taken = db.session.scalar(select(DesignFamily.id).where(func.lower(DesignFamily.name) == line.lower()))
    if taken not in (None, family_id):
        raise Invalid("name", _("Another design already has this name."))
    return line


def _family(family_id: int) -> DesignFamily:
    family = db.session.get(DesignFamily, family_id)
    if family is None:
        raise NotFound
    return family


def _newest(family_id: int) -> CertificateDesign:
    rows = select(CertificateDesign).where(CertificateDesign.family_id == family_id)
    row = db.session.scalar(rows.order_by(CertificateDesign.id.desc()).limit(1))
    if row is None:
        raise NotFound
    return row


def _change(family_id: int, key: str, value: Any, *, by: Actor, at: datetime) -> None:
    """Sets one part of the draft; what is in use is copied into one first and stays as it is."""
    row = _newest(family_id)
    spec = {**row.spec, key: value}
    if spec == row.spec:
        return
    if row.version is not None:
        row = CertificateDesign(family_id=family_id, changed_at=at)
        db.session.add(row)
    row.spec, row.changed_at = spec, at
    audit.record("change design", by=by, at=at, detail={"part": key}, design=family_id)


def _begin(family_id: int, by: Actor) -> Mapping[str, Any]:
    check_administrator(by)
    one_at_a_time(_LOCK)
    _family(family_id)
    return _newest(family_id).spec


@action
def set_looks(family_id: int, given: Mapping[str, str | None], *, by: Actor, at: datetime) -> None:
    """Sets name, colours and signatory. Raises Invalid."""
    _begin(family_id, by)
    faults: list[Fault] = []
    looks: dict[str, Any] = {}
    for key, check in (
        ("name", lambda: _checked_name(given.get("name") or "", family_id)),
        ("colours", lambda: checked_colours(given)),
        ("signatory", lambda: _printable(checked_line(given.get("signatory"), 80, "signatory"), "signatory")),
    ):
        try:
            looks[key] = check()
        except Invalid as error:
            faults += error.faults
    if faults:
        raise Invalid(faults=faults)
    _family(family_id).name = looks["name"]
    _change(family_id, "colours", looks["colours"], by=by, at=at)
    _change(family_id, "signatory", looks["signatory"], by=by, at=at)


def _printable(text: str, name: str) -> str:
    signs = missing_signs(text, installed_fonts())
    if signs:
        raise Invalid(name, missing_in_words(signs))
    return text


@action
def set_words(family_id: int, language: str, given: Mapping[str, str | None], *, by: Actor, at: datetime) -> None:
    """The words of one language. Raises Invalid, also for a sign that no font has."""
    words = dict(_begin(family_id, by).get("words", {}))
    checked = checked_words(given, language)
    if language not in words and len(words) >= MAX_LANGUAGES:
        raise Invalid("language", _("A design can have at most %(n)s languages.", n=MAX_LANGUAGES))
    faults = []
    for name, text in checked.items():
        signs = missing_signs(text, installed_fonts())
        if signs:
            faults.append(Fault(missing_in_words(signs), name))
    if faults:
        raise Invalid(faults=faults)
    words[language] = checked
    _change(family_id, "words", words, by=by, at=at)


@action
def drop_words(family_id: int, language: str, *, by: Actor, at: datetime) -> None:
    """Removes a language. Certificates of series in that language are then in English."""
    words = dict(_begin(family_id, by).get("words", {}))
    if language == FALLBACK or language not in words:
        raise NotFound
    del words[language]
    _change(family_id, "words", words, by=by, at=at)


def set_picture(family_id: int, role: str, content: bytes | None, alt: str | None, *, by: Actor, at: datetime) -> None:
    """Sets a picture in its role (designs.ROLES), or only other words for the existing one. Raises Invalid."""
    check_administrator(by)
    if role not in ROLES:
        raise NotFound
    words = checked_line(alt, 120, "alt")
    if not words:
        raise Invalid("alt", _("Describe the picture for screen readers."))
    # Read before the transaction: it may take half a second, in which others write
    _keep_picture(family_id, role, image_sanitizer.read(content) if content else None, words, by=by, at=at)


@action
def _keep_picture(
    family_id: int, role: str, picture: SanitizedImage | None, alt: str, *, by: Actor, at: datetime
) -> None:
    pictures = dict(_begin(family_id, by).get("pictures", {}))
    if picture is not None:
        svg = picture.svg.encode()
        key = f"designs/{hashlib.sha256(svg).hexdigest()}.svg"
        files.store(key, svg)
        pictures[role] = {"file": key, "shape": picture.shape, "alt": alt}
    elif role in pictures:
        pictures[role] = {**pictures[role], "alt": alt}
    else:
        raise Invalid(image_sanitizer.FIELD, _("Select a file."))
    _change(family_id, "pictures", pictures, by=by, at=at)


@action
def drop_picture(family_id: int, role: str, *, by: Actor, at: datetime) -> None:
    """Removes a picture from the design."""
    pictures = dict(_begin(family_id, by).get("pictures", {}))
    if pictures.pop(role, None) is None:
        raise NotFound
    _change(family_id, "pictures", pictures, by=by, at=at)


@action
def publish_design(family_id: int, *, by: Actor, at: datetime) -> int:
    """Puts the draft into use: from now on it is issued with, and never changes. Returns its version.

    Raises Refused: nothing was changed, or a text cannot be printed.
    """
    spec = _begin(family_id, by)
    row = _newest(family_id)
    if row.version is not None:
        raise Refused(_("This design is already in use and has no changes."))
    faults = faults_of_glyphs(spec)
    if faults:
        raise Refused(faults[0][2])
    newest = db.session.scalar(select(func.max(CertificateDesign.version))) or BUILT_IN_VERSION
    row.version, row.published_at = newest + 1, at
    audit.record("publish design", by=by, at=at, detail={"version": row.version}, design=family_id)
    return row.version


@action
def set_default(family_id: int | None, *, by: Actor, at: datetime) -> None:
    """Sets the default design, for series without a design. None is the built-in one. Raises NotFound, Refused."""
    check_administrator(by)
    one_at_a_time(_LOCK)
    if family_id is not None:
        _check_in_use(family_id)
    db.session.execute(update(DesignFamily).values(is_default=DesignFamily.id == family_id))
    audit.record("choose design for all", by=by, at=at, design=family_id or 0)


def _check_in_use(family_id: int) -> None:
    _family(family_id)
    published = select(CertificateDesign.id).where(CertificateDesign.family_id == family_id)
    if db.session.scalar(published.where(CertificateDesign.version.is_not(None)).limit(1)) is None:
        raise Refused(_("This design is a draft. Put it into use first."))


@action
def choose_design(slug: str, family_id: int | None, *, by: Actor, at: datetime) -> None:
    """Sets the design of a series: a family, 0 for the built-in one, or None for the default.

    Applies to certificates issued from now on. Raises NotFound, Refused.
    """
    check_administrator(by)
    series = get_series(slug, by=by)
    if family_id:
        _check_in_use(family_id)
    row = db.session.get(SeriesDesign, series.id)
    if family_id is None:
        if row is not None:
            db.session.delete(row)
    elif row is None:
        db.session.add(SeriesDesign(series_id=series.id, family_id=family_id or None))
    else:
        row.family_id = family_id or None
    audit.record("choose design", by=by, at=at, series=series.id, design=family_id or 0)

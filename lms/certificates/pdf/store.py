"""From a certificate's row to its file: which fonts there are, whether it can be set, and the signed PDF kept."""

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from urllib.parse import quote

import structlog

from lms.certificates import keys, numbers
from lms.certificates.designs.design import BUILT_IN_VERSION, READY_VERSION
from lms.certificates.designs.versions import design_of
from lms.certificates.models import Certificate
from lms.certificates.pdf import typesetting
from lms.certificates.pdf.signature import TimestampAway, sign_pdf
from lms.certificates.rules import hours
from lms.core.base.errors import Refused
from lms.core.base.settings import settings
from lms.core.storage import files
from lms.core.text import typesetting as glyphs
from lms.core.text.i18n import _
from lms.core.text.typesetting import font_folders

log = structlog.get_logger(__name__)


def installed_fonts() -> glyphs.Coverage:
    """Returns what the installed fonts can draw; ask once for many texts."""
    return glyphs.coverage(font_folders())


def fault_of(texts: Mapping[str, str | None], fonts: glyphs.Coverage) -> str | None:
    """Why a certificate with these texts (keyed by their label) cannot be created, or None."""
    for name, text in texts.items():
        missing = glyphs.missing_signs(text or "", fonts)
        if missing:
            return _(
                "%(field)s: no installed font has %(characters)s. Certificates are never issued with missing "
                "characters. Install a font that has them, or use other characters.",
                field=name,
                characters=glyphs.named(missing),
            )
    return None


def fault_of_names(full_name: str, native_name: str | None, fonts: glyphs.Coverage) -> str | None:
    """Why a person's names cannot be typeset, or None."""
    if not any(glyphs.missing_signs(name, fonts) for name in (full_name, native_name or "")):
        return None  # most are so: no words are looked up for them
    return fault_of({_("Full name"): full_name, _("Name in native script"): native_name}, fonts)


def fault_of_series(title: str, lectures: list[str], fonts: glyphs.Coverage) -> str | None:
    """Why certificates of this series cannot be typeset, or None."""
    config = settings()
    texts: dict[str, str | None] = {_("Title of the series"): title, _("Organiser"): config.organiser}
    texts |= {_("Signatory"): config.signatory, _("Office of the signatory"): config.signatory_office}
    texts |= {_("Title of lecture %(n)s", n=place): text for place, text in enumerate(lectures, 1)}
    return fault_of(texts, fonts)


def address_of(bare: str, base_url: str | None = None) -> str:
    """The absolute URL of a number's verification page, on this installation unless another base is given."""
    return f"{base_url or settings().base_url}/verify/{quote(numbers.write(bare), safe='-*~$=')}"


def key_of(certificate: Certificate) -> str:
    """Returns what the certificate's file is kept under."""
    return key_of_number(certificate.number)


def key_of_number(number: str) -> str:
    """The key of the file of the certificate with this number, bare and with its check character."""
    return f"certificates/{number[:2]}/{number[: numbers.LENGTH]}.pdf"


def _unsigned_key(certificate: Certificate) -> str:
    """Where files were kept before they were signed."""
    return f"certificates/{certificate.number[: numbers.LENGTH]}.pdf"


@dataclass(frozen=True)
class Order:
    """One file to create: its content, the time of its signature, and its storage key."""

    award: typesetting.PrintedAward
    at: datetime
    key: str


@dataclass(frozen=True)
class RenderContext:
    """The data with which each file of a run is made."""

    folders: tuple[Path, ...]
    key: keys.SigningKey
    timestamp_url: str


def render_context() -> RenderContext:
    """The current fonts and key. Raises `keys.KeyMissing`."""
    return RenderContext(tuple(font_folders()), keys.current(), settings().timestamp_url)


def order_of(certificate: Certificate, kind: str) -> Order:
    """The content of a certificate's file, the same on every call.

    `issue_contexts` replace what an older certificate does not store (see `freezing`).
    """
    stations = tuple(
        typesetting.PrintedStation(
            title=stop["title"],
            day=date.fromisoformat(stop["day"]) if stop["day"] else None,
            attended=stop["attended"],
            language=stop.get("language"),
        )
        for stop in certificate.lectures
    )
    is_built_in = certificate.design in (BUILT_IN_VERSION, READY_VERSION)
    award = typesetting.PrintedAward(
        kind=kind,
        full_name=certificate.name,
        native_name=certificate.native_name,
        series=certificate.series_title,
        language=certificate.language or "en",
        title_language=certificate.title_language,
        stations=stations,
        hours=hours([certificate.hours_ms]),
        issued_on=certificate.issued_on,
        number=numbers.write(certificate.number),
        address=address_of(certificate.number, certificate.base_url),
        organiser=certificate.organiser or "",
        country=certificate.country,
        design=design_of(certificate.design),
        signatory=(certificate.signatory or "") if is_built_in else "",
        office=(certificate.signatory_office or "") if is_built_in else "",
    )
    return Order(award, certificate.issued_at, key_of(certificate))


def made(order: Order, given: RenderContext) -> bytes:
    """A certificate set and signed. Raises CannotRender and TimestampAway."""
    at = max(order.at, given.key.certificate.not_valid_before_utc)  # issued before there were keys to sign with
    return sign_pdf(
        typesetting.render(order.award, given.folders),
        given.key,
        at=at,
        number=order.award.number,
        organiser=order.award.organiser,
        spoken=typesetting.spoken(order.award),
        timestamp_url=given.timestamp_url,
    )


def is_kept(certificate: Certificate) -> bool:
    """Whether the certificate's file is there."""
    return files.has(key_of(certificate))


def find_pdf(certificate: Certificate) -> bytes | None:
    """The certificate's file, where it is kept already."""
    return files.find(key_of(certificate))


def pdf_of(certificate: Certificate, order: Callable[[], Order]) -> bytes:
    """The certificate's file: made at the first call, kept, and the same bytes from then on.

    Raises Refused while it cannot be signed.
    """
    try:
        stored = find_pdf(certificate)
    except files.StorageAway as error:  # it can be made again without it
        log.warning("certificate set without storage", error=str(error))
        stored = None
    if stored is not None:
        return stored
    render_order = order()
    try:
        pdf = made(render_order, render_context())
    except TimestampAway as error:
        log.warning("no time stamp", error=str(error))
        raise Refused(_("The time stamp server is not responding. Try again in a few minutes.")) from error
    with contextlib.suppress(files.StorageAway):
        files.store(render_order.key, pdf)
        files.delete(_unsigned_key(certificate))
    return pdf


def forget_pdf(certificate: Certificate) -> None:
    """Deletes the stored file."""
    files.delete(key_of(certificate))
    files.delete(_unsigned_key(certificate))

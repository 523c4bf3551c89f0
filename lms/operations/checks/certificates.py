"""Whether certificates can be signed, and whether the file and the badge of each are as they were signed."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from cryptography import x509
from sqlalchemy import select
from sqlalchemy.orm import undefer

from lms.certificates import keys, numbers
from lms.certificates.badges.vc_jwt import read_credential
from lms.certificates.models import Certificate, CertificateState
from lms.certificates.pdf import store
from lms.certificates.pdf.check import check_pdf
from lms.core.database.session import db
from lms.core.storage import files
from lms.core.text.i18n import english as _
from lms.core.text.i18n import english_n as _n
from lms.dashboards.queries.operation import signing_certificate_end
from lms.operations.checks.model import CheckContext, Finding, fault, ok, warning

BATCH = 500
_SHOWN = 3
SOON = timedelta(days=60)
"""A key that expires within this time is warned of."""


def check_key(context: CheckContext) -> Iterator[Finding]:
    """Whether there is a key to sign with."""
    remedy = _("Create a new key with `lms keys rotate`. Certificates that are issued stay valid.")
    try:
        kid, end = keys.current().kid, signing_certificate_end()
        if end is not None and end < context.at + SOON:
            yield warning(_("signing key"), _("expires on %(day)s", day=end.date().isoformat()), remedy)
        else:
            yield ok(_("signing key"), kid)
    except keys.KeyMissing as error:
        remedy = _("Restore the key file from a backup, or create a new key with `lms keys rotate`.")
        yield fault(_("signing key"), error.message, remedy)
    db.session.rollback()


def check_certificates(context: CheckContext) -> Iterator[Finding]:
    """Whether each file and each badge is as it was signed and names the certificate whose it is."""
    if context.is_quick:
        return
    jwks, trusted = keys.public_jwks(), keys.trusted_certificates()
    wrong: list[str] = []
    certificates = on_disk = 0
    for row in _rows():
        certificates += 1
        content = files.find(store.key_of(row))
        on_disk += content is not None and row.state is not CertificateState.WITHDRAWN
        wrong += _wrong_with(row, content, jwks, trusted)
    remedy = _("Delete the file. It is created again when someone requests it. For a badge, restore a backup.")
    for line in wrong[:_SHOWN]:
        yield fault(_("certificates"), line, remedy)
    if len(wrong) > _SHOWN:
        yield fault(_("certificates"), _("%(count)s more like these", count=len(wrong) - _SHOWN), remedy)
    if not wrong:
        count_text = _n("%(num)s certificate", "%(num)s certificates", certificates)
        yield ok(
            _("certificates"), _("%(certificates)s, %(files)s with a file", certificates=count_text, files=on_disk)
        )


def _wrong_with(
    row: Certificate, content: bytes | None, jwks: dict[str, list[dict[str, Any]]], trusted: list[x509.Certificate]
) -> Iterator[str]:
    """Yields what is wrong with the file and the badge of one certificate."""
    number = numbers.write(row.number)
    if content is not None and row.state is CertificateState.WITHDRAWN:
        yield _("%(number)s is withdrawn and still has its file", number=number)
    elif content is not None:
        pdf = check_pdf(content, trusted)
        if not (pdf.intact and pdf.ours and pdf.number == number):
            yield _("the file of %(number)s differs from what was signed", number=number)
    if row.credential is not None:
        badge = read_credential(row.credential, jwks)
        if not (badge.intact and badge.ours and badge.number == number):
            yield _("the badge of %(number)s differs from what was signed", number=number)


def _rows() -> Iterator[Certificate]:
    """All certificates with their badges, in batches."""
    last = 0
    while True:
        query = select(Certificate).options(undefer(Certificate.credential)).where(Certificate.id > last)
        rows = list(db.session.scalars(query.order_by(Certificate.id).limit(BATCH)))
        yield from rows
        if not rows:
            return
        last = rows[-1].id
        db.session.rollback()
        db.session.expunge_all()

"""The mails that certificates post. Payloads are frozen here; the text is in `templates/mail/`."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from sqlalchemy import select

from lms.catalogue.models import CertificateKind, Series
from lms.certificates.models import Award, Certificate, CertificateState
from lms.core import clock
from lms.core.bulk import among
from lms.core.db import read, read_column
from lms.core.outbox import OutboxMail, post_mails
from lms.people.queries.persons import contact_of, with_password

LATE = timedelta(days=14)
"""So long after it was issued nobody is told of a certificate any more: it was entered afterwards."""


def tell_issued(series: Series, kind: CertificateKind, person_ids: Collection[int], *, at: datetime) -> None:
    """E-mails people that their certificate of a series is ready, once for each award."""
    if at + LATE <= clock.now():
        return
    query = (
        select(Award.id, Award.person_id, Certificate.number)
        .join(Certificate, Certificate.award_id == Award.id)
        .where(
            Award.series_id == series.id,
            Award.kind == kind,
            Certificate.state == CertificateState.VALID,
            among(Award.person_id, person_ids),
        )
    )
    contacts, with_account = contact_of(person_ids), with_password(person_ids)
    post_mails(
        {
            "template": "certificate_ready",
            "address": contacts[person_id].address,
            "locale": contacts[person_id].locale,
            "time_zone": contacts[person_id].time_zone or "",
            "person_id": person_id,
            "series_id": series.id,
            "payload": {
                "full_name": contacts[person_id].full_name,
                "title": series.title,
                "number": number,
                "has_account": person_id in with_account,
            },
            "dedupe_key": f"certificate_ready-{award_id}",
            "created_at": at,
            "due_at": at,
            "expires_at": at + LATE,
            "attempts": 0,
        }
        for award_id, person_id, number in read(query)
        if person_id in contacts and contacts[person_id].address
    )


def outdated(mails: Sequence[OutboxMail]) -> set[int]:
    """Those that say that a certificate is ready of which none is valid any more."""
    awards = {mail.id: int(mail.dedupe_key.rpartition("-")[2]) for mail in mails}
    query = select(Certificate.award_id).where(
        Certificate.award_id.in_(awards.values()), Certificate.state == CertificateState.VALID
    )
    valid = set(read_column(query))
    return {mail_id for mail_id, award_id in awards.items() if award_id not in valid}

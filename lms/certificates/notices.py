"""The mails that certificates post. Payloads are frozen here; the text is in `templates/mail/`."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import select

from lms.catalogue.models import CertificateKind, Series
from lms.certificates import numbers
from lms.certificates.models import Award, Certificate, CertificateState
from lms.certificates.remaining import Standing
from lms.core.database.bulk import among
from lms.core.database.session import db, read
from lms.core.text.i18n import spoken
from lms.core.text.translations import TextOf, for_reader
from lms.core.time import clock
from lms.mail.kinds import MailKind
from lms.mail.outbox import ALL_SERIES, MailState, OutboxMail, declined_of, post_mails
from lms.people.mail_rows import mail_to
from lms.people.queries.persons import contact_of, with_password

TEMPLATE = "certificate_ready"
GATHERED = timedelta(minutes=10)
"""For so long a mail waits for further certificates of its reader."""
LATE = timedelta(days=14)
"""Later than this after the issue, nobody is notified of a certificate: it was entered afterwards."""


def tell_issued(series: Series, kind: CertificateKind, person_ids: Collection[int], *, at: datetime) -> None:
    """E-mails people that their certificate of a series is ready, once for each award.

    The mail leaves a little later: certificates of other series that are issued until then are named in the same one.
    """
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
    gathering = _gathering(series, person_ids)
    mails = []
    for award_id, person_id, number in read(query):
        contact = contacts.get(person_id)
        if contact is None or not contact.address:
            continue
        title = for_reader(TextOf(series), spoken(contact.locale))
        ready = {"award_id": award_id, "title": title, "number": numbers.write(number)}
        mail = gathering.get((person_id, contact.address))
        if mail is not None:
            mail.payload = {**mail.payload, "certificates": [*mail.payload["certificates"], ready]}
            mail.series_id = ALL_SERIES
            continue
        mails.append(
            mail_to(
                person_id,
                contact,
                TEMPLATE,
                {"certificates": [ready], "has_account": person_id in with_account},
                dedupe_key=f"{TEMPLATE}-{award_id}",
                at=at,
                due_at=at + GATHERED,
                expires_at=at + LATE,
                series_id=series.id,
            )
        )
    post_mails(mails)


def tell_requirement_grown(
    series: Series,
    required: Mapping[str, Sequence[int | None]],
    progress_of: Mapping[int, tuple[int, Standing]],
    *,
    at: datetime,
) -> None:
    """E-mails people that the certificate requires more, inside the running action, and how far each is.

    `required`: the former and the new number of `lectures`, `minutes`, `percent`, `checks` and `feedback`.
    `progress_of` are by enrolment.
    """
    contacts = contact_of([person_id for person_id, _standing in progress_of.values()])
    with_account = with_password(contacts)
    payload = {"title": TextOf(series), "slug": series.slug, **required}
    post_mails(
        [
            mail_to(
                person_id,
                contacts[person_id],
                "requirement_grown",
                {**payload, "progress": standing.in_numbers, "has_account": person_id in with_account},
                dedupe_key=f"requirement_grown-{enrolment_id}-{at.isoformat()}",
                at=at,
                expires_at=at + LATE,
                series_id=series.id,
            )
            for enrolment_id, (person_id, standing) in progress_of.items()
            if person_id in contacts and contacts[person_id].address
        ]
    )


def _gathering(series: Series, person_ids: Collection[int]) -> dict[tuple[int | None, str], OutboxMail]:
    """The mails about other certificates that no worker has taken yet, by reader, of those who want mails about this
    series. They stay as they are until the running action ends."""
    waiting = (
        select(OutboxMail)
        .where(
            OutboxMail.template == TEMPLATE,
            OutboxMail.state == MailState.QUEUED,
            OutboxMail.attempts == 0,
            among(OutboxMail.person_id, person_ids),
        )
        .order_by(OutboxMail.id)
        .with_for_update()
    )
    waiting_mails = [mail for mail in db.session.scalars(waiting) if "certificates" in mail.payload]
    declined = declined_of(
        (MailKind.CERTIFICATE, mail.person_id, series.id) for mail in waiting_mails if mail.person_id is not None
    )
    decliners = {person_id for _kind, person_id, _series in declined}
    return {(mail.person_id, mail.address): mail for mail in waiting_mails if mail.person_id not in decliners}


def outdated(mails: Sequence[OutboxMail]) -> set[int]:
    """Mails about ready certificates of which none is valid any more.

    The other mails are corrected: they name the valid ones, by their current numbers.
    """
    named = {mail.id: _awards_in(mail) for mail in mails}
    query = select(Certificate.award_id, Certificate.number).where(
        Certificate.award_id.in_({award_id for award_ids in named.values() for award_id in award_ids}),
        Certificate.state == CertificateState.VALID,
    )
    valid = {award_id: numbers.write(number) for award_id, number in read(query)}
    for mail in mails:
        ready = [
            {**one, "number": valid[one["award_id"]]}
            for one in mail.payload.get("certificates", ())
            if one["award_id"] in valid
        ]
        if ready and ready != mail.payload["certificates"]:
            mail.payload = {**mail.payload, "certificates": ready}
    return {mail_id for mail_id, award_ids in named.items() if not valid.keys() & award_ids}


def _awards_in(mail: OutboxMail) -> set[int]:
    """The awards that a mail names; before a mail could name several, its key did."""
    ready = mail.payload.get("certificates")
    return {one["award_id"] for one in ready} if ready else {int(mail.dedupe_key.rpartition("-")[2])}

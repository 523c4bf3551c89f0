"""Invitations: sending them, once or again for a selection of nominations, reminding, and letting them expire."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import delete, or_, select, update

from lms.catalogue.models import LectureState, Series
from lms.catalogue.queries.lectures import list_lectures
from lms.core.base.errors import NotFound
from lms.core.base.roles import SYSTEM, Actor
from lms.core.database import audit
from lms.core.database.bulk import among, insert_many
from lms.core.database.session import action, db
from lms.core.text.i18n import spoken, translated
from lms.core.text.translations import TextOf, for_reader
from lms.core.time.zones import main_zone
from lms.enrolment.actions.places import lock
from lms.enrolment.models import SeatReason
from lms.enrolment.queries.answers import count_to_come
from lms.mail.outbox import OutboxMail, post_mails
from lms.nominations.actions.seats import end, people_of
from lms.nominations.models import InvitationLink, Nomination, NominationState
from lms.nominations.rules import INVITATION_LASTS, REMIND_EVERY, may_nominate
from lms.people.models import Country, Person
from lms.people.passwords import hash_secret, new_secret
from lms.people.queries.country_names import likely_language
from lms.people.queries.persons import contact_of, has_claimed


@action
def remind_selected(public_ids: Collection[str], *, by: Actor, at: datetime) -> tuple[int, int]:
    """Sends the invitations of these nominations again, of the actor's countries, as `remind`; returns how many were
    sent, and how many were left out: sent lately, or no longer waiting for an answer. Raises NotFound."""
    query = select(Nomination.public_id, Nomination.series_id, Nomination.country_id)
    rows = list(db.session.execute(query.where(among(Nomination.public_id, public_ids))))
    if len(rows) < len(set(public_ids)) or not all(may_nominate(by, row.country_id) for row in rows):
        raise NotFound
    groups: dict[tuple[int, int], list[str]] = {}
    for row in rows:
        groups.setdefault((row.series_id, row.country_id), []).append(row.public_id)
    sent = 0
    for (series_id, country_id), ids in sorted(groups.items()):
        sent += remind(series_id, country_id, by=by, at=at, public_ids=ids)[0]
    return sent, len(rows) - sent


TEMPLATE = "nomination_invitation"


def invite(series: Series, nominations: Sequence[Nomination], *, at: datetime) -> None:
    """Within an action, with the series locked: invites nominees by e-mail.

    A nominee whom another country has invited to the same series, and who was sent that invitation less than
    `REMIND_EVERY` ago, is not sent a second one.
    """
    for nomination in nominations:
        nomination.state, nomination.invited_at, nomination.expires_at = (
            NominationState.INVITED,
            at,
            at + INVITATION_LASTS,
        )
    db.session.flush()
    _send(series, nominations, skip=_sent_lately(series.id, nominations, at=at), at=at)


def _sent_lately(series_id: int, nominations: Sequence[Nomination], *, at: datetime) -> set[str]:
    """Addresses that other nominations had an invitation sent to."""
    since = at - REMIND_EVERY
    query = select(Nomination.email_key).where(
        Nomination.series_id == series_id,
        Nomination.state == NominationState.INVITED,
        or_(Nomination.invited_at > since, Nomination.reminded_at > since),
        among(Nomination.email_key, [nomination.email_key for nomination in nominations]),
        ~among(Nomination.id, [nomination.id for nomination in nominations]),
    )
    return set(db.session.scalars(query))


@action
def remind(
    series_id: int, country_id: int, *, by: Actor, at: datetime, public_ids: Collection[str] | None = None
) -> tuple[int, int]:
    """Sends invitations again that wait for an answer, of one country in one series: all, or those of `public_ids`.

    Their links are good for another `INVITATION_LASTS`. Returns how many were sent, and how many were left out because
    they were sent less than `REMIND_EVERY` ago. Raises NotFound.
    """
    if not may_nominate(by, country_id):
        raise NotFound
    series = lock(series_id, by, at)
    query = select(Nomination).where(
        Nomination.series_id == series_id,
        Nomination.country_id == country_id,
        Nomination.state == NominationState.INVITED,
        Nomination.expires_at > at,
    )
    if public_ids is not None:
        query = query.where(among(Nomination.public_id, public_ids))
    waiting = list(db.session.scalars(query.order_by(Nomination.id).with_for_update(key_share=True)))
    due = [one for one in waiting if _last_sent(one) <= at - REMIND_EVERY]
    for nomination in due:
        nomination.reminded_at, nomination.expires_at = at, at + INVITATION_LASTS
    db.session.flush()
    if due:
        _send(series, due, skip=set(), at=at)
        audit.record(
            "nomination.remind",
            by=by,
            at=at,
            series=series_id,
            nomination=[one.id for one in due],
            person=people_of(due),
        )
    return len(due), len(waiting) - len(due)


def _last_sent(nomination: Nomination) -> datetime:
    sent = nomination.reminded_at or nomination.invited_at
    assert sent is not None, "an invited nomination has been sent"
    return sent


def _send(series: Series, nominations: Sequence[Nomination], *, skip: set[str], at: datetime) -> None:
    """E-mails a new link to each nominee."""
    secrets = [new_secret() for _one in nominations]
    insert_many(
        InvitationLink.__table__,
        [
            {"nomination_id": one.id, "secret_hash": hash_secret(secret), "sent_at": at, "expires_at": one.expires_at}
            for one, secret in zip(nominations, secrets, strict=True)
        ],
    )
    payload = _about(series, at)
    countries = {row.id: row for row in db.session.scalars(_countries(nominations))}
    zones = {row.id: main_zone(row.code) or "" for row in countries.values()}
    people = contact_of([one.person_id for one in nominations if one.person_id is not None])
    claimed = has_claimed(list(people))
    readers = [_reader_of(nomination, claimed, countries[nomination.country_id]) for nomination in nominations]
    question_counts = count_to_come(series.id, readers, by=SYSTEM, at=at)
    names = _names([one.nominated_by_id for one in nominations if one.nominated_by_id is not None])
    mails: list[dict[str, Any]] = []
    for nomination, secret, questions in zip(nominations, secrets, question_counts, strict=True):
        if nomination.email_key in skip:
            continue
        person = people.get(nomination.person_id or 0)
        is_known = person is not None and nomination.person_id in claimed
        locale = person.locale if person is not None and is_known else language_of(nomination)
        mails.append(
            {
                "template": TEMPLATE,
                "address": nomination.email,
                "locale": locale,
                "time_zone": (person.time_zone if person is not None else "") or zones[nomination.country_id],
                "person_id": nomination.person_id,
                "payload": {
                    **for_reader(payload, spoken(locale)),
                    "secret": secret,
                    "full_name": nomination.full_name,
                    "nominated_by": names.get(nomination.nominated_by_id or 0),
                    "country": countries[nomination.country_id].code,
                    "answer_by_at": _text(nomination.expires_at),
                    "questions": list(questions),
                },
                "dedupe_key": _mail_key(nomination.id, at),
                "created_at": at,
                "expires_at": nomination.expires_at,
            }
        )
    post_mails(mails)


def _reader_of(
    nomination: Nomination, claimed: Collection[int], country: Country
) -> tuple[int | None, str, str | None]:
    """The reader of the questions at enrolment: a person with an account or null, a country and a sector."""
    person_id = nomination.person_id if nomination.person_id in claimed else None
    return person_id, country.code, nomination.sector.value if nomination.sector else None


def language_of(nomination: Nomination) -> str:
    """The language in which to write to a nominee who has no account."""
    chosen = nomination.language
    return chosen if chosen in translated() else likely_language(nomination.country.code)


def pass_on(series: Series, ended: Sequence[Nomination], *, at: datetime) -> None:
    """Within an action, after invitations were taken back or have expired: those of other countries to the same people
    are sent now, if they were not sent since these were. Their dates stay: a focal point learns nothing by it."""
    others = select(Nomination).where(
        Nomination.series_id == series.id,
        Nomination.state == NominationState.INVITED,
        Nomination.expires_at > at,
        among(Nomination.email_key, [one.email_key for one in ended if one.email_key]),
        ~among(Nomination.id, [one.id for one in ended]),
    )
    waiting = list(db.session.scalars(others.order_by(Nomination.id).with_for_update(key_share=True)))
    posted = _posted(waiting)
    first = {one.email_key: one for one in reversed(waiting) if one.id not in posted}
    reached = {one.email_key for one in waiting if one.id in posted}
    unsent = [one for key, one in first.items() if key not in reached]
    if unsent:
        _send(series, unsent, skip=set(), at=at)


def _posted(nominations: Sequence[Nomination]) -> set[int]:
    """Which of these nominations a mail was posted for."""
    keys = _mail_keys([nomination.id for nomination in nominations])
    query = select(OutboxMail.dedupe_key).where(among(OutboxMail.dedupe_key, keys))
    return {keys[key] for key in db.session.scalars(query)}


def _mail_keys(nomination_ids: Collection[int]) -> dict[str, int]:
    """The keys of the mails that can have been posted for nominations, one for each of their links."""
    query = select(InvitationLink.nomination_id, InvitationLink.sent_at)
    links = db.session.execute(query.where(among(InvitationLink.nomination_id, nomination_ids)))
    return {_mail_key(nomination_id, sent_at): nomination_id for nomination_id, sent_at in links}


def _countries(nominations: Sequence[Nomination]) -> Any:
    return select(Country).where(Country.id.in_({nomination.country_id for nomination in nominations}))


def _names(person_ids: Collection[int]) -> dict[int, str]:
    query = select(Person.id, Person.full_name).where(Person.id.in_(set(person_ids)))
    return {row.id: row.full_name for row in db.session.execute(query)}


def _about(series: Series, at: datetime) -> dict[str, Any]:
    """Returns what an invitation says about the series."""
    coming = [
        one
        for one in list_lectures(series.id, by=SYSTEM)
        if one.state is LectureState.SCHEDULED and one.starts_at is not None and one.starts_at > at
    ]
    first = min(coming, key=lambda lecture: lecture.starts_at or at, default=None)
    return {
        "title": TextOf(series),
        "slug": series.slug,
        "language": series.language,
        "lectures": len(coming),
        "lecture": TextOf(first) if first is not None else None,
        "starts_at": _text(first.starts_at) if first is not None else None,
    }


def revoke_invitations(nominations: Sequence[Nomination], *, at: datetime) -> None:
    """Within an action: no link leads to these nominations any more, and what is not sent yet never is."""
    ids = [one.id for one in nominations]
    keys = _mail_keys(ids)
    db.session.execute(
        delete(InvitationLink)
        .where(among(InvitationLink.nomination_id, ids))
        .execution_options(synchronize_session=False)
    )
    _stop_mails(keys, at=at)
    for nomination in nominations:
        nomination.invited_at = nomination.reminded_at = nomination.expires_at = None


def stop_invitations(nominations: Sequence[Nomination], *, at: datetime) -> None:
    """Within an action: invitations to these nominations that are not sent yet never are."""
    _stop_mails(_mail_keys([nomination.id for nomination in nominations]), at=at)


def _stop_mails(keys: Collection[str], *, at: datetime) -> None:
    db.session.execute(
        update(OutboxMail)
        .where(OutboxMail.sent_at.is_(None), among(OutboxMail.dedupe_key, keys))
        .values(expires_at=at)
        .execution_options(synchronize_session=False)
    )


def _mail_key(nomination_id: int, at: datetime) -> str:
    return f"nomination:{nomination_id}:{at.isoformat()}"


def _text(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment is not None else None


def expire_due(*, at: datetime, limit: int = 500) -> int:
    """Lets invitations expire that nobody answered in time; their seats are free again. Returns how many expired."""
    due = select(Nomination.id, Nomination.series_id).where(
        Nomination.state == NominationState.INVITED, Nomination.expires_at <= at
    )
    rows = list(db.session.execute(due.order_by(Nomination.series_id, Nomination.id).limit(limit)))
    db.session.rollback()
    count = 0
    for series_id in dict.fromkeys(row.series_id for row in rows):
        count += _expire(series_id, [row.id for row in rows if row.series_id == series_id], at=at)
    return count


@action
def _expire(series_id: int, ids: Sequence[int], *, at: datetime) -> int:
    series = lock(series_id, SYSTEM, at)
    query = select(Nomination).where(
        Nomination.id.in_(ids), Nomination.state == NominationState.INVITED, Nomination.expires_at <= at
    )
    due = list(db.session.scalars(query.order_by(Nomination.id).with_for_update(key_share=True)))
    for nomination in due:
        end(nomination, NominationState.EXPIRED, why=SeatReason.EXPIRED, by=SYSTEM, at=at)
    if due:
        pass_on(series, due, at=at)
        audit.record(
            "nomination.expire",
            by=SYSTEM,
            at=at,
            series=series_id,
            nomination=[one.id for one in due],
            person=people_of(due),
        )
    return len(due)

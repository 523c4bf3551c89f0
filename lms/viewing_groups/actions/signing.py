"""Signatures of viewing groups: while one is in effect, the presence of everyone on the list is evidence."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import and_, delete, or_, select, update

from lms.attendance import rules
from lms.attendance.actions.closing import check_not_closed
from lms.attendance.actions.credits import credit_lecture, insert_presence
from lms.attendance.actions.facts import hold_facts
from lms.attendance.actions.people import take_walk_ins
from lms.attendance.models.evidence import Presence, Source
from lms.attendance.models.groups import GroupEntry, GroupSignature, ViewingGroup
from lms.attendance.presence import WHO, is_held, presence_in, span_of
from lms.attendance.rules import evidence_of
from lms.catalogue.rules import may_edit_lecture, resolve_local
from lms.core.base.errors import Invalid, Refused
from lms.core.base.roles import SYSTEM, Actor
from lms.core.database import audit
from lms.core.database.session import action, db
from lms.core.text.i18n import _
from lms.core.text.punctuation import comma
from lms.core.text.translations import reader_text
from lms.core.text.typed_text import checked_words
from lms.core.time import clock
from lms.core.time.dates import span_in, zone_city
from lms.people.models import Person, PersonEmail
from lms.people.queries.countries import countries_of
from lms.people.queries.persons import find_person_by_email
from lms.viewing_groups import rules as group_rules
from lms.viewing_groups.actions.groups import hold_group
from lms.viewing_groups.queries import GroupView, Resolved, lecture_day, resolve


@dataclass(frozen=True)
class Basis:
    """When a group watched: during an account's connection, or between two local times in the group's zone."""

    connection: str | None = None
    start: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True)
class Signed:
    """The result of signing: for how many people, and further notes."""

    people: int
    statement: str
    notes: list[str]


@action
def sign_group(public_id: str, *, basis: Basis, mark: str, by: Actor, at: datetime) -> Signed:
    """Signs the list of a group as the caller reviewed it, so that each person on it is counted. Repeating the call
    changes nothing.
    """
    hold_facts()
    view = hold_group(public_id, by=by)
    group, lecture = view.group, view.lecture
    if group.called_off_at is not None:
        raise Refused(_("This group was cancelled."))
    if not is_held(lecture):
        raise Refused(_("You can sign for a group after the lecture has been held."))
    check_not_closed(lecture)
    intervals, connection_id = _seen(view, basis, by=by, at=at)
    declared = intervals[0] if connection_id is None else None
    standing = view.signature
    if standing is not None:
        if standing.digest == mark and (standing.connection_id, standing.from_ms, standing.until_ms) == (
            connection_id, *(declared or (None, None)),
        ):  # fmt: skip
            return Signed(standing.people, standing.statement, [])
        raise Refused(_("This list is signed. Withdraw the signature first; the list is kept."))
    resolved = resolve(group, lecture, at=at)
    if not resolved.people:
        raise Refused(_("There is nobody on the list yet."))
    if group_rules.mark_of(resolved.people) != mark:
        raise Refused(_("The list has changed since you opened it. Review it again, then sign."))
    place = f"{view.place}{comma()}{_times(view, intervals)}"
    promise = group_rules.promise(len(resolved.people), title=reader_text(lecture), place=place)
    signature = GroupSignature(
        group_id=group.id,
        people=len(resolved.people),
        digest=mark,
        statement=promise,
        connection_id=connection_id,
        from_ms=declared[0] if declared else None,
        until_ms=declared[1] if declared else None,
        signed_by=by.person_id,
        signed_at=at,
    )
    db.session.add(signature)
    db.session.flush()
    _settle(resolved)
    ids = sorted(resolved.people)
    _add_presence(signature, lecture.id, ids, intervals)
    detail = {"people": len(ids), "signature": signature.id}
    audit.record("group.sign", by=by, at=at, detail=detail, lecture=lecture.id, group=group.id, person=ids)
    # The policy of the series enrols them, not the focal point, who cannot enrol everywhere
    notes, eligible = take_walk_ins(lecture, ids, by=by if may_edit_lecture(lecture, by) else SYSTEM, at=at)
    credit_lecture(lecture.id, by=by, at=at, only=ids, eligible=eligible)
    doubt = group_rules.size_warning(len(ids), group.expected)
    return Signed(len(ids), promise, [*([doubt] if doubt else []), *notes])


def _add_presence(
    signature: GroupSignature, lecture_id: int, person_ids: Sequence[int], intervals: Sequence[rules.Interval]
) -> None:
    """Adds the presence that a signature declares of these people."""
    insert_presence(
        [
            {
                "lecture_id": lecture_id,
                "person_id": person_id,
                "source": Source.GROUP,
                "joined_ms": joined,
                "left_ms": left,
                "evidence": evidence_of(f"group:{signature.id}:{person_id}", joined, left, "group"),
                "signature_id": signature.id,
            }
            for person_id in person_ids
            for joined, left in intervals
        ]
    )


def _seen(view: GroupView, basis: Basis, *, by: Actor, at: datetime) -> tuple[list[rules.Interval], int | None]:
    """The intervals in which a group watched, and whose connection shows it. Raises Invalid by field."""
    span = span_of(view.lecture)
    if basis.connection:
        person_id = _whose_connection(view, basis.connection, by=by, at=at)
        seen = presence_in(view.lecture, [person_id]).get(person_id, []) if person_id is not None else []
        intervals = rules.unite(one[:2] for one in seen if one.source in (Source.LIVE, Source.IMPORT))
        if not rules.clip(intervals, span.start, span.end):
            reason = _("This account was not connected during the lecture. Enter the times instead.")
            raise Invalid("connection", reason)
        return intervals, person_id
    if basis.start is None or basis.until is None:
        raise Invalid(
            "watched_from" if basis.start is None else "watched_until",
            _("Enter when the group started and stopped watching."),
        )
    start = clock.to_ms(resolve_local(basis.start, view.group.time_zone, "watched_from"))
    until = clock.to_ms(resolve_local(basis.until, view.group.time_zone, "watched_until"))
    group_rules.check_declared(start, until, (span.start, span.end))
    return [(start, until)], None


def _whose_connection(view: GroupView, address: str, *, by: Actor, at: datetime) -> int | None:
    """The person with an e-mail address, if the actor can see their presence: anyone for staff; themselves and people
    from their country for focal points.
    """
    person = find_person_by_email(address)
    if person is None or may_edit_lecture(view.lecture, by) or person.id == by.person_id:
        return person.id if person is not None else None
    of_country = countries_of([person.id], lecture_day(view.lecture, at))[person.id] == view.group.country_id
    return person.id if of_country else None


def _times(view: GroupView, intervals: list[rules.Interval]) -> str:
    """When a group watched, in the zone of its place, which is named."""
    name = view.group.time_zone
    start, end = span_in(clock.from_ms(intervals[0][0]), clock.from_ms(intervals[-1][1]), name)
    return _("%(start)s to %(end)s (%(city)s time)", start=start, end=end, city=zone_city(name))


def _settle(resolved: Resolved) -> None:
    """Replaces e-mail addresses by people, so that a signed list does not depend on who has which address."""
    for person_id, entry in resolved.people.items():
        if entry.person_id is None:
            entry.person_id, entry.address, entry.key = person_id, None, None
    db.session.flush()


@action
def take_back_signature(public_id: str, *, reason: str, by: Actor, at: datetime) -> None:
    """Withdraws the signature of a group. The people on its list are no longer counted."""
    hold_facts()
    view = hold_group(public_id, by=by)
    signature = view.signature
    if signature is None:
        return
    check_not_closed(view.lecture)
    reason = checked_words(reason, lack=_("Enter a reason."))
    people = set(
        db.session.scalars(
            select(WHO).join(Presence, Presence.person_id == Person.id).where(Presence.signature_id == signature.id)
        )
    )
    signature.taken_back_at, signature.taken_back_by, signature.reason = at, by.person_id, reason
    db.session.execute(
        delete(Presence).where(Presence.signature_id == signature.id).execution_options(synchronize_session=False)
    )
    detail = {"people": len(people), "signature": signature.id}
    audit.record(
        "group.take_back", by=by, at=at, detail=detail, lecture=view.lecture.id, group=view.group.id, person=people
    )
    credit_lecture(view.lecture.id, by=by, at=at, only=people)


@action
def forget_in_groups(person_id: int, *, by: Actor, at: datetime) -> None:  # noqa: ARG001 - as every action
    """Removes an erased person and their addresses from every unsigned list, and the name from texts about places,
    inside the running action. On signed lists the entry stays, anonymous.
    """
    keys = select(PersonEmail.key).where(PersonEmail.person_id == person_id)
    signed = select(GroupSignature.group_id).where(GroupSignature.taken_back_at.is_(None))
    gone = or_(GroupEntry.key.in_(keys), and_(GroupEntry.person_id == person_id, GroupEntry.group_id.not_in(signed)))
    db.session.execute(delete(GroupEntry).where(gone).execution_options(synchronize_session=False))
    name = select(Person.full_name).where(Person.id == person_id).scalar_subquery()
    db.session.execute(
        update(ViewingGroup)
        .where(ViewingGroup.organiser == name)
        .values(organiser="")
        .execution_options(synchronize_session=False)
    )

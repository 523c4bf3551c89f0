"""Viewing groups and their lists: opening, checking in, ticking. Nothing of it counts before the signature."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, select

from lms.attendance.actions.closing import check_not_closed
from lms.attendance.actions.credits import lock_lecture
from lms.attendance.models.groups import Entered, GroupEntry, ViewingGroup
from lms.catalogue.models import WalkIns
from lms.catalogue.queries.policies import policy_for
from lms.catalogue.rules import may_edit_lecture, zone_of
from lms.core.base.errors import Fault, Forbidden, Invalid, NotFound, Refused
from lms.core.base.roles import Actor
from lms.core.database import audit
from lms.core.database.bulk import among, insert_many
from lms.core.database.session import action, db
from lms.core.text.i18n import _
from lms.core.text.punctuation import colon
from lms.core.text.translations import reader_text
from lms.enrolment.actions.places import share_own_profile
from lms.enrolment.membership import eligible_people
from lms.enrolment.rules import check_is_for_country
from lms.people.models import Person
from lms.people.queries.countries import countries_of, get_country
from lms.people.queries.persons import ids_by_email
from lms.people.rules import checked_address, checked_line, email_key
from lms.viewing_groups import rules
from lms.viewing_groups.queries import (
    GroupView,
    find_by_code,
    get_group,
    get_lecture_with_groups,
    lecture_day,
    resolve,
)

MOST_SIGNS = {"city": 100, "room": 200, "organiser": 200}


@dataclass(frozen=True)
class GroupInput:
    """Where a group watches, who sees to it (a name), how many are expected, and the zone of the place."""

    city: str
    room: str
    organiser: str
    expected: int
    time_zone: str


@dataclass
class Added:
    """The result of adding people to a list. `rejected` identifies lines of a text."""

    added: int = 0
    unchanged: int = 0
    rejected: list[Fault] = field(default_factory=list)
    addresses: list[str] = field(default_factory=list)
    """The e-mail addresses that were not added."""


@dataclass(frozen=True)
class CheckedIn:
    """The result of a check-in: where, and what may not count.

    `is_named`: the person is certain and on the list. Otherwise the answer is the same for everyone.
    """

    lecture_id: int
    title: str
    place: str
    is_named: bool
    caution: str | None = None


@action
def open_group(
    lecture_id: int, draft: GroupInput, *, country: str | None = None, by: Actor, at: datetime
) -> tuple[str, bool]:
    """Opens a group for people from a country. Returns its public id and whether it is new: the same location twice is
    one group.

    Focal points open groups for their own country (the only one, unless the code `country` selects one), the lecture's
    staff for any. Raises Forbidden, NotFound, Invalid (by field), and Refused (this lecture cannot be watched in a
    group, or not for that country).
    """
    lecture = get_lecture_with_groups(lecture_id, by=by)
    lock_lecture(lecture_id)
    is_staff = may_edit_lecture(lecture, by)
    if not (is_staff or by.is_focal_point):
        raise Forbidden
    country_id = _country_of(country, by)
    if not is_staff:
        if country_id not in by.country_ids:
            raise Forbidden(_("Focal points can open groups for their own country only."))
        check_is_for_country(lecture.series, country_id)
    values = _checked(draft)
    rules.check_has_groups(lecture)
    check_not_closed(lecture)
    where = {name: getattr(ViewingGroup, name) == values[name] for name in ("city", "room", "organiser")}
    same = select(ViewingGroup.public_id).where(
        ViewingGroup.lecture_id == lecture_id,
        ViewingGroup.country_id == country_id,
        ViewingGroup.called_off_at.is_(None),
        *where.values(),
    )
    there = db.session.scalar(same.limit(1))
    if there is not None:
        return there, False
    made = ViewingGroup(
        lecture_id=lecture_id,
        country_id=country_id,
        code=_new_code(),
        opened_by=by.person_id,
        opened_at=at,
        **values,
    )
    db.session.add(made)
    db.session.flush()
    audit.record("group.open", by=by, at=at, detail={"expected": made.expected}, lecture=lecture_id, group=made.id)
    return made.public_id, True


def _country_of(code: str | None, by: Actor) -> int:
    if code:
        return get_country(code).id
    if len(by.country_ids) == 1:
        return next(iter(by.country_ids))
    raise Invalid("country", _("Select a country."))


def _checked(draft: GroupInput) -> dict[str, Any]:
    """Cleaned and validated fields. Raises Invalid with every error."""
    faults: list[Fault] = []
    values: dict[str, Any] = {}
    required = {
        "city": _("Enter the city."),
        "room": _("Enter the building and room."),
        "organiser": _("Enter the organiser."),
    }
    for name, missing in required.items():
        try:
            values[name] = checked_line(getattr(draft, name), field=name)
        except Invalid as error:
            faults += error.faults
            continue
        if values[name] is None:
            faults.append(Fault(field=name, reason=missing))
        elif len(values[name]) > MOST_SIGNS[name]:
            faults.append(Fault(field=name, reason=_("Use at most %(n)s characters.", n=MOST_SIGNS[name])))
    values["expected"], values["time_zone"] = draft.expected, draft.time_zone
    if not 1 <= draft.expected <= rules.MOST_EXPECTED:
        reason = _("Enter a whole number from 1 to %(n)s.", n=rules.MOST_EXPECTED)
        faults.append(Fault(field="expected", reason=reason))
    try:
        zone_of(draft.time_zone)
    except Invalid as error:
        faults += error.faults
    if faults:
        raise Invalid(faults=faults)
    return values


def _new_code() -> str:
    while True:
        code = rules.draw_code()
        if db.session.scalar(select(ViewingGroup.id).where(ViewingGroup.code == code)) is None:
            return code


def hold_group(public_id: str, *, by: Actor) -> GroupView:
    """A group that the actor may run, inside the running action, its lecture and itself locked. NotFound, Forbidden."""
    group = get_group(public_id, by=by)
    lock_lecture(group.lecture.id)
    query = select(ViewingGroup).where(ViewingGroup.id == group.group.id).with_for_update()
    db.session.execute(query.execution_options(populate_existing=True))
    view = get_group(public_id, by=by)
    if not view.may_run:
        raise Forbidden
    return view


def _check_list_is_open(view: GroupView) -> None:
    if view.group.called_off_at is not None:
        raise Refused(_("This group was cancelled."))
    if view.signature is not None:
        raise Refused(_("This list is signed. Withdraw the signature first; the list is kept."))


@action
def edit_group(public_id: str, draft: GroupInput, *, by: Actor, at: datetime) -> None:
    """Edits a group. Raises Refused while its list is signed, because the statement names the location."""
    view = hold_group(public_id, by=by)
    _check_list_is_open(view)
    changed = {name: value for name, value in _checked(draft).items() if getattr(view.group, name) != value}
    for name, value in changed.items():
        setattr(view.group, name, value)
    if changed:
        detail = {"fields": sorted(changed)}
        audit.record("group.edit", by=by, at=at, detail=detail, lecture=view.lecture.id, group=view.group.id)


@action
def renew_code(public_id: str, *, by: Actor, at: datetime) -> str:
    """Creates a new code and returns it. The old one is no longer valid."""
    view = hold_group(public_id, by=by)
    _check_list_is_open(view)
    view.group.code = _new_code()
    audit.record("group.renew_code", by=by, at=at, lecture=view.lecture.id, group=view.group.id)
    return view.group.code


@action
def call_off(public_id: str, *, by: Actor, at: datetime) -> None:
    """Cancels a group: its code is no longer valid, and it cannot be signed. Raises Refused while it is signed."""
    view = hold_group(public_id, by=by)
    if view.group.called_off_at is not None:
        return
    _check_list_is_open(view)
    view.group.called_off_at = at
    audit.record("group.call_off", by=by, at=at, lecture=view.lecture.id, group=view.group.id)


def _group_that_shows(code: str) -> GroupView:
    parsed = rules.read_code(code)
    view = find_by_code(parsed) if parsed is not None else None
    if view is None:
        raise NotFound(_("Unknown code. Check it on the screen and try again."))
    return view


@action
def check_in(code: str, *, email: str | None = None, by: Actor, at: datetime) -> CheckedIn:
    """Adds the person who enters the code of a group to its list: the signed-in user, or an address.

    Whether an address is known is never revealed: it waits on the list as written. Repeating changes nothing. Raises
    NotFound for an unknown code; Refused outside the hours of its lecture, for a signed list, and for a signed-in user
    of another country; Invalid (`email`).
    """
    view = _group_that_shows(code)
    lock_lecture(view.lecture.id)
    db.session.refresh(view.group)
    view = _group_that_shows(code)
    since, until = rules.code_holds(view.lecture)
    if at < since:
        raise Refused(_("It is too early. Check-in opens one hour before the lecture."))
    if until is not None and at > until:
        raise Refused(_("Check-in is over because the lecture has ended. The group’s organiser can still add you."))
    if view.signature is not None:
        raise Refused(_("The list of this group is already signed. Ask the group’s organiser."))
    checked_in = CheckedIn(view.lecture.id, reader_text(view.lecture), view.place, is_named=not email)
    if email:
        address = checked_address(email)
        _check_room_on_list(view.group)
        _insert(view.group, [{"address": address, "key": email_key(address)}], Entered.ADDRESS, by=by, at=at)
        return checked_in
    if by.person_id is None:
        raise Invalid("email", _("Enter your e-mail address, or sign in."))
    if countries_of([by.person_id], lecture_day(view.lecture, at))[by.person_id] != view.group.country_id:
        raise Refused(_("This group is for people from another country. Ask the lecturer."))
    share_own_profile(view.lecture.series_id, by=by, at=at)
    if by.person_id not in resolve(view.group, view.lecture, at=at).people:
        _check_room_on_list(view.group)
        _insert(view.group, [{"person_id": by.person_id}], Entered.CODE, by=by, at=at)
        audit.record("group.check_in", by=by, at=at, lecture=view.lecture.id, group=view.group.id,
                     person=by.person_id)  # fmt: skip
    caution = None
    if policy_for(view.lecture).walk_ins is WalkIns.IGNORE and not eligible_people(view.lecture.id, [by.person_id]):
        caution = _(
            "You are not enrolled in this series, and only enrolled people are counted. Your "
            "attendance will not be counted."
        )
    return replace(checked_in, caution=caution)


def _check_room_on_list(group: ViewingGroup, more: int = 1) -> None:
    listed = select(func.count()).where(GroupEntry.group_id == group.id)
    if (db.session.scalar(listed) or 0) + more > rules.MOST_LISTED:
        raise Refused(_("This list is full: it can hold %(n)s people.", n=rules.MOST_LISTED))


def _insert(group: ViewingGroup, who: list[dict[str, Any]], how: Entered, *, by: Actor, at: datetime) -> None:
    same = {"group_id": group.id, "entered": how, "entered_by": by.person_id, "entered_at": at}
    named = {"person_id": None, "address": None, "key": None}
    rows: list[Mapping[str, Any]] = [{**named, **one, **same} for one in who]
    insert_many(
        GroupEntry.__table__, rows, unless=("group_id", "person_id" if who and "person_id" in who[0] else "key")
    )


@action
def tick(
    public_id: str, *, add: Collection[str] = (), remove: Collection[str] = (), by: Actor, at: datetime
) -> tuple[int, int]:
    """Puts people (public ids) onto a list and takes others off it; answers how many each. What is so already stays so.

    Invalid (`people`) for somebody nobody knows and, unless staff tick, for somebody of another country: both look
    alike. Refused while the list is signed.
    """
    view = hold_group(public_id, by=by)
    _check_list_is_open(view)
    on_list = resolve(view.group, view.lecture, at=at).people
    entering = _known(view, add, by=by, at=at)
    leaving = set(_known(view, remove, by=by, at=at)) & set(on_list)
    new = [one for one in entering if one not in on_list]
    if new:
        _check_room_on_list(view.group, len(new))
        _insert(view.group, [{"person_id": one} for one in new], Entered.TICKED, by=by, at=at)
        audit.record("group.add", by=by, at=at, lecture=view.lecture.id, group=view.group.id, person=new)
    if leaving:
        _strike(view.group, leaving)
        audit.record("group.remove", by=by, at=at, lecture=view.lecture.id, group=view.group.id, person=leaving)
    return len(new), len(leaving)


def _known(view: GroupView, public_ids: Collection[str], *, by: Actor, at: datetime) -> list[int]:
    """The canonical ids of people whom the actor can add, in the given order."""
    distinct_ids = list(dict.fromkeys(public_ids))
    if not distinct_ids:
        return []
    query = select(Person.public_id, Person.canonical_id).where(
        among(Person.public_id, distinct_ids), Person.erased_at.is_(None)
    )
    ids: dict[str, int] = {public_id: who for public_id, who in db.session.execute(query) if who is not None}
    allowed = _tickable(view, ids.values(), by=by, at=at)
    wrong = [one for one in distinct_ids if ids.get(one) not in allowed]
    if wrong:
        reason = _nobody()
        raise Invalid(faults=[Fault(field="people", reason=f"{one[:40]}{colon()}{reason}") for one in wrong[:50]])
    return list(dict.fromkeys(ids[one] for one in distinct_ids))


def _tickable(view: GroupView, person_ids: Collection[int], *, by: Actor, at: datetime) -> set[int]:
    if may_edit_lecture(view.lecture, by):
        return set(person_ids)
    countries = countries_of(set(person_ids), lecture_day(view.lecture, at))
    return {one for one, country_id in countries.items() if country_id == view.group.country_id}


def _nobody() -> str:
    return _("No person from this country has this e-mail address.")


def _strike(group: ViewingGroup, person_ids: Collection[int]) -> None:
    """Removes people from a list, whatever their entry."""
    rows = select(Person.id).where(among(Person.canonical_id, person_ids))
    of_group = select(GroupEntry.id).where(GroupEntry.group_id == group.id, GroupEntry.person_id.in_(rows))
    entries = set(db.session.scalars(of_group))
    written = select(GroupEntry.id, GroupEntry.key).where(GroupEntry.group_id == group.id, GroupEntry.key.is_not(None))
    keys = {key: entry_id for entry_id, key in db.session.execute(written) if key is not None}
    entries |= {keys[key] for key, who in ids_by_email(keys).items() if who in set(person_ids)}
    db.session.execute(delete(GroupEntry).where(among(GroupEntry.id, entries)))


@action
def add_addresses(public_id: str, text: str, *, by: Actor, at: datetime) -> Added:
    """Adds everyone whose address is in a text (pasted, or a CSV). Other addresses are returned by line: unknown ones
    or, except for staff, people of another country.

    Invalid (`addresses`) without any address. Refused while the list is signed.
    """
    view = hold_group(public_id, by=by)
    _check_list_is_open(view)
    addresses = rules.addresses_in(text)
    if not addresses:
        raise Invalid("addresses", _("No e-mail address found here."))
    if len(addresses) > rules.MOST_PASTED:
        raise Invalid("addresses", _("Enter at most %(n)s e-mail addresses at a time.", n=rules.MOST_PASTED))
    known = ids_by_email({email_key(address) for _line, address in addresses})
    allowed = _tickable(view, known.values(), by=by, at=at)
    on_list = resolve(view.group, view.lecture, at=at).people
    answer, new = Added(), []
    for line, address in addresses:
        who = known.get(email_key(address))
        if who not in allowed:
            answer.rejected.append(Fault(row=line, reason=f"{address}{colon()}{_nobody()}"))
            answer.addresses.append(address)
        elif who in on_list or who in new:
            answer.unchanged += 1
        else:
            new.append(who)
    if new:
        _check_room_on_list(view.group, len(new))
        _insert(view.group, [{"person_id": one} for one in new], Entered.LIST, by=by, at=at)
        audit.record("group.add", by=by, at=at, lecture=view.lecture.id, group=view.group.id, person=new)
    answer.added = len(new)
    return answer


@action
def drop_address(public_id: str, address: str, *, by: Actor, at: datetime) -> None:
    """Removes an unknown e-mail address from a list."""
    view = hold_group(public_id, by=by)
    _check_list_is_open(view)
    gone = {entry.id for entry in resolve(view.group, view.lecture, at=at).unknown if entry.address == address}
    if gone:
        db.session.execute(delete(GroupEntry).where(among(GroupEntry.id, gone)))
        audit.record("group.drop_address", by=by, at=at, lecture=view.lecture.id, group=view.group.id)

"""Events after the lectures of the demonstration: group viewings, appeals, corrections, a late report, closings.

Like `generate` this plans everything from the files alone; `take_in` and `take_in_rest` then do it through the same
actions that the pages use, each as the person who would do it.
"""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from zoneinfo import ZoneInfo

from lms.attendance.actions.appeals import accept_appeal, decline_appeal, file_appeal, withdraw_appeal
from lms.attendance.actions.closing import close_attendance
from lms.attendance.actions.correction_batches import CORRECTIONS, preview_batch
from lms.attendance.actions.corrections import correct
from lms.attendance.appeal_rules import AppealInput
from lms.attendance.models.credits import Outcome
from lms.attendance.queries.roster_query import RosterFilter
from lms.attendance_imports.actions.imports import publish_attendance
from lms.attendance_imports.actions.staging import stage_attendance
from lms.core.base.errors import Refused
from lms.core.base.roles import SYSTEM, Actor
from lms.core.database.session import action
from lms.demo.generate import AttendanceFile, Demonstration
from lms.demo.mails import keep_as_sent
from lms.demo.programme import read, read_json
from lms.demo.staff import KENYA, actor_of
from lms.people.queries.persons import find_person_by_email
from lms.viewing_groups.actions.groups import GroupInput, add_addresses, call_off, check_in, open_group
from lms.viewing_groups.actions.signing import Basis, sign_group, take_back_signature
from lms.viewing_groups.queries import get_group, resolve
from lms.viewing_groups.rules import MOST_LISTED, mark_of

FEWEST_IN_GROUP = 3
"""Smaller groups are left out: small demonstrations have few people of one country in one lecture."""
APPEALS_IN_LECTURE = 6
"""Appeals in one lecture of the series that have them, where enough people came; in a large one, one for each
`PEOPLE_AN_APPEAL`."""
PEOPLE_AN_APPEAL = 150
ABSENT_A_SEAT = 6
"""In a large demonstration, one in this many enrolled people of a country who do not attend alone is in its group."""
APPEALED_SERIES = ("livestream-from-a-village", "e-commerce-rules-explained", "cross-border-ecommerce")
IN_LIVE_GROUP = 14
"""People who have come onto the list of the group that watches the live lecture."""
CHECK_IN = 15
"""The number of people who check in to a group by its code."""
CLOSED_SERIES = ("finance-for-exporters",)
EXCUSED_SERIES = ("digital-payments", "design-and-brands")
LATE_REPORT = ("livestream-from-a-village", 5)
"""The lecture whose meeting system sends its report late, with names that nobody could be matched to."""
DEVICES = ("iPhone", "Galaxy A52", "Conference Room 2", "User_4471", "Training hall")


@dataclass(frozen=True)
class GroupPlan:
    """One group that watched a lecture together: its row in `groups.csv`, with the state signed, taken_back, listed
    (not signed) or called_off."""

    file: AttendanceFile
    row: Mapping[str, str]
    organiser: str
    opened_by: str
    addresses: Sequence[str]


@dataclass(frozen=True)
class AppealPlan:
    """One appeal about a lecture: its row in `appeals.csv`, and its state: open, accepted, declined or withdrawn."""

    file: AttendanceFile
    address: str
    row: Mapping[str, str]
    claims_times: bool
    filed_at: datetime
    state: str


class FollowUp:
    """Everything that follows the lectures, planned from the files of one demonstration."""

    def __init__(self, demonstration: Demonstration, files: Sequence[AttendanceFile]) -> None:
        self.now = demonstration.now
        self._demonstration = demonstration
        self._files = {(file.lecture.series, file.lecture.number): file for file in files}
        self._plans = {plan.slug: plan for plan in demonstration.series}
        self._guests = {guest.email for guest in demonstration.guests}
        self._seconds: dict[tuple[str, int], Mapping[str, float]] = {}
        self._absences: dict[tuple[str, int], list[tuple[str, str]]] = {}

    def file(self, series: str, number: int) -> AttendanceFile:
        """The file of a held lecture."""
        return self._files[series, number]

    @cached_property
    def groups(self) -> list[GroupPlan]:
        """The groups of `groups.csv`, each with enrolled people of its country whom no report shows."""
        focal = {row["country"]: (row["full_name"], row["email"]) for row in read("focal_points.csv")}
        focal["KE"] = ("Peter Mutua Kilonzo", KENYA)
        groups = []
        for row in read("groups.csv"):
            file = self._files[row["series"], int(row["lecture"])]
            absent = self._absent(file, country=row["country"])
            addresses = absent[: min(max(int(row["people"]), len(absent) // ABSENT_A_SEAT), MOST_LISTED)]
            if len(addresses) >= FEWEST_IN_GROUP:
                groups.append(GroupPlan(file, row, *focal[row["country"]], addresses))
        return groups

    @cached_property
    def appeals(self) -> list[AppealPlan]:
        """Appeals in the latest series: those of the last weeks partly open, the earlier ones all answered."""
        rows = read("appeals.csv")
        appeals = []
        for (series, lecture), file in self._files.items():
            if series not in APPEALED_SERIES:
                continue
            absent, partial = iter(self._alone(file)[::7]), iter(self._partial(file)[::3])
            is_late = (series, lecture) == LATE_REPORT
            for number in range(max(APPEALS_IN_LECTURE, len(self._seconds_of(file)) // PEOPLE_AN_APPEAL)):
                row = rows[(number + 5 * lecture) % len(rows)]
                address = next(partial if row["was"] == "partial" else absent, None)
                if address is None:
                    continue
                hours = timedelta(hours=number)
                filed_at = self.now - timedelta(days=3) - hours if is_late else file.end + timedelta(hours=30) + hours
                is_open = self.now - filed_at < timedelta(days=10) and number % 2 == 0
                state = "open" if is_open else row["state"]
                appeals.append(AppealPlan(file, address, row, number % 3 != 1, filed_at, state))
        return appeals

    @cached_property
    def excused(self) -> list[tuple[AttendanceFile, str]]:
        """People whom the instructor excuses by hand."""
        return [
            (file, address)
            for (series, _number), file in self._files.items()
            if series in EXCUSED_SERIES
            for address in self._alone(file)[-2:]
        ]

    @cached_property
    def together(self) -> tuple[AttendanceFile, list[str]] | None:
        """A lecture in which the instructor excuses several people in one step, and who they are."""
        for file, _address in self.excused:
            members = self._alone(file)[-12:-2]
            if len(members) > 2 and self._partial(file):
                return file, members
        return None

    def late_report(self) -> tuple[AttendanceFile, bytes]:
        """A report of Zoom whose rows nobody can be matched to with certainty: devices, and names that lack a part."""
        file = self._files[LATE_REPORT]
        names = {member[0]: member[1] for member in self._demonstration.enrolled(self._plans[LATE_REPORT[0]])}
        known = {name.casefold() for name in names.values()}
        appealed = {appeal.address for appeal in self.appeals if appeal.file is file}
        seen = []
        for address in self._alone(file):
            parts = names[address].split()
            written = f"{parts[0]} {parts[-1][0]}." if len(parts) > 1 else parts[0]
            if address not in appealed and written.casefold() not in known:
                seen.append(written)
            if len(seen) == 12:
                break
        zone = ZoneInfo(file.lecture.time_zone)
        start = file.start.astimezone(zone)
        rows = [
            (name, start + timedelta(minutes=number % 5), file.end.astimezone(zone))
            for number, name in enumerate([*seen, *DEVICES])
        ]
        lines = ["Name (Original Name),User Email,Join Time,Leave Time,Duration (Minutes),Guest"]
        for name, joined, left in rows:
            minutes = (left - joined) // timedelta(minutes=1)
            lines.append(f"{name},,{joined:%m/%d/%Y %I:%M:%S %p},{left:%m/%d/%Y %I:%M:%S %p},{minutes},Yes")
        return file, "".join(f"{line}\n" for line in lines).encode()

    def additions(self) -> Iterator[tuple[AttendanceFile, str]]:
        """Everybody who attends a lecture by what follows it and not by its file: (lecture, address)."""
        for group in self.groups:
            if group.row["state"] == "signed":
                for address in group.addresses:
                    yield group.file, address
        for appeal in self.appeals:
            if appeal.state == "accepted" and appeal.row["outcome"] == "attended":
                yield appeal.file, appeal.address

    def _seconds_of(self, file: AttendanceFile) -> Mapping[str, float]:
        """How long each address of a file was there at the most: overlaps are not taken off."""
        key = file.lecture.series, file.lecture.number
        if key not in self._seconds:
            self._seconds[key] = _seconds(file)
        return self._seconds[key]

    def _absent(self, file: AttendanceFile, country: str | None = None) -> list[str]:
        """The addresses of enrolled people whom the file of a lecture does not name, in the order of enrolment."""
        key = file.lecture.series, file.lecture.number
        if key not in self._absences:
            there = self._seconds_of(file).keys() | self._guests
            members = self._demonstration.enrolled(self._plans[file.lecture.series])
            self._absences[key] = [(one.email, one.country) for one in members if one.email not in there]
        return [email for email, of in self._absences[key] if country in (None, of)]

    def _alone(self, file: AttendanceFile) -> list[str]:
        """Enrolled people whom neither the file of a lecture nor a group's list names."""
        grouped = {address for group in self.groups if group.file is file for address in group.addresses}
        return [address for address in self._absent(file) if address not in grouped]

    def _partial(self, file: AttendanceFile) -> list[str]:
        """The addresses of people who were there for clearly less than the 60 % that count."""
        half = (file.end - file.start).total_seconds() / 2
        return [address for address, seconds in self._seconds_of(file).items() if seconds < half]


def _seconds(file: AttendanceFile) -> Mapping[str, float]:
    total: dict[str, float] = {}
    for row in file.content.decode().splitlines()[1:]:
        email, joined, left = row.split(",")
        stay = datetime.fromisoformat(left) - datetime.fromisoformat(joined)
        total[email] = total.get(email, 0) + stay.total_seconds()
    return total


class _Staff:
    """The lectures of a plan, and the instructors who act in them."""

    def __init__(self, plan: FollowUp, ids: Mapping[tuple[str, int], int], addresses: Mapping[str, str]) -> None:
        self._ids = ids
        self._actors = {key: actor_of(address, plan.now) for key, address in addresses.items()}

    def lecture_id(self, file: AttendanceFile) -> int:
        return self._ids[file.lecture.series, file.lecture.number]

    def instructor(self, file: AttendanceFile) -> Actor:
        return self._actors[file.lecture.instructors[0]]


def take_in(plan: FollowUp, lecture_ids: Mapping[tuple[str, int], int], instructors: Mapping[str, str]) -> None:
    """Does everything that changes who attended: groups, people who are excused, appeals that are accepted, and
    the late report that gives people more time for theirs.
    `instructors` gives the address of each key of `instructors.csv`."""
    staff = _Staff(plan, lecture_ids, instructors)
    for group in plan.groups:
        _watch_together(staff.lecture_id(group.file), group)
    _excuse(
        [
            (staff.lecture_id(file), address, staff.instructor(file), file.end + timedelta(days=1))
            for file, address in plan.excused
        ]
    )
    if plan.together is not None:
        file, addresses = plan.together
        _correct_together(staff.lecture_id(file), addresses, staff.instructor(file), at=file.end + timedelta(days=2))
    late, content = plan.late_report()
    staged = stage_attendance(
        staff.lecture_id(late),
        content,
        file_name="zoom-participants.csv",
        time_zone=late.lecture.time_zone,
        date_order="mdy",
        by=SYSTEM,
    )
    publish_attendance(staged, by=staff.instructor(late), at=plan.now - timedelta(days=4))
    _appeal_each(staff, [appeal for appeal in plan.appeals if appeal.state == "accepted"])
    keep_as_sent(plan.now)


def take_in_rest(plan: FollowUp, lecture_ids: Mapping[tuple[str, int], int], instructors: Mapping[str, str]) -> None:
    """Does the rest, which changes no figure: the other appeals, closings."""
    staff = _Staff(plan, lecture_ids, instructors)
    _appeal_each(staff, [appeal for appeal in plan.appeals if appeal.state != "accepted"])
    for (series, number), lecture_id in lecture_ids.items():
        if series in CLOSED_SERIES:
            file = plan.file(series, number)
            close_attendance(lecture_id, by=staff.instructor(file), at=file.end + timedelta(days=45))
    keep_as_sent(plan.now)


def _correct_together(lecture_id: int, addresses: Sequence[str], by: Actor, *, at: datetime) -> None:
    """Excuses several people in one step; marks all who attended in part as attended, and takes that back."""
    people = [who.public_id for address in addresses if (who := find_person_by_email(address)) is not None]
    excused = preview_batch(lecture_id, people, outcome=Outcome.EXCUSED, by=by, at=at).public_id
    CORRECTIONS.confirm(lecture_id, excused, reason="Their ministry held a meeting at the same hour.", by=by, at=at)
    partial = RosterFilter(outcome=Outcome.PARTIAL)
    at += timedelta(hours=3)
    cut_off = preview_batch(lecture_id, partial, outcome=Outcome.ATTENDED, by=by, at=at).public_id
    reason = "The broadcast failed. They were cut off, not away."
    CORRECTIONS.confirm(lecture_id, cut_off, reason=reason, at_once=True, by=by, at=at)
    CORRECTIONS.undo(lecture_id, cut_off, at_once=True, by=by, at=at + timedelta(hours=1))


@action
def _excuse(people: Sequence[tuple[int, str, Actor, datetime]]) -> None:
    for lecture_id, address, by, at in people:
        person = find_person_by_email(address)
        assert person is not None
        reason = "On mission for the ministry."
        correct(lecture_id, person.public_id, outcome=Outcome.EXCUSED, reason=reason, by=by, at=at)


@action
def _watch_together(lecture_id: int, plan: GroupPlan) -> None:
    """Opens a group, fills its list, and signs it (or not) as planned, as the country's focal point. In Kenya people
    come onto the list by its code as they enter the room, and the focal point adds the others afterwards.
    """
    row = plan.row
    opened = plan.file.start - timedelta(days=2)
    by = actor_of(plan.opened_by, opened)
    draft = GroupInput(row["city"], row["room"], plan.organiser, len(plan.addresses) + 3, row["time_zone"])
    public_id, _is_new = open_group(lecture_id, draft, country=row["country"], by=by, at=opened)
    after = plan.file.end + timedelta(hours=3)
    if row["state"] == "called_off":
        call_off(public_id, by=by, at=opened + timedelta(days=1))
        return
    if row["country"] == "KE":
        check_in_people(public_id, plan.addresses[:CHECK_IN], since=plan.file.start - timedelta(minutes=20))
    add_addresses(public_id, "\n".join(plan.addresses), by=by, at=after)
    if row["state"] == "listed":
        return
    view = get_group(public_id, by=by)
    zone = ZoneInfo(row["time_zone"])
    start, until = (
        moment.astimezone(zone).replace(second=0, microsecond=0, tzinfo=None)
        for moment in (plan.file.start, plan.file.end)
    )
    mark = mark_of(resolve(view.group, view.lecture, at=after).people)
    sign_group(public_id, basis=Basis(start=start, until=until), mark=mark, by=by, at=after)
    if row["state"] == "taken_back":
        reason = "Two people on the list watched at home. I will sign again once it is corrected."
        take_back_signature(public_id, reason=reason, by=by, at=after + timedelta(hours=20))


@action
def check_in_people(public_id: str, addresses: Sequence[str], *, since: datetime) -> None:
    """Lets people come onto the list of a group by its code, each by themselves, one every 20 seconds."""
    code = get_group(public_id, by=SYSTEM).group.code
    for number, address in enumerate(addresses):
        at = since + timedelta(seconds=20 * number)
        with contextlib.suppress(Refused):  # from another country on that day
            check_in(code, by=actor_of(address, at), at=at)


@action
def _appeal_each(staff: _Staff, appeals: Sequence[AppealPlan]) -> None:
    for plan in appeals:
        _appeal(staff.lecture_id(plan.file), plan, staff.instructor(plan.file))


def _appeal(lecture_id: int, plan: AppealPlan, instructor: Actor) -> None:
    """Files an appeal as the person concerned, and answers it (or not) as the lecture's instructor."""
    by = actor_of(plan.address, plan.filed_at)
    start = plan.file.start.astimezone(UTC) if plan.claims_times else None
    end, row = plan.file.end if start else None, plan.row
    draft = AppealInput(said_from=start, said_to=end, joined_as=row["joined_as"], text=row["text"])
    appeal, _is_new = file_appeal(lecture_id, draft, by=by, at=plan.filed_at)
    answered = plan.filed_at + timedelta(hours=20)
    if plan.state == "withdrawn":
        withdraw_appeal(appeal.public_id, by=by, at=answered)
    elif plan.state == "accepted":
        outcome = Outcome(row["outcome"])
        accept_appeal(appeal.public_id, outcome=outcome, words=row["answer"], by=instructor, at=answered)
    elif plan.state == "declined":
        decline_appeal(appeal.public_id, words=row["answer"], by=instructor, at=answered)


def gather_groups(demonstration: Demonstration, lecture_ids: Mapping[tuple[str, int], int]) -> None:
    """Opens viewing groups in three countries for the next lecture, and one for the lecture that is live, onto whose
    list people come by its code."""
    now, seeds = demonstration.now, read_json("groups.json")
    plans = [plan for plan in demonstration.series if plan.visibility == "public" and not plan.audience]
    coming = [lecture for plan in plans for lecture in plan.lectures if lecture.state == "scheduled"]
    if coming:
        first = min(coming, key=lambda lecture: lecture.starts_at)
        for country, group in seeds["next"]:
            open_group(lecture_ids[first.series, first.number], GroupInput(*group), country=country, by=SYSTEM, at=now)
    live = demonstration.live
    live_id = lecture_ids[live.series, live.number]
    public_id, _is_new = open_group(live_id, GroupInput(*seeds["live"]), country="KE", by=SYSTEM, at=now)
    guests = {guest.email for guest in demonstration.guests}
    plan = next(plan for plan in demonstration.series if plan.slug == live.series)
    members = [member.email for member in demonstration.enrolled(plan) if member.country == "KE"]
    people = [email for email in members if email not in guests]
    check_in_people(public_id, people[-IN_LIVE_GROUP:], since=now - timedelta(minutes=12))

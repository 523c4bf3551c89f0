"""Every mail in every state, as its reader gets it: whole sentences, links that lead here, times with their zone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from html.parser import HTMLParser
from itertools import cycle, product
from pathlib import Path
from typing import Any

import pytest
from apiflask import APIFlask
from jinja2 import UndefinedError
from sqlalchemy import select

import lms
from lms.catalogue.calendar import PROGRAMS
from lms.certificates.eligibility import Earning
from lms.certificates.remaining import Standing
from lms.core.base.roles import SYSTEM
from lms.core.database.session import db
from lms.enrolment.actions.places import enrol
from lms.mail.kinds import DECLINABLE, KIND_OF, MailKind, kind_of
from lms.mail.outbox import OutboxMail
from lms.mail.rendering import render
from lms.mail.smtp import POLICY, letter_of
from lms.messages.actions import save_message
from lms.messages.models import Message
from lms.messages.rules import AudienceInput, MessageInput
from lms.reports.queries.definitions import definitions
from lms.reports.queries.figures import count
from lms.reports.rules import Slice
from lms.reports.snapshots import Frozen, freeze
from lms.setting_values import LANGUAGES
from tests.contracts.english import english_in, texts_of, written_by_people
from tests.factories import Make
from tests.icalendars import calendar_of, fold

BASE = "http://localhost"
NOW = datetime(2026, 11, 25, 1, 0, tzinfo=UTC)
SOON = "2026-12-02T06:00:00+00:00"
EARLIER = "2026-11-25T00:30:00+00:00"
LEFT = "Chebet"
"""Who reads these mails has a place; only of this name is somebody who has left."""
SECRET = {"secret": "s3cr3t-Abc_9", "full_name": "Achieng Odhiambo"}


@dataclass(frozen=True)
class Case:
    """A mail in a state. `says` and `hides`: what its text must and must not say; `ics`: the METHOD of its calendar."""

    template: str
    payload: dict[str, Any]
    says: tuple[str, ...] = ()
    hides: tuple[str, ...] = ()
    ics: str | None = None


@pytest.fixture
def lecture_ids(app: APIFlask, make: Make) -> dict[str, int]:
    """A lecture that is planned, one that is off, one without a date, who is enrolled, and a message to them."""
    series = make.series("customs", "Digital customs")
    letter = MessageInput(AudienceInput(), "For {name}", "Dear {name},\n\nThe replay is open.")
    with app.app_context():
        public_id = save_message("customs", None, letter, by=SYSTEM, at=NOW)
        message_id = db.session.scalars(select(Message.id).where(Message.public_id == public_id)).one()
    return {
        "message": message_id,
        "enrolled": make.enrolment(series).person_id,
        "planned": make.lecture(series, "Rules of origin").id,
        "cancelled": make.lecture(series, "Valuation", state="cancelled").id,
        "postponed": make.lecture(series, "Tariffs", state="postponed").id,
    }


def _of_people() -> Iterator[Case]:
    for template in (
        "confirm",
        "claim",
        "already_registered",
        "reset",
        "sign_in",
        "invitation",
        "change_address",
        "check_address",
        "address_taken",
    ):
        says = () if template == "address_taken" else (f"/{SECRET['secret']}",)
        yield Case(template, SECRET, says=says)
    for what in ("password", "token", "second_factor_set", "second_factor_removed", "recovery_code", "address"):
        yield Case("account_notice", {"what": what, "full_name": "Achieng Odhiambo", "changed_at": SOON})


NO_ACCOUNT = "You have no account yet."


def _of_enrolment(ids: dict[str, int]) -> Iterator[Case]:
    series = {"title": "Digital customs", "slug": "customs", "language": "en", "full_name": "Achieng Odhiambo"}
    for has_account, by, accept in product((True, False), (None, "Lin Yuhan"), (True, False)):
        told = series | {"has_account": has_account, "enrolled_by": by, "accept": accept, "position": 3}
        says = (f"{by} ",) if by else ()
        account = {"says": says} if has_account else {"says": (*says, NO_ACCOUNT, f"{BASE}/register")}
        hides = (NO_ACCOUNT,) if has_account else ()
        links = f"Google Calendar: {BASE}/lectures/{ids['planned']}/calendars/google\n"
        for starts_at, words in ((SOON, "The next lecture is “Rules of origin”:"), (EARLIER, "is on now:"), (None, "")):
            coming = {"lecture": "Rules of origin" if starts_at else None, "starts_at": starts_at,
                      "lecture_id": ids["planned"] if starts_at else None, "told_at": NOW.isoformat(),
                      "invites_to": ids["planned"] if starts_at else None}  # fmt: skip
            for template in ("enrolment_enrolled", "enrolment_place_won"):
                if template == "enrolment_place_won" and by:
                    continue
                yield Case(
                    template, told | coming, says=(*account["says"], words, *((links,) if starts_at == SOON else ())),
                    hides=(*hides, *(() if starts_at == SOON else (links,))),
                    ics="REQUEST" if starts_at else None,
                )  # fmt: skip
        yield Case("enrolment_waitlisted", told, says=(*account["says"], "number 3"), hides=hides)
        yield Case("enrolment_applied", told, hides=hides)
        for invites_to in (None, ids["planned"]):
            gone = told | {"full_name": LEFT, "invites_to": invites_to}
            yield Case("enrolment_withdrawn", gone, says=says, ics="CANCEL" if invites_to else None)
        yield Case("enrolment_rejected", told)


def _of_lectures(ids: dict[str, int]) -> Iterator[Case]:
    told = {"title": "Rules of origin", "series": "Digital customs", "slug": "customs", "full_name": "Achieng",
            "has_account": True, "duration_minutes": 90}  # fmt: skip
    later = "2026-12-09T06:00:00+00:00"
    for old in (SOON, None):
        postponed = told | {"old_at": old, "new_at": later, "has_new_length": False} | _invited(ids["planned"])
        yield Case("lecture_postponed", postponed, says=("has a new time:",), ics="REQUEST")
        clocks = postponed | {"clocks_of": "Asia/Beirut"}
        yield Case("lecture_postponed", clocks, says=("The clocks in Beirut change",), ics="REQUEST")
        yield Case("lecture_postponed", postponed | {"invites_to": None}, says=("has a new time:",))
        longer = postponed | {"old_at": None, "has_new_length": True}
        yield Case("lecture_postponed", longer, says=("now lasts 90 minutes",), ics="REQUEST")
        yield Case("lecture_postponed", postponed | {"new_at": None} | _invited(ids["postponed"]), ics="CANCEL")
        for reason in ("The lecturer is ill.", ""):
            off = told | {"old_at": old, "reason": reason} | _invited(ids["cancelled"])
            yield Case("lecture_cancelled", off, says=(reason,), ics="CANCEL")

    for has_account in (True, False):
        coming = told | {"starts_at": SOON, "has_account": has_account} | _invited(ids["planned"])
        yield Case("lecture_invitation", coming, says=() if has_account else (NO_ACCOUNT,), ics="REQUEST")
    standing = Standing(Earning(lectures=8, needed=6, to_come=2), attended=3, remaining=2).in_numbers
    standing |= {
        "replays": [
            {"title": "Rules of origin", "lecture_id": 7, "counts_until_at": "2026-06-20T06:00:00+00:00"},
            {"title": "Customs", "lecture_id": 8, "counts_until_at": None},
        ],
        "watch_by_at": "2026-06-20T06:00:00+00:00",
        "ends_together": False,
        "can_be_earned": True,
    }
    numbers = {"lectures": [5, 6], "minutes": [0, 0], "percent": [60, 60]}
    more = told | {"starts_at": SOON, "requirement": numbers, "progress": standing} | _invited(ids["planned"])
    words = ("Digital customs” now requires more", "Lectures to attend: 6, up from 5.", "You have attended 3 of the 6")
    yield Case("lecture_invitation", more, says=words, ics="REQUEST")
    gone = told | {"starts_at": SOON, "full_name": LEFT} | _invited(ids["planned"])
    yield Case("lecture_left", gone, says=("Rules of origin",), ics="CANCEL")


def _invited(lecture_id: int) -> dict[str, Any]:
    return {"lecture_id": lecture_id, "invites_to": lecture_id}


def _of_the_rest() -> Iterator[Case]:
    told = {"full_name": "Achieng", "title": "Rules of origin", "lecture_id": 7, "words": "We found it in the report."}
    for accepted, outcome in product((True, False), ("attended", "partial", "absent", "excused", None)):
        yield Case("appeal_answered", told | {"accepted": accepted, "outcome": outcome}, says=(told["words"],))  # type: ignore[arg-type]
    named = {"full_name": "Achieng Odhiambo", "title": "Digital customs"}
    for native, waits, has_account in product(("آتشينغ", None), (True, False), (True, False)):
        payload = named | {"native_name": native, "waits": waits, "has_account": has_account}
        says = () if has_account else (NO_ACCOUNT,)
        yield Case("confirm_name", payload, says=says, hides=(NO_ACCOUNT,) if has_account else ())


def _of_reminders() -> Iterator[Case]:
    told = {"full_name": "Achieng", "title": "Rules of origin", "series": "Digital customs", "slug": "customs",
            "lecture_id": 7, "duration_minutes": 90, "starts_at": SOON, "needed": 54, "language": "en"}  # fmt: skip
    begun = Standing(Earning(lectures=8, needed=6, to_come=5), attended=3, remaining=5)
    timed = replace(
        begun, requirement=replace(begun.requirement, minutes=300), present_ms=17 * 600_000, remaining_ms=450 * 60_000
    )
    for standing, words in (
        (begun, "You have attended 3 of the 6 lectures for your certificate. 5 lectures remain, and you need 3 more."),
        (timed, "170 minutes counted, 300 needed. You still need 3 more lectures and 130 more minutes. 5 lectures"),
        (replace(timed, attended=7), "6 of the 6 lectures for your certificate. 170 minutes counted, 300 needed. You"
            " still need 130 more minutes. 5 lectures remain."),
        (replace(begun, attended=0, remaining=8), "0 of the 6 lectures for your certificate. 8 lectures remain, and"),
        (replace(begun, attended=6), "You have attended 6 lectures, and your certificate needs 6: you have earned it."),
        (replace(begun, remaining=2), "You can no longer earn this certificate: 6 lectures are needed, you have"),
    ):  # fmt: skip
        own = {"lecturers": [], "interpretation": [], "has_account": True, "progress": standing.in_numbers}
        says = (words, *(f"{BASE}/lectures/7/calendars/{program}" for program in PROGRAMS), f"{BASE}/lectures/7.ics")
        yield Case("reminder_day", told | own, says=says)
    for template, lecturers, interpretation, has_account in product(
        ("reminder_day", "reminder_hour"), ([], ["Lin Yuhan"], ["Lin Yuhan", "Zhou"]), ([], ["fr", "ar"]), (True, False)
    ):
        payload = told | {"lecturers": lecturers, "interpretation": interpretation, "has_account": has_account}
        says = ("at least 54 minutes", f"{BASE}/lectures/7/room", *(() if has_account else (NO_ACCOUNT,)))
        hides = ("certificate", *((NO_ACCOUNT,) if has_account else ()))
        yield Case(template, payload | {"progress": None}, says=says, hides=hides)


def _of_recordings_and_certificates() -> Iterator[Case]:
    told = {"full_name": "Achieng", "title": "Rules of origin", "series": "Digital customs", "slug": "customs",
            "lecture_id": 7, "duration_minutes": 90, "has_account": True}  # fmt: skip
    for was_there, says in ((True, "attended part"), (False, "You missed")):
        yield Case("replay_open", told | {"was_there": was_there}, says=(says, f"{BASE}/lectures/7"))
        for until in (None, "2026-12-14T09:00:00+00:00"):
            in_room = told | {"was_there": was_there, "in_room": True, "counts_until_at": until}
            counts = "count as attendance until" if until else "does not change your attendance"
            yield Case("replay_open", in_room, says=(says, counts, f"{BASE}/lectures/7/room"))
    yield Case(
        "feedback_asked", told, says=("do not forward", "do not need to sign in", f"{BASE}/feedback/"), hides=("7~",)
    )
    ended = {"full_name": "Achieng", "title": "Digital customs", "slug": "customs", "series_id": 7, "has_account": True}
    says = ("which is over", "do not forward", "do not need to sign in", f"{BASE}/feedback/")
    yield Case("series_feedback_asked", ended, says=says, hides=("s7~",))
    deletion = {"full_name": "Lin Yuhan", "title": "Rules of origin", "lecture_id": 7, "minutes": 88,
                "deletes_at": "2026-12-14T09:00:00+00:00"}  # fmt: skip
    yield Case("recording_deletion", deletion, says=("88 minutes", "14 December 2026", f"{BASE}/lectures/7/recording"))
    several = [
        {"title": "Customs", "number": "SR-7K4M-92QF-XH3D-8PWN-N"},
        {"title": "Rules", "number": "SR-9D2R-66WM-TB4K-7VHC-A"},
    ]
    for has_account, ready in product((True, False), (several[:1], several)):
        told = {"full_name": "Achieng", "has_account": has_account}
        said = (f"{BASE}/verify/{one['number']}" for one in ready)
        words = (*said, *(() if has_account else (NO_ACCOUNT,)))
        yield Case("certificate_ready", told | {"certificates": ready}, says=words)
        yield Case("certificate_ready", told | ready[0], says=(ready[0]["number"],))


def _of_requirements() -> Iterator[Case]:
    shared = {"full_name": "Achieng", "title": "Digital customs", "slug": "customs", "has_account": True,
            "lectures": [5, 6], "minutes": [0, 0], "percent": [60, 60]}  # fmt: skip
    standing = Standing(Earning(lectures=8, needed=6, to_come=5), attended=3, remaining=5)
    for changed, words in (
        ({}, "Lectures to attend: 6, up from 5."),
        ({"minutes": [0, 300]}, "in total: 300. Before, there was no such number."),
        ({"minutes": [270, 300]}, "in total: 300, up from 270."),
        ({"percent": [60, 75]}, "for 75% of its length, up from 60%."),
    ):
        payload = shared | changed | {"progress": standing.in_numbers}
        says = (words, "You have attended 3 of the 6 lectures", f"{BASE}/series/customs")
        yield Case("requirement_grown", payload, says=says)
    yield Case(
        "requirement_grown", shared | {"progress": standing.in_numbers, "has_account": False}, says=(NO_ACCOUNT,)
    )


def _of_digests() -> Iterator[Case]:
    lectures = [{"id": 7, "title": "Rules of origin", "starts_at": SOON}]
    country = {"code": "KE", "new": 12, "waiting": 1, "invited": 2, "drafts": 1, "behind": 3, "lectures": lectures}
    quiet = dict.fromkeys(("new", "waiting", "invited", "drafts", "behind"), 0) | {"code": "GH", "lectures": lectures}
    teaching = {"appeals": 1, "unmatched": 2, "late": 1, "lectures": lectures}
    for countries, taught in product(([], [country, quiet]), (None, teaching, teaching | {"lectures": []})):
        if not countries and taught is None:
            continue
        says = (("12 people enrolled", f"{BASE}/country?country=KE") if countries else ()) + (
            ("1 appeal is waiting", f"{BASE}/teach") if taught else ()
        )
        payload = {"full_name": "Peter", "countries": countries, "teaching": taught}
        yield Case("weekly_digest", payload, says=says)


def _of_nominations() -> Iterator[Case]:
    told = SECRET | {"full_name": "Wambui", "title": "Digital customs", "country": "KE", "answer_by_at": SOON}
    for nominated_by, starts_at in product(("Peter Mutua", None), (SOON, None)):
        payload = told | {"nominated_by": nominated_by, "starts_at": starts_at}
        says = ("/invitation/",) if nominated_by is None else ("Peter Mutua, focal point for Kenya", "/invitation/")
        yield Case("nomination_invitation", payload, says=says)
    for questions, asks in (([3, 3], "we will ask you 3 questions"), ([1, 3], "we will ask you up to 3 questions")):
        payload = told | {"nominated_by": None, "starts_at": None, "questions": questions}
        yield Case("nomination_invitation", payload, says=(asks,))
    asked = SECRET | {"full_name": "Wambui", "country": "KE", "answer_by_at": SOON}
    for asked_by, changes in product(("Peter Mutua", None), (1, 3)):
        says = (
            ("/profile-changes/",) if asked_by is None else ("Peter Mutua, focal point for Kenya", "/profile-changes/")
        )
        yield Case("profile_request", asked | {"asked_by": asked_by, "changes": changes}, says=says)
    rejected = {"full_name": "Peter", "title": "Digital customs", "country": "KE", "reason": "Not an official"}
    for names, more in ((["Otieno"], 0), (["Otieno", "Chebet"], 9)):
        yield Case(
            "nominations_rejected", rejected | {"names": names, "more": more}, says=("Not an official", "Otieno")
        )


def _of_reports() -> Iterator[Case]:
    for dimensions in ((), ("country",), ("country", "year")):
        report = count(Slice(), dimensions, by=SYSTEM, at=NOW, locale="en")
        frozen = Frozen(
            title="The quarter", language="en", time_zone="Asia/Shanghai", figure="participants", about=(),
            definitions=definitions("Beijing"), report=report, margins=(),
        )  # fmt: skip
        yield Case("scheduled_report", SECRET | {"report": freeze(frozen), "query": "by=country"})


def _of_messages(ids: dict[str, int]) -> Iterator[Case]:
    told = {"full_name": "Achieng Odhiambo", "title": "Digital customs", "message_id": ids["message"]}
    yield Case("message", told, says=("Dear Achieng Odhiambo,", "The replay is open."))
    progress = Standing(Earning(lectures=8, needed=6, to_come=5), attended=3, remaining=5).in_numbers
    yield Case("message", told | {"progress": progress}, says=("You have attended 3 of the 6 lectures",))
    yield Case("message_test", told, says=("Dear Achieng Odhiambo,", "Only you received it."))


def faults_of(message: EmailMessage) -> Iterator[str]:
    """What a reader would stumble over."""
    body = message.get_body(("plain",))
    assert body is not None
    text: str = body.get_content()
    subject = str(message["Subject"])
    bare = re.sub(r"https?://\S+", "LINK", text)
    for name, found in (
        ("a placeholder", re.findall(r"%\(|\{\{|\{%|\bNone\b|Undefined|&#?\w+;", subject + text)),
        ("no space between sentences", re.findall(r"\w[.!?:;,][A-Z“(]\w*|\w“|”\w|\)\w", bare.replace("e-mail:", ""))),
        ("a doubled space", re.findall(r"\S  +\S", bare)),
        ("a space too many", re.findall(r"\S +[.,;:!?](?:\s|$)|[ \t]+\n", bare)),
        ("too many empty lines", re.findall(r"\n{3,}", text)),
        ("a link elsewhere", [one for one in re.findall(r"https?://\S+", text) if not one.startswith(f"{BASE}/")]),
        ("a link without its site", re.findall(r"(?<![\w/])/[a-z]+\S*", bare)),
        ("a time without its zone", [
            line for line in bare.splitlines()
            if re.search(r"\d\d:\d\d", line) and not re.search(r"\([A-Z]\w+ time\)|\bin [A-Z]\w+", line)
        ]),
        ("a sentence without its end", [
            part for part in bare.split("\n\n")
            if not re.search(r"[.:!?,]$|^  |LINK$|^Ministry of Trade\n|^(\w[\w ]*: [\d,.]+(\n|$))+$", part.strip("\n"))
        ]),
    ):  # fmt: skip
        if found:
            yield f"{name}: {found}"
    if not subject.strip() or re.search(r"[.:,\s]$|\s{2}", subject):
        yield f"subject: {subject!r}"


class _Read(HTMLParser):
    """What a mail program shows of an HTML page, and where its links lead; elements that are not closed are faults."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.links: list[str] = []
        self.named: set[str] = set()
        self.faults: list[str] = []
        self._open: list[str] = []
        self.feed(page)
        self.faults += [f"<{tag}> is not closed" for tag in self._open]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.links += [value or "" for name, value in attrs if name in ("href", "src")]
        if tag not in ("meta", "br"):
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self._open or self._open.pop() != tag:
            self.faults.append(f"</{tag}> closes nothing")

    def handle_data(self, data: str) -> None:
        if self._open[-1:] == ["a"]:
            self.named.add(f"{data}: {self.links[-1]}")
        if "title" not in self._open:
            self.words.append(data)


def differences_of(message: EmailMessage) -> Iterator[str]:
    """Where text and HTML of a mail do not say the same."""
    plain, page = message.get_body(("plain",)), message.get_body(("html",))
    if plain is None or page is None:
        yield f"parts: {[part.get_content_type() for part in message.walk()]}"
        return
    text, read = plain.get_content(), _Read(page.get_content())
    yield from read.faults
    addresses = re.findall(r"https?://[^\s]*[^\s.,:]", text)
    if read.links != addresses:
        yield f"links: {read.links} in HTML, {addresses} in the text"
    shown = " ".join(" ".join(read.words).split())
    for line in text.splitlines():
        words = " ".join(line.split())
        if words and not words.startswith("http") and words not in shown and words not in read.named:
            yield f"only in the text: {words}"


def _cases(lecture_ids: dict[str, int]) -> list[Case]:
    return [
        *_of_people(),
        *_of_enrolment(lecture_ids),
        *_of_lectures(lecture_ids),
        *_of_the_rest(),
        *_of_reminders(),
        *_of_recordings_and_certificates(),
        *_of_requirements(),
        *_of_digests(),
        *_of_nominations(),
        *_of_reports(),
        *_of_messages(lecture_ids),
    ]


def _first_of_each(cases: list[Case]) -> list[Case]:
    """The first case of each template."""
    return list({case.template: case for case in reversed(cases)}.values())


def _row(
    case: Case, payload: dict[str, Any] | None = None, *, zone: str = "", enrolled: int | None = None
) -> OutboxMail:
    return OutboxMail(id=1, template=case.template, kind=kind_of(case.template), address="a@example.org", locale="en",
                      time_zone=zone, person_id=None if case.payload.get("full_name") == LEFT else enrolled,
                      payload=case.payload if payload is None else payload, dedupe_key="k", created_at=NOW)  # fmt: skip


ZONES = ("Africa/Nairobi", "Asia/Shanghai", "")


def test_every_mail_in_every_state_reads_well(app: APIFlask, lecture_ids: dict[str, int]) -> None:
    """The first case of each template in all zones, the others in one; the zones take turns."""
    told = {path.stem for path in Path(lms.__file__).parent.glob("*/templates/mail/*.txt") if path.stem[0] != "_"}
    wrong: list[str] = []
    calendars: list[tuple[str, bytes]] = []
    with app.app_context():
        cases = _cases(lecture_ids)
        assert {case.template for case in cases} == told
        for case, zone in [*product(_first_of_each(cases), ZONES), *zip(cases, cycle(ZONES), strict=False)]:
            message = render(_row(case, zone=zone, enrolled=lecture_ids["enrolled"]), app.extensions["lms.config"])
            text = str(message.get_body(("plain",)).get_content())  # type: ignore[union-attr]
            found = [*faults_of(message), *differences_of(message)]
            found += [f"does not say {one!r}" for one in case.says if one not in text]
            found += [f"says {one!r}" for one in case.hides if one in text]
            kind, is_known = kind_of(case.template), case.payload["full_name"] != LEFT
            is_declinable = is_known and kind in (*DECLINABLE, MailKind.REPORT)
            stops = re.fullmatch(rf"<({BASE}/unsubscribe/\S+)>", message["List-Unsubscribe"] or "")
            if is_declinable != bool(stops and stops[1] in text and message["List-Unsubscribe-Post"]):
                found.append("a link to unsubscribe is missing, or too many")
            found += ["your time"] if "your time" in text else []
            found += (
                ["no time in Nairobi"]
                if zone == "Africa/Nairobi" and "(Beijing time)" in text and "(Nairobi time)" not in text
                else []
            )
            calendar = calendar_of(message)
            method = calendar[0] if calendar is not None else None
            found += [f"calendar: {method}"] if method != case.ics else []
            calendars += [calendar] if calendar is not None else []
            wrong += [f"{case.template} {case.payload} {zone}: {one}\n{text}" for one in found]
    assert {method for method, _content in calendars} == {"REQUEST", "CANCEL"}
    assert fold(calendars)
    assert not wrong, f"{len(wrong)}:\n" + "\n".join(wrong[:3])


def test_no_subject_begins_with_a_blank(app: APIFlask, lecture_ids: dict[str, int]) -> None:
    """The first case of each template in three or four languages, the others in one; the titles take turns."""
    wrong: list[str] = []
    titles, languages = cycle((" Customs ", "Valuation " * 12, "海关" * 40)), cycle(LANGUAGES)
    with app.app_context():
        cases = _cases(lecture_ids)
        several = [*product(_first_of_each(cases), LANGUAGES)][::2]
        for case, locale in [*several, *zip(cases, languages, strict=False)]:
            row = _row(case, case.payload | {"title": next(titles)}, enrolled=lecture_ids["enrolled"])
            row.locale = locale
            message = render(row, app.extensions["lms.config"])
            subject, sent = str(message["Subject"]), POLICY.fold_binary("Subject", message["Subject"])
            read = message_from_bytes(sent, policy=policy.default)["Subject"]
            if subject != subject.strip() or read != subject or not re.match(rb"Subject: \S", sent):
                wrong.append(f"{case.template} in {locale}: {subject!r}, {sent!r}")
    assert wrong == []


def test_no_mail_in_arabic_holds_english_words(app: APIFlask, lecture_ids: dict[str, int]) -> None:
    faults: dict[str, str] = {}
    with app.app_context():
        written = written_by_people()
        for case in _cases(lecture_ids):
            data = f"{written}\n{case.payload}".replace("{name}", str(case.payload.get("full_name")))
            row = _row(case, zone="Africa/Nairobi", enrolled=lecture_ids["enrolled"])
            row.locale = "ar"
            message = render(row, app.extensions["lms.config"])
            text, page = (message.get_body((kind,)).get_content() for kind in ("plain", "html"))  # type: ignore[union-attr]
            for phrase, where in english_in([message["Subject"], *text.splitlines(), *texts_of(page)], data):
                faults.setdefault(phrase, f"{case.template}: {where}")
    assert not faults, "\n".join(f"{phrase!r} in {where}" for phrase, where in faults.items())


def test_each_template_is_of_one_kind() -> None:
    told = [path.stem for path in Path(lms.__file__).parent.glob("*/templates/mail/*.txt") if path.stem[0] != "_"]
    assert sorted(told) == sorted(KIND_OF)


MAY_BE_MISSING = {
    "has_account",
    "told_at",
    "invites_to",
    "has_new_length",
    "clocks_of",
    "lecture_id",
    "progress",
    "query",
    "reason",
}
"""What a template or its preparer says a default for."""


def test_a_mail_that_lacks_a_value_is_never_written_with_a_gap(app: APIFlask, lecture_ids: dict[str, int]) -> None:
    wrong: list[str] = []
    refused: set[str] = set()
    with app.app_context():
        config = app.extensions["lms.config"]
        first = _first_of_each(_cases(lecture_ids))
        for case in first:
            whole = render(_row(case), config).get_body(("plain",)).get_content()  # type: ignore[union-attr]
            for name in set(case.payload) - MAY_BE_MISSING:
                rest = {key: value for key, value in case.payload.items() if key != name}
                try:
                    written = render(_row(case, rest), config).get_body(("plain",)).get_content()  # type: ignore[union-attr]
                except (UndefinedError, KeyError):
                    refused.add(case.template)
                else:
                    wrong += [] if written == whole else [f"{case.template} without {name}:\n{written}"]
    assert not wrong, "\n".join(wrong[:3])
    assert refused == {case.template for case in first} - {"address_taken"}  # which says the same to everybody


def test_who_enrols_somebody_else_is_named_and_an_account_is_offered(app: APIFlask, make: Make) -> None:
    boss = make.person("Zhou Anran", roles=["administrator"])
    series = make.series("customs", "Digital customs")
    live = make.lecture(series, "Valuation", starts_at=NOW - timedelta(minutes=20), state="live")
    make.lecture(series, "Rules of origin")
    one, own = make.person("Achieng", time_zone=None), make.person("Boris", password="a long password", country="RU")
    with app.app_context():
        enrol(series.id, one.id, by=make.actor(boss), at=NOW)
        enrol(series.id, own.id, by=make.actor(own), at=NOW)
        first, second = db.session.scalars(select(OutboxMail).order_by(OutboxMail.id))
        assert (first.payload["enrolled_by"], first.payload["has_account"]) == ("Zhou Anran", False)
        assert (second.payload["enrolled_by"], second.payload["has_account"]) == (None, True)
        assert (first.time_zone, second.time_zone) == ("Africa/Nairobi", "Europe/Moscow")
        assert (first.payload["lecture"], first.payload["lecture_id"]) == ("Valuation", live.id)
        assert first.payload["invites_to"] is None  # nobody is invited to either of them yet


NAMES = ("Otieno & <b>Sons</b>", "王小明", "Zoë " * 15 + "Ö", "=?utf-8?q?Ada?=", ".Ada")


def test_mails_to_readers_with_unusual_names_are_well_formed(app: APIFlask, lecture_ids: dict[str, int]) -> None:
    wrong: list[str] = []
    with app.app_context():
        config = app.extensions["lms.config"]
        for case, name in zip(_cases(lecture_ids), cycle(NAMES), strict=False):
            row = _row(case, zone="Africa/Nairobi", enrolled=lecture_ids["enrolled"])
            row.payload = case.payload | {"full_name": name}
            content = letter_of(render(row, config)).content
            if b"\n" in content.replace(b"\r\n", b"") or max(map(len, content.split(b"\r\n"))) > 998:
                wrong.append(f"{case.template} for {name}: its lines")
            message = message_from_bytes(content, policy=policy.default)
            wrong += [f"{case.template} for {name}: {part.defects}" for part in message.walk() if part.defects]
    assert wrong == []

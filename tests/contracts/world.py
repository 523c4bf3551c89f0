"""A small world in which everything that a door can be asked for exists: once as one's own, once as another's.

*mine*: a series that the instructor gives, in which the trainee (of Kenya, the focal point's country) has a place.
*theirs*: a public series that another instructor gives to somebody of Peru. *hidden*: a draft of that instructor's.
The database is put back as it was after every call that changed it.
"""

from __future__ import annotations

import base64
import io
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pikepdf
from apiflask import APIFlask
from flask import session
from flask.testing import FlaskClient
from flask_wtf.csrf import generate_csrf
from sqlalchemy import select, update

from lms.app import create_app
from lms.attendance.actions.appeals import file_appeal
from lms.attendance.actions.closing import close_attendance
from lms.attendance.actions.correction_batches import CORRECTIONS, preview_batch
from lms.attendance.actions.corrections import correct
from lms.attendance.actions.room import open_join
from lms.attendance.appeal_rules import AppealInput
from lms.attendance.models.credits import Correction, Outcome
from lms.attendance.queries.roster_query import RosterFilter
from lms.attendance_imports.actions.imports import publish_attendance
from lms.attendance_imports.actions.kept_files import keep_file
from lms.attendance_imports.actions.resolution import resolve_attendee
from lms.attendance_imports.actions.staging import stage_attendance
from lms.attendance_imports.queries.review import review_page
from lms.catalogue.models import CertificateKind, Lecture, Series
from lms.certificates import keys
from lms.certificates.actions import awards as certificates
from lms.certificates.actions import designs
from lms.certificates.actions.records import make_record
from lms.certificates.models import Award, Certificate
from lms.certificates.numbers import write
from lms.checks.actions.attempts import begin_attempt
from lms.checks.actions.bank import save_question
from lms.checks.actions.checks import publish_check, save_check
from lms.checks.models import QuestionKind
from lms.checks.rules import CheckInput
from lms.core.background.jobs import Job, JobState, request_job
from lms.core.base.roles import SYSTEM, Actor
from lms.core.database.session import action, db
from lms.core.storage import files
from lms.core.time import clock
from lms.discussion.actions import ask_question, raise_hand
from lms.discussion.polls import change_poll, make_poll
from lms.enrolment import batch_actions as enrolments
from lms.enrolment.actions.calendars import make_address, note_reading
from lms.enrolment.models import EnrolmentStatus
from lms.enrolment_questions.actions import answer, read_file, set_questions
from lms.live.tokens import make_mark, make_token
from lms.mail.outbox import OutboxMail
from lms.materials.actions import upload_file
from lms.materials.models import Audience
from lms.materials.resumable_uploads import begin_upload
from lms.messages.actions import save_message
from lms.messages.queries import count_readers, get_series_to_write
from lms.messages.rules import AudienceInput, MessageInput
from lms.nominations.actions import files as nominee_files
from lms.nominations.actions.decision_batches import DECISIONS, preview_decision
from lms.nominations.actions.invitations import TEMPLATE
from lms.nominations.actions.letters import keep_letter, read_letter
from lms.nominations.actions.nominating import nominate
from lms.nominations.actions.profile_requests import TEMPLATE as PROFILE_REQUEST
from lms.nominations.actions.profile_requests import ask_to_confirm
from lms.nominations.models import Decision, Nomination, ProfileField
from lms.nominations.queries.profile_requests import ChangedProfile, ProfileDifference
from lms.people.actions.countries import add_country, load_countries
from lms.people.actions.country_merging import merge_countries
from lms.people.actions.merging import merge_people
from lms.people.actions.sessions import begin_session
from lms.people.devices import Device
from lms.people.models import ApiToken, Person, RoleGrant, SecondFactor, SignInSession
from lms.people.passwords import hash_secret
from lms.people.people_files import PersonRow
from lms.people.queries.countries import get_country
from lms.people.queries.persons import addresses_of
from lms.recordings.actions import set_captions
from lms.recordings.queries import download_key, get_ready_recording
from lms.recordings.uploads import PURPOSE as RECORDING
from lms.reports.actions.opening_balances import OpeningDraft, add_opening_row, create_opening_set
from lms.reports.actions.saved import save_report, schedule_report
from lms.reports.actions.snapshots import Attached, publish_snapshot
from lms.reports.models import SnapshotVisibility
from lms.reports.periods import Rhythm
from lms.reports.queries.saved import may_see
from lms.reports.rules import Figures, Slice
from lms.slides.actions import finish_deck, note_pages, show_file, turn_page
from lms.slides.models import SlideDeck
from lms.slides.queries import stored_keys as slide_keys
from lms.speakers.actions import SpeakerInput, add_new_speaker, read_portrait
from lms.streaming.actions import begin_epoch, begin_streaming, close_epoch, note_segments
from lms.streaming.models import Track
from lms.streaming.queries import stored_keys
from lms.viewing_groups import queries as viewing
from lms.viewing_groups.actions.groups import GroupInput, open_group, tick
from lms.viewing_groups.actions.signing import Basis, sign_group
from lms.web.request.limits import limiter
from tests.factories import Make
from tests.recordings.recorded import record
from tests.relaxed import RelaxedConfig
from tests.tables import create_tables

LISTED = ("listed without the role", "listed with a resting role", "listed and the role revoked")
"""People on the lists of instructors of *theirs* and *hidden* who have no instructor's rights."""
ROLES = ("anonymous", "trainee", "instructor", "focal point", "reporter", "administrator")
PLACES = ("mine", "theirs", "hidden")
EARLY = datetime(2026, 1, 1, tzinfo=UTC)
PICTURE = b"GIF89a\1\0\1\0\x80\0\0\0\0\0\xff\xff\xff,\0\0\0\0\1\0\1\0\0\2\2D\1\0;"
"""A GIF of one pixel."""
PNG = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg==")
"""A PNG of one pixel."""
NOMINEES = b"email,full_name\nnew@x.example,New Person\n,Nameless\n"
GOOD_FILE = "email,joined_at,left_at\n{email},{start},{end}\n"

ISSUE_JOB = ("certificates.progress", "certificates.stop_issue", "certificates_api.stop_issue")


QUESTIONS = [
    {"key": "post", "kind": "text", "text": "At which border post do you work?"},
    {"key": "tools", "kind": "choices", "text": "Which systems do you use?", "options": ["Simba", "Paper"]},
    {"key": "pages", "kind": "number", "text": "How many pages?", "depends_on": "tools", "depends_value": "Paper"},
    {"key": "since", "kind": "date", "text": "Since when?"},
    {"key": "plan", "kind": "file", "text": "Your plan"},
    {"key": "agree", "kind": "consent", "text": "I agree."},
]
"""What each series asks those who enrol; nothing of it has to be answered."""

LAPSES = datetime(2035, 1, 1, tzinfo=UTC)
"""Until when each series keeps two seats for Kenya."""


@dataclass
class Place:
    """One series with what belongs to it. `lectures` by state; `people` of another than the caller."""

    slug: str
    lectures: dict[str, int]
    person: Person
    enrolment_id: str
    number: str = "SR-0000-0000-0000-0000-1"
    record: str = "none"
    import_id: str = "none"
    appeal_id: str = "none"
    groups: dict[str, str] = field(default_factory=dict)
    group_mark: str = ""
    file_id: str = ""
    pdf_id: str = ""
    deck: str = ""
    unfinished: str = ""
    unfinished_recording: str = ""
    speaker_id: str = ""
    message_id: str = ""
    check_id: int = 0
    question_id: int = 0
    attempt_id: str = ""
    asked_id: int = 0
    poll_id: int = 0
    hand_id: str = ""
    readers: int = 0
    invitation: str = "none"
    profile_request: str = "none"
    calendar: str = "none"
    upload_id: str = "none"
    group_code: str = ""
    unknown: int = 0
    decided: int = 0
    correction_id: int = 0
    batch: str = ""
    batch_done: str = ""
    change: str = ""
    change_done: str = ""
    issue_job: str = "none"
    nomination: str = "none"
    submitted: str = ""
    decision: str = "none"
    decision_done: str = "none"
    room_token: str = ""
    room_mark: str = ""
    snapshot: str = ""
    opening_set: str = ""
    opening_row: int = 0
    design: int = 0
    twin: str = ""
    merged: str = ""


@dataclass
class World:
    """The application, its people by role, its places, and a way to call it as one of them."""

    app: APIFlask
    file: Path
    people: dict[str, Person] = field(default_factory=dict)
    places: dict[str, Place] = field(default_factory=dict)
    tokens: dict[str, dict[str, str]] = field(default_factory=dict)
    sessions: dict[str, dict[str, str]] = field(default_factory=dict)
    jobs: dict[str, dict[str, str]] = field(default_factory=dict)
    saved: dict[str, dict[str, str]] = field(default_factory=dict)
    grants: dict[str, int] = field(default_factory=dict)
    bearers: dict[str, str] = field(default_factory=dict)
    clients: dict[str, FlaskClient] = field(default_factory=dict)
    csrf: dict[str, str] = field(default_factory=dict)
    kid: str = ""

    def __post_init__(self) -> None:
        self.watch = sqlite3.connect(self.file, isolation_level=None, check_same_thread=False)
        self.watch.execute("PRAGMA synchronous=OFF")
        self.kept = sqlite3.connect(":memory:", check_same_thread=False)

    def keep(self) -> None:
        """Keeps the database as it is now; `restore` puts it back so."""
        self.watch.backup(self.kept)
        self.files = {path: path.read_bytes() for path in self._files()}

    def version(self) -> int:
        """Moves on whenever anybody commits a change."""
        return int(self.watch.execute("PRAGMA data_version").fetchone()[0])

    def restore(self) -> None:
        """The database as it was kept."""
        with self.app.app_context():
            db.session.remove()
        self.kept.backup(self.watch)
        for path in self._files() - set(self.files):
            path.unlink()
        for path, content in self.files.items():
            if not path.exists():
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)

    def _files(self) -> set[Path]:
        return {path for path in self.file.parent.rglob("*") if path.is_file() and "serai.db" not in path.name}

    def arguments(self, endpoint: str, names: set[str], role: str, place: str) -> dict[str, Any]:
        """What stands in the address of a door: the caller's own thing (mine) or another's."""
        role = "trainee" if role in LISTED else role  # nobody of them has a thing of their own
        visited = self.places[place]
        kind = "mine" if place == "mine" else "theirs"
        owner = self.people.get(role) if kind == "mine" else None
        values: dict[str, Any] = {
            "slug": visited.slug,
            "lecture_id": visited.lectures[STATE_OF.get(endpoint, "soon")],
            "person_id": visited.person.public_id,
            "enrolment_id": visited.enrolment_id,
            "number": visited.record if "record" in endpoint else visited.number,
            "list_number": 1,
            "kid": self.kid,
            "import_id": visited.import_id,
            "appeal_id": visited.appeal_id,
            "group_id": visited.groups["signed" if endpoint.endswith("take_back") else "open"],
            "attendee_id": visited.decided if "undo" in endpoint else visited.unknown,
            "job_id": visited.issue_job if endpoint in ISSUE_JOB else self.jobs[kind][role],
            "file_id": visited.pdf_id if endpoint.startswith("slides") else visited.file_id,
            "version": visited.deck,
            "mail_id": 1,
            "template": "lecture_cancelled",
            "speaker_id": visited.speaker_id,
            "message_id": visited.message_id,
            "check_id": visited.check_id,
            "question_id": visited.asked_id if endpoint.startswith("discussion") else visited.question_id,
            "poll_id": visited.poll_id,
            "attempt_id": visited.attempt_id,
            "format": "gift",
            "hand_id": visited.hand_id,
            "upload_id": {
                "materials": visited.unfinished,
                "recordings": visited.unfinished_recording,
            }.get(endpoint.partition(".")[0], visited.upload_id),
            "secret": "no-such-secret",
            "token": visited.calendar,
            "kind": "csv",
            "table": "people",
            "pause_id": 1,
            "program": "google",
            "digest": sha256(DOSSIER).hexdigest(),
            "key": "plan",
            "code": "KE" if place == "mine" else "PE",
            "figure": "attendances",
            "resource": "certificates",
            "filename": "none.css",
            "grant_id": self.grants[kind],
            "batch": visited.batch_done if "undo" in endpoint else visited.batch,
            "family_id": visited.design,
            "role": "logo",
            "language": "fr",
            "ending": "vtt",
            "public_id": (owner or visited.person).public_id,
            "other": {
                "dashboards.merged": visited.merged,
                "dashboards.merged_country": "QM" if place == "mine" else "QN",
            }.get(endpoint, visited.twin),
        }
        if endpoint.startswith("nominations"):
            values["public_id"] = visited.nomination
            values["batch"] = (
                visited.decision_done if "undo" in endpoint or "take_back" in endpoint else visited.decision
            )
            values["secret"] = visited.profile_request if endpoint.endswith("profile_changes") else visited.invitation
        if endpoint.startswith("streaming") or endpoint in {
            "live.snapshot",
            "slides.page",
        }:  # nobody knows the token of a session, or the key of media
            values |= {"session_id": "none", "number": 0, "mac": "none", "expires": 2_000_000_000}
            values |= {"folder": "none", "name": "v.m3u8"}
        if endpoint.startswith("enrolment"):
            values["public_id"] = visited.enrolment_id
            values["batch"] = visited.change_done if "undo" in endpoint else visited.change
        elif "opening" in endpoint:
            values |= {"public_id": visited.opening_set, "row_id": visited.opening_row}
        elif "other" in names or "merge" in endpoint or "different" in endpoint:
            values["public_id"] = visited.person.public_id
        elif endpoint.endswith("saved"):
            values["public_id"] = self.saved[kind][role]
        elif endpoint.startswith("reports"):
            values["public_id"] = visited.snapshot
        elif endpoint in {"dashboards.job", "dashboards.retry_job"}:
            values["public_id"] = self.jobs[kind][role]
        elif endpoint == "people.revoke_token":
            values["public_id"] = self.tokens[kind][role]
        elif endpoint == "people.end_one_session":
            values["public_id"] = self.sessions[kind][role]
        elif endpoint in {"people.revoke_role", "people.grant_role", "dashboards.revoke_role"}:
            values["public_id"] = self.people["instructor" if kind == "mine" else "other instructor"].public_id
        return {name: values[name] for name in names}

    def call(self, role: str, method: str, path: str, body: Mapping[str, Any] | None, *, csrf: bool = True) -> Any:
        """Calls a door as a role: with the session on pages, with the bearer token under /api."""
        is_api = path.startswith("/api/")
        more: dict[str, Any] = {}
        sent = {name: value() if callable(value) else value for name, value in (body or {}).items()}
        if is_api and role in self.bearers:
            more["headers"] = {"Authorization": f"Bearer {self.bearers[role]}"}
        if method in {"POST", "PUT", "PATCH"}:
            if is_api and "file" not in sent:
                more["json"] = sent
            else:
                if not is_api and csrf:
                    sent["csrf_token"] = self.csrf[role]
                more |= {"data": sent, "content_type": "multipart/form-data"}
        # A client of its own for each call: no answer's cookie reaches the next one
        client = self.app.test_client()
        if not is_api and (cookie := self.clients[role].get_cookie("session")):
            client.set_cookie("session", cookie.value)
        self.app.extensions["lms.config"].staff_needs_second_factor = role == LISTED[1]
        return client.open(path, method=method, **more)


DOSSIER = b"%PDF-1.7 a dossier"

STATE_OF = {
    "catalogue.lecture_end": "live",
    "catalogue.lecture_pause": "live",
    "catalogue.lecture_resume": "live",
    "catalogue.lecture_publish": "draft",
    "catalogue.lecture_delete": "draft",
    "catalogue_api.delete_lecture": "draft",
    "catalogue.lecture_reopen": "ended",
    "catalogue.lecture_undo_start": "ended",
    "catalogue.lecture_confirm": "ended",
    "attendance.confirm_times": "held",
    "dashboards.times": "held",
    "dashboards_api.look_at_times": "held",
    "dashboards_api.confirm_times": "held",
    "catalogue_api.end": "live",
    "catalogue_api.pause": "live",
    "catalogue_api.resume": "live",
    "catalogue_api.take_back_start": "ended",
    "catalogue_api.reopen": "ended",
    "catalogue_api.confirm": "ended",
    "live.audience": "live",
    **{f"slides.{name}": "live" for name in ("slides", "choose", "turn", "page")},
    **{
        f"discussion.{name}": "live"
        for name in (
            "questions",
            "ask",
            "vote",
            "hand",
            "queue",
            "moderate",
            "lower",
            "settings",
            "export",
            "make_poll",
            "change_poll",
            "answer_poll",
            "polls_part",
        )
    },
    **{
        f"discussion_api.{name}": "live"
        for name in (
            "list_all",
            "ask",
            "vote",
            "change",
            "merge",
            "raise_hand",
            "lower_hand",
            "lower_other",
            "list_polls",
            "make_poll",
            "open_poll",
            "close_poll",
            "show_poll",
            "answer_poll",
        )
    },
    "streaming.begin": "live",
    "streaming.pause": "live",
    "streaming.media": "live",
    "live.snapshot": "live",
    "recordings.begin_upload": "ended",
    "recordings.append_piece": "ended",
    "recordings.discard": "ended",
    "recordings.upload": "ended",
    "recordings.recording": "held",
    "recordings.trim": "held",
    "recordings.chapters": "held",
    "recordings.captions": "held",
    "recordings.remove_captions": "held",
    "live.captions": "held",
    "live.transcript": "held",
    "recordings.prepare_download": "held",
    "recordings.download": "held",
    "recordings.remove": "held",
    "live.room": "live",
    "live.join": "live",
    "live.state": "live",
    "live.begin_to_watch": "live",
    "live.played": "live",
    "live_api.join": "live",
    "live_api.presence": "live",
    "live_api.presence_kept": "live",
    "attendance.roster": "held",
    "attendance.roster_file": "held",
    "attendance.person": "held",
    "attendance.correct": "held",
    "attendance.preview_corrections": "held",
    "dashboards.list_corrections": "held",
    "dashboards.undo_corrections": "ended",
    "dashboards.corrections": "ended",
    "attendance_api.list_corrections": "held",
    "attendance_api.preview_corrections": "held",
    "attendance_api.show_corrections": "ended",
    "attendance_api.confirm_corrections": "ended",
    "attendance_api.undo_corrections": "ended",
    "attendance.history": "held",
    "attendance.undo": "held",
    "attendance_imports.review": "held",
    "attendance_imports.review_strong": "held",
    "attendance_imports.decide": "held",
    "attendance_imports.undo_decision": "held",
    "attendance_imports_api.list_unknown": "held",
    "attendance_imports_api.decide_unknown": "held",
    "attendance_imports_api.undo_unknown": "held",
    "attendance.appeal": "held",
    "attendance.close": "held",
    "attendance.reopen": "closed",
    "attendance_api.list_lecture_appeals": "ended",
    "attendance_api.file_appeal": "held",
    "attendance_api.list_closings": "closed",
    "attendance_api.close_attendance": "held",
    "attendance_api.reopen_attendance": "closed",
    "attendance_imports.import_file": "held",
    "attendance_imports.import_look": "held",
    "attendance_api.list_attendance": "held",
    "reports.lecture": "held",
    "reports.lecture_file": "held",
    "attendance_api.correct_attendance": "held",
    "attendance_imports_api.import_attendance": "held",
}
"""The state in which a door's lecture is; scheduled for all others."""


def build(folder: Path) -> World:
    """The world, in a database of its own."""
    limiter.enabled = True  # or it would not be wired into this app
    config = RelaxedConfig.load({}, data=str(folder), secret_key="tests-only", base_url="http://localhost")
    app = create_app(config)
    app.config.update(TESTING=True)
    limiter.enabled = False
    with app.app_context():
        create_tables()
        load_countries(by=SYSTEM, at=EARLY)
        for code, into in (("QM", "KE"), ("QN", "PE")):
            add_country(code, {"en": f"Formerly {into}"}, region=None, by=SYSTEM, at=EARLY)
            merge_countries(into, code, reason="Entered twice", by=SYSTEM, at=EARLY)
    world = World(app, folder / "serai.db")
    make = Make(app)
    _people(world, make)
    for name in PLACES:
        world.places[name] = _place(world, make, name)
    with app.app_context():
        _things(world)
        db.session.remove()
    world.bearers = {role: make.token(person) for role, person in world.people.items()}  # after merges, which end them
    for role in (*ROLES, *LISTED):
        client = app.test_client()
        if role != "anonymous":
            make.sign_in(client, world.people[role])
        with client.session_transaction() as into:
            into["csrf_token"] = "0" * 40
        with app.test_request_context():
            session["csrf_token"] = "0" * 40
            world.csrf[role] = generate_csrf()
        world.clients[role] = client
    world.keep()
    return world


def _people(world: World, make: Make) -> None:
    for role, country, roles in (
        ("trainee", "KE", []),
        ("instructor", None, ["instructor"]),
        ("focal point", "KE", ["focal_point"]),
        ("reporter", None, ["reporter"]),
        ("administrator", None, ["administrator"]),
        ("other trainee", "PE", []),
        ("other instructor", None, ["instructor"]),
        ("other administrator", None, ["administrator"]),
        (LISTED[0], None, []),
        (LISTED[1], None, ["instructor"]),
        (LISTED[2], None, ["instructor"]),
    ):
        name = role.replace(" ", "-")
        world.people[role] = make.person(
            full_name=f"The {role.title()}", email=f"{name}@x.example", country=country, roles=roles,
            password="a long enough one",
        )  # fmt: skip


def _place(world: World, make: Make, name: str) -> Place:
    teacher = world.people["instructor" if name == "mine" else "other instructor"]
    person = world.people["trainee" if name == "mine" else "other trainee"]
    listed = [] if name == "mine" else [world.people[one] for one in LISTED]
    series = make.series(
        name, instructors=[teacher, *listed], visibility="draft" if name == "hidden" else "public",
        policy={"certificate": CertificateKind.PARTICIPATION, "min_lectures_percent": 1},
    )  # fmt: skip
    enrolment = make.enrolment(series, person)
    make.quota(series, "KE", seats=5, kept_until=LAPSES)
    now = clock.now().replace(microsecond=0)
    lectures, apart = {}, PLACES.index(name)  # one instructor gives two of them: never at the same time
    for state, start, actual in (
        ("soon", now + timedelta(days=2 + apart), {}),
        ("draft", now + timedelta(days=12 + apart), {}),
        ("live", now - timedelta(minutes=20), {"actual_start": now - timedelta(minutes=15)}),
        ("held", now - timedelta(days=3), _times(now - timedelta(days=3))),
        ("closed", now - timedelta(days=6 + apart), _times(now - timedelta(days=6 + apart))),
        ("ended", now - timedelta(hours=4), _times(now - timedelta(hours=4))),
    ):
        local = (start + timedelta(hours=3)).replace(tzinfo=None)
        if state == "ended":
            actual = {**actual, "confirmed_at": None}  # confirming it is a change
        made = make.lecture(
            series, f"{name} {state}", local_start=local, instructors=[teacher, *listed],
            state={"soon": "scheduled", "ended": "held", "closed": "held"}.get(state, state), **actual,
        )  # fmt: skip
        lectures[state] = made.id
    return Place(series.slug, lectures, person, enrolment.public_id)


def _times(start: datetime) -> dict[str, datetime]:
    return {"actual_start": start, "actual_end": start + timedelta(minutes=90)}


def report(place: Place) -> bytes:
    """A file of attendance in which the person of a place was there to the end."""
    start = clock.now() - timedelta(days=3) - timedelta(minutes=30)
    end = start + timedelta(minutes=130)
    email = f"{'trainee' if place.slug == 'mine' else 'other-trainee'}@x.example"
    instants = {"start": f"{start:%Y-%m-%dT%H:%M:%SZ}", "end": f"{end:%Y-%m-%dT%H:%M:%SZ}"}
    return GOOD_FILE.format(email=email, **instants).encode()


def signing(place: Place) -> dict[str, str]:
    """What signs the list of a place's group: the times of the lecture, to the minute."""
    start = clock.now() - timedelta(days=3)
    written = {"watched_from": start, "watched_until": start + timedelta(minutes=90)}
    return {"mark": place.group_mark} | {name: f"{moment:%Y-%m-%dT%H:%M}" for name, moment in written.items()}


def upload(content: bytes, name: str = "file.csv") -> Any:
    """What makes the file of a form anew for each call."""
    return lambda: (io.BytesIO(content), name)


def _things(world: World) -> None:
    """Certificates, staged files, tasks, tokens and grants."""
    now = clock.now()
    for name, place in world.places.items():
        teacher = world.people["instructor" if name == "mine" else "other instructor"]
        boss = world.people["administrator" if name == "mine" else "other administrator"]
        by, at = Make(world.app).actor(teacher), now
        staged = stage_attendance(place.lectures["held"], report(place), file_name="r.csv", by=by)
        publish_attendance(staged, skip_bad_rows=False, by=by, at=at)
        series_id = _series_id(place.slug)
        certificates.issue_certificates(series_id, by=SYSTEM, at=at)
        world.kid = keys.current().kid
        number = db.session.scalar(
            select(Certificate.number)
            .join(Award)
            .where(Award.series_id == series_id, Award.person_id == place.person.id)
        )
        assert number is not None, "the person of each place earns a certificate"
        place.number = write(number)
        set_questions(place.slug, QUESTIONS, by=SYSTEM, at=at)
        _answer_questions(place, Make(world.app).actor(place.person), at)
        place.record = make_record(place.person.id, by=SYSTEM, at=at).number
        place.import_id = keep_file(place.lectures["held"], report(place), file_name="r.csv", options={}, by=by, at=at)
        _unknown_people(place, by, at)
        _changes_of_many(Make(world.app), place, by, at)
        _same_people(world, name, place, at)
        _attendance_things(place, by, Make(world.app).actor(place.person), at)
        _nominations(place, SYSTEM, at)
        if name == "mine":
            _upload_nominees(world, place, at)
        place.issue_job = certificates.request_issue(series_id, by=Make(world.app).actor(boss), at=at).public_id
        joined = open_join(place.lectures["live"], place.person.id, by=SYSTEM, at=at)
        visibility = SnapshotVisibility.PUBLIC if name == "mine" else SnapshotVisibility.STAFF
        attached = [Attached("KE" if name == "mine" else "PE", "Dossier", DOSSIER, Figures())]
        place.snapshot = publish_snapshot(
            f"Report {name}", visibility, Slice(), place="Beijing", attached=attached, by=SYSTEM, at=at
        )
        place.opening_set = create_opening_set(name, "", None, by=SYSTEM, at=at)
        draft = OpeningDraft(name, date(2020, 3, 4), "", "KE", 9)
        place.opening_row = add_opening_row(place.opening_set, draft, by=SYSTEM, at=at)
        content, soon = io.BytesIO(PICTURE), place.lectures["soon"]
        place.file_id = upload_file(soon, content, "map.gif", Audience.ENROLLED, by=by, at=at)
        teacher = Make(world.app).actor(world.people["instructor" if name == "mine" else "other instructor"])
        place.unfinished = begin_upload(soon, "map.pdf", 40, 0, by=teacher).id
        _add_stream(place.lectures["live"], by=teacher, at=at)
        _add_recording(world, place, by=teacher, at=at)
        _add_slides(place, by=teacher, at=at)
        portrait = read_portrait(io.BytesIO(PNG))
        speaker = SpeakerInput(f"Speaker of {name}", "Имя", "Adviser", "A few lines.")
        place.speaker_id = add_new_speaker(soon, speaker, portrait=portrait, by=by, at=at)
        letter = MessageInput(AudienceInput(), f"A message of {name}", "Dear {name},\n\nhttps://x.example/reading")
        place.message_id = save_message(name, None, letter, by=SYSTEM, at=at)
        place.readers = count_readers(get_series_to_write(name, by=SYSTEM), AudienceInput(), by=SYSTEM).number
        _checks(place, at)
        place.design = _design(name, Make(world.app).actor(boss), at)
        _add_question(place, at=now)
        place.room_token = make_token(world.app.config["SECRET_KEY"], joined.id)
        place.room_mark = make_mark(world.app.config["SECRET_KEY"], joined.id, clock.to_ms(now) - 60_000)
    _revoke(world.people[LISTED[2]].id, now)
    _jobs_done()
    _second_factor(world.people["other trainee"].id, now)
    grants = {row.person_id: row.id for row in db.session.scalars(select(RoleGrant))}
    world.grants = {
        "mine": grants[world.people["instructor"].id],
        "theirs": grants[world.people["other instructor"].id],
    }
    for kind in ("mine", "theirs"):
        world.jobs[kind], world.tokens[kind], world.sessions[kind], world.saved[kind] = {}, {}, {}, {}
        for role in ROLES:
            person = world.people.get(role) if kind == "mine" else None
            owner = person or world.people["other trainee"]
            world.jobs[kind][role] = _job(owner.id)
            world.saved[kind][role] = _saved(Make(world.app), person, world.people["other administrator"], now)
            world.tokens[kind][role] = _public_id_of_last(ApiToken, Make(world.app).token(owner))
            session_secret = begin_session(owner.id, Device("Safari", "iPhone"), lasts=timedelta(days=9), at=now)
            world.sessions[kind][role] = _public_id_of_last(SignInSession, session_secret)


def _answer_questions(place: Place, by: Actor, at: datetime) -> None:
    """What the person of a place answered at enrolment, with a file."""
    plan = read_file(io.BytesIO(PICTURE), "plan.gif", field="plan")
    answer(_series(place.slug), {"post": "Malaba"}, sent_files={"plan": plan}, by=by, at=at)


def _add_question(place: Place, *, at: datetime) -> None:
    """A question and a raised hand in the live lecture."""
    person, lecture_id = place.person, place.lectures["live"]
    given: dict[str, Any] = {"person_id": person.id, "by": SYSTEM, "at": at}
    place.asked_id = ask_question(lecture_id, "Which rail is the cheapest?", is_anonymous=False, **given)
    place.hand_id = raise_hand(lecture_id, **given)
    place.poll_id = make_poll(lecture_id, "How do you pay?", ["Card", "Wallet"], is_several=False, by=SYSTEM, at=at)
    change_poll(lecture_id, place.poll_id, "open", by=SYSTEM, at=at)


def _public_id_of_last(table: type[ApiToken] | type[SignInSession], secret: str) -> str:
    return db.session.scalars(select(table.public_id).where(table.secret_hash == hash_secret(secret))).one()


def _checks(place: Place, at: datetime) -> None:
    """A question, a check that has another one, and an attempt of the person of a place."""
    asked = {"text": "Customs are digital.", "is_true": True}
    item = save_question(place.slug, None, QuestionKind.TRUE_FALSE, asked, by=SYSTEM, at=at)
    place.question_id = save_question(
        place.slug, None, QuestionKind.SHORT_TEXT, {"text": "Who?", "forms": ["We"]}, by=SYSTEM, at=at
    )
    place.check_id = save_check(place.slug, None, CheckInput("What was learned", items=[item]), by=SYSTEM, at=at)
    publish_check(place.slug, place.check_id, by=SYSTEM, at=at)
    email = addresses_of([place.person.id])[place.person.id]
    place.attempt_id, _is_new = begin_attempt(
        place.slug, place.check_id, email=email, is_demonstration=True, by=SYSTEM, at=at
    )


def _same_people(world: World, name: str, place: Place, at: datetime) -> None:
    """Another record of the person of a place, and one that is merged already."""
    make = Make(world.app)
    place.twin = make.person(f"The Twin of {name}", email=f"twin-{name}@x.example").public_id
    place.merged = make.person(f"The Merged of {name}", email=f"merged-{name}@x.example").public_id
    merge_people(place.person.public_id, place.merged, by=SYSTEM, at=at)
    if name != "hidden":  # where the person is that of another place, whose address this would replace
        place.calendar = make_address(by=make.actor(place.person), at=at)
        note_reading(place.calendar, "Outlook", at=at)


def _unknown_people(place: Place, by: Actor, at: datetime) -> None:
    """Somebody seen whom nobody knows, and somebody who is decided to be nobody."""
    lecture_id, stay = place.lectures["held"], report(place).partition(b"example")[2]
    text = b"email,joined_at,left_at\n" + b"\n".join(who + stay.strip() for who in (b"open@y.z", b"decided@y.z"))
    staged = stage_attendance(lecture_id, text, file_name="u.csv", by=by)
    publish_attendance(staged, by=by, at=at)
    page = review_page(lecture_id, by=by)
    ids = {one.email: one.id for one in page.items}
    place.unknown, place.decided = ids["open@y.z"], ids["decided@y.z"]
    resolve_attendee(lecture_id, place.decided, person=None, version=0, by=by, at=at)


def _changes_of_many(make: Make, place: Place, by: Actor, at: datetime) -> None:
    """A decision about several enrolments that can be taken back, and one that is not confirmed."""
    series_id, out = _series_id(place.slug), EnrolmentStatus.WITHDRAWN
    series = db.session.get_one(Series, series_id)
    left = make.enrolment(series, make.person(f"Left {place.slug}", f"left@{place.slug}.example")).public_id
    place.change_done = enrolments.preview_batch(series_id, [left], status=out, by=by, at=at).public_id
    enrolments.ENROLMENT_CHANGES.confirm(series_id, place.change_done, by=by, at=at)
    people = [place.enrolment_id]
    place.change = enrolments.preview_batch(series_id, people, status=out, by=by, at=at).public_id


def _attendance_things(place: Place, by: Actor, person: Actor, at: datetime) -> None:
    """Something asked, something set by hand and withdrawn, something closed."""
    _groups(place, "KE" if place.slug == "mine" else "PE", at)
    ended, absent = place.lectures["ended"], RosterFilter(outcome=Outcome.ABSENT)
    place.batch_done = preview_batch(ended, absent, outcome=Outcome.EXCUSED, by=by, at=at).public_id
    CORRECTIONS.confirm(ended, place.batch_done, reason="On mission", by=by, at=at)
    excused = RosterFilter(outcome=Outcome.EXCUSED)
    place.batch = preview_batch(ended, excused, outcome=Outcome.PARTIAL, by=by, at=at).public_id
    if place.slug != "hidden":  # who is enrolled in a draft sees nothing of it
        draft = AppealInput(text="I saw all of it")
        place.appeal_id = file_appeal(place.lectures["ended"], draft, by=person, at=at)[0].public_id
    for outcome in (Outcome.EXCUSED, None):
        correct(place.lectures["held"], place.person.public_id, outcome=outcome, reason="ill", by=by, at=at)
    corrections = select(Correction.id).where(Correction.lecture_id == place.lectures["held"])
    place.correction_id = db.session.scalars(corrections).one()
    close_attendance(place.lectures["closed"], by=by, at=at)


def _nominations(place: Place, by: Actor, at: datetime) -> None:
    """Somebody invited days ago; two who wait for a decision, one of them again, since a rejection was taken back."""
    if place.slug == "hidden":
        return
    series, country_id = _series(place.slug), get_country("KE" if place.slug == "mine" else "PE").id
    rows = [
        PersonRow(1, f"{name}-{place.slug}@x.example", f"{name}-{place.slug}@x.example", f"{name.title()} {place.slug}")
        for name in ("invited", "submitted", "rejected")
    ]
    earlier = at - timedelta(days=4)
    place.nomination = nominate(series.id, rows[:1], country_id=country_id, by=by, at=earlier).invited[0]
    mails = select(OutboxMail).where(OutboxMail.template == TEMPLATE, OutboxMail.address == rows[0].email)
    place.invitation = db.session.scalars(mails).one().payload["secret"]
    _letter(place.nomination)
    place.profile_request = _request_profile(place.person, country_id, at)
    _ask_for_approval(series.id)
    waiting = nominate(series.id, rows[1:], country_id=country_id, by=by, at=at).submitted
    place.submitted = waiting[0]
    place.decision_done = preview_decision(waiting[1:], Decision.REJECT, by=by, at=at).public_id
    DECISIONS.confirm(None, place.decision_done, reason="Not an official", by=by, at=at)
    place.decision = preview_decision(waiting[:1], Decision.APPROVE, by=by, at=at).public_id


def _request_profile(person: Person, country_id: int, at: datetime) -> str:
    """Asks somebody to confirm a change; the secret of the link."""
    change = ProfileDifference(ProfileField.JOB_TITLE, person.job_title or "", "Senior officer")
    changed = ChangedProfile(person.id, person.full_name, [change])
    assert ask_to_confirm([changed], country_id=country_id, by=SYSTEM, at=at) == 1
    mails = select(OutboxMail).where(OutboxMail.template == PROFILE_REQUEST).order_by(OutboxMail.id.desc())
    return str(db.session.scalars(mails.limit(1)).one().payload["secret"])


@action
def _letter(nomination: str) -> None:
    """A letter of endorsement with a nomination."""
    row = db.session.scalars(select(Nomination).where(Nomination.public_id == nomination)).one()
    keep_letter(row, read_letter(io.BytesIO(PNG), "letter.png"))


@action
def _ask_for_approval(series_id: int) -> None:
    db.session.get_one(Series, series_id).nominations_need_approval = True


def _upload_nominees(world: World, place: Place, at: datetime) -> None:
    """A file of nominees that the focal point of Kenya sent."""
    by, country_id = Make(world.app).actor(world.people["focal point"]), get_country("KE").id
    place.upload_id = nominee_files.keep_file(
        _series(place.slug), NOMINEES, name="nominees.csv", country_id=country_id, by=by, at=at
    )


def _groups(place: Place, country: str, at: datetime) -> None:
    """Two viewing groups of a held lecture, one of them signed, and one of a lecture that is live."""
    for what, state in (("open", "held"), ("signed", "held"), ("live", "live")):
        draft = GroupInput(what.title(), "Hall", "Somebody", 9, "UTC")
        place.groups[what] = open_group(place.lectures[state], draft, country=country, by=SYSTEM, at=at)[0]
        tick(place.groups[what], add=[place.person.public_id], by=SYSTEM, at=at)
    view = viewing.get_group(place.groups["open"], by=SYSTEM)
    place.group_mark = viewing.list_of_group(view, by=SYSTEM, at=at).mark
    place.group_code = viewing.get_group(place.groups["live"], by=SYSTEM).group.code
    start, until = viewing.local_span(view)
    basis = Basis(start=start, until=until)
    sign_group(place.groups["signed"], basis=basis, mark=place.group_mark, by=SYSTEM, at=at)
    tick(place.groups["live"], remove=[place.person.public_id], by=SYSTEM, at=at)


def _saved(make: Make, person: Person | None, other: Person, now: datetime) -> str:
    """A report that somebody has saved and has sent: the own one of whoever may save one, else the other's."""
    actor = make.actor(person or other)
    by = actor if may_see(Slice(country="KE"), by=actor) else make.actor(other)
    public_id = save_report("Mine", {"country": "KE"}, by=by, at=now)
    schedule_report(public_id, Rhythm.DAILY, 9, "other-administrator@x.example", by=by, at=now)
    return public_id


@action
def _second_factor(person_id: int, now: datetime) -> None:
    db.session.add(SecondFactor(person_id=person_id, salt="00" * 16, confirmed_at=now))


@action
def _revoke(person_id: int, now: datetime) -> None:
    """Ends a role by its row, so that the lists stay as they were."""
    db.session.execute(update(RoleGrant).where(RoleGrant.person_id == person_id).values(revoked_at=now))


@action
def _jobs_done() -> None:
    db.session.execute(update(Job).values(state=JobState.DONE, result={}))


def _series(slug: str) -> Series:
    return db.session.scalars(select(Series).where(Series.slug == slug)).one()


def _series_id(slug: str) -> int:
    return _series(slug).id


@action
def _job(person_id: int) -> str:
    made: Job = request_job("tests", {}, by=Actor(person_id=person_id), at=clock.now())
    return made.public_id


def _add_stream(lecture_id: int, *, by: Actor, at: datetime) -> None:
    """A segment of picture and sound of a live lecture, and its playlists."""
    session = begin_streaming(lecture_id, Track.MAIN, by=by, at=at)
    epoch_id = begin_epoch(session.id, start_ms=0, wall_ms=clock.to_ms(at))
    note_segments(epoch_id, {"v": [2000], "a": [2000]})
    close_epoch(epoch_id)
    _store_media()


def _add_slides(place: Place, *, by: Actor, at: datetime) -> None:
    """A PDF file of a live lecture, with its pages and a turn."""
    lecture_id, content = place.lectures["live"], io.BytesIO()
    document = pikepdf.new()
    document.add_blank_page()
    document.save(content)
    place.pdf_id = upload_file(lecture_id, content, "slides.pdf", Audience.ENROLLED, by=by, at=at)
    show_file(lecture_id, place.pdf_id, by=by, at=at)
    deck = db.session.scalars(select(SlideDeck).where(SlideDeck.lecture_id == lecture_id)).one()
    place.deck = deck.version
    note_pages(deck.id, deck.version, 1)
    finish_deck(deck.id, place.deck)
    for key in slide_keys(db.session.scalars(select(SlideDeck).where(SlideDeck.version == place.deck)).one()):
        files.store(key, b"page")
    turn_page(lecture_id, place.deck, 1, by=by, at=at)


def _store_media() -> None:
    """The files of all streams that are not there yet."""
    for key in stored_keys(2000):
        if not files.has(key):
            files.store(key, b"media")


def _add_recording(world: World, place: Place, *, by: Actor, at: datetime) -> None:
    """The recording of a held lecture, with its file for download, and an upload for another lecture."""
    lecture = db.session.get_one(Lecture, place.lectures["held"])
    record(lecture, 20_000)
    captions = b"WEBVTT\n\n00:01.000 --> 00:04.000\nLes colis"
    set_captions(lecture.id, "fr", captions, are_of_replay=True, by=SYSTEM, at=at)
    _store_media()
    shown = get_ready_recording(lecture.id, by=SYSTEM, at=at)
    assert shown.stream is not None
    files.store(download_key(shown.stream, shown.fingerprint), b"media")
    place.unfinished_recording = begin_upload(place.lectures["ended"], "map.mp4", 40, 0, purpose=RECORDING, by=by).id


def _design(name: str, by: Actor, at: datetime) -> int:
    """A design that is in use and drafted anew, with all that can be taken out of it."""
    family = designs.create_design(name, by=by, at=at)
    words = dict.fromkeys(("participation", "completion", "sentence"), "Attestation")
    designs.set_words(family, "fr", words, by=by, at=at)
    picture = b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><path d="M0 0h9v9z"/></svg>'
    designs.set_picture(family, "logo", picture, "Arms", by=by, at=at)
    designs.publish_design(family, by=by, at=at)
    designs.set_looks(family, {"name": name, "signatory": "Zhou"}, by=by, at=at)
    return family

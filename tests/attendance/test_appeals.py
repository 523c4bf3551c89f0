"""Appeals: asked once, answered once, with a correction in the same step; and what becomes of them with the person."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from lms.attendance.actions.appeals import accept_appeal, decline_appeal, file_appeal, withdraw_appeal
from lms.attendance.actions.closing import close_attendance
from lms.attendance.actions.people import erase_evidence
from lms.attendance.appeal_rules import AppealInput, nearest, resembling
from lms.attendance.models.appeals import Appeal, AppealState
from lms.attendance.models.credits import Correction, Outcome
from lms.attendance.queries.appeals import count_open_appeals, get_appeal, list_appeals
from lms.attendance.queries.persons import export_of_person
from lms.attendance.queries.roster import Unmatched
from lms.core.base.errors import Forbidden, Invalid, NotFound, Refused
from lms.core.base.roles import Actor
from lms.core.database import audit
from lms.core.database.session import db
from lms.core.time import clock
from lms.mail.outbox import OutboxMail
from lms.people.actions.merging import merge_people, undo_merge
from tests.attendance.scene import END, START, Scene, minute
from tests.rows import each_row

pytestmark = [pytest.mark.databases, pytest.mark.usefixtures("context")]
ASKED, ANSWERED = END + timedelta(days=1), END + timedelta(days=2)
THERE = AppealInput(said_from=START, said_to=minute(80), joined_as="ipad 3", text="The link fell.")


@pytest.fixture
def scene(make: Any, context: None) -> Scene:
    return Scene(make)


def own(scene: Scene, name: str = "Ada") -> Actor:
    actor: Actor = scene.make.actor(scene.people[name])
    return actor


def ask(scene: Scene, name: str = "Ada", draft: AppealInput = THERE, at: datetime = ASKED) -> str:
    appeal, _is_new = file_appeal(scene.lecture.id, draft, by=own(scene, name), at=at)
    return appeal.public_id


def stored(public_id: str) -> Appeal:
    query = select(Appeal).where(Appeal.public_id == public_id).execution_options(populate_existing=True)
    return db.session.scalars(query).one()


def mails() -> list[OutboxMail]:
    query = select(OutboxMail).where(OutboxMail.template == "appeal_answered").order_by(OutboxMail.id)
    return list(db.session.scalars(query))


def test_an_appeal_is_kept_as_it_was_said(scene: Scene) -> None:
    appeal = stored(ask(scene))
    assert (appeal.said_from, appeal.said_to, appeal.joined_as, appeal.text, appeal.filed_at, appeal.state) == (
        START, minute(80), "ipad 3", "The link fell.", ASKED, AppealState.OPEN
    )  # fmt: skip
    assert audit.list_entries("person", scene.people["Ada"].id)[0].verb == "attendance.appeal"


@pytest.mark.databases(differs=True)
def test_the_same_again_is_the_same_appeal_and_another_is_refused(scene: Scene) -> None:
    first = ask(scene)
    appeal, is_new = file_appeal(scene.lecture.id, THERE, by=own(scene), at=ANSWERED)
    assert (appeal.public_id, is_new) == (first, False)
    with pytest.raises(Refused):
        ask(scene, draft=AppealInput(text="And another thing"))
    assert len(db.session.scalars(select(Appeal)).all()) == 1


@each_row(
    "draft, field",
    [
        (AppealInput(), "text"),
        (AppealInput(text=" \u200b "), "text"),
        (AppealInput(said_from=START), "there_to"),
        (AppealInput(said_to=END), "there_from"),
        (AppealInput(said_from=END, said_to=START), "there_to"),
        (AppealInput(said_from=END, said_to=END + timedelta(hours=1)), "there_from"),
        (AppealInput(said_from=START - timedelta(hours=1), said_to=START), "there_from"),
        (AppealInput(text="x" * 1001), "text"),
        (AppealInput(joined_as="x" * 201), "joined_as"),
    ],
)
def test_what_cannot_be_is_said_at_its_field(scene: Scene, draft: AppealInput, field: str) -> None:
    with pytest.raises(Invalid) as caught:
        ask(scene, draft=draft)
    assert [fault.field for fault in caught.value.faults] == [field]
    assert db.session.scalars(select(Appeal)).all() == []


def test_only_who_was_expected_or_seen_appeals(scene: Scene, make: Any) -> None:
    stranger = make.person("Dan", email="dan@x.example")
    with pytest.raises(Forbidden):
        file_appeal(scene.lecture.id, THERE, by=make.actor(stranger), at=ASKED)
    scene.publish(("dan@x.example", 0, 20))
    file_appeal(scene.lecture.id, THERE, by=make.actor(stranger), at=ASKED)


def test_one_appeals_of_a_held_lecture_within_thirty_days(scene: Scene, make: Any) -> None:
    planned = make.lecture(scene.series)
    with pytest.raises(Refused):
        file_appeal(planned.id, THERE, by=own(scene), at=ASKED)
    last = END + timedelta(days=30)
    with pytest.raises(Refused, match="within 30 days"):
        ask(scene, at=last + timedelta(seconds=1))
    ask(scene, at=last)


def test_the_last_report_begins_the_time_anew(scene: Scene) -> None:
    taken = END + timedelta(days=20)
    scene.publish(("ben@x.example", 0, 30), at=taken)
    ask(scene, at=taken + timedelta(days=30))


def test_accepting_sets_the_outcome_in_the_same_step_and_tells(scene: Scene) -> None:
    public_id = ask(scene)
    accept_appeal(public_id, outcome=Outcome.ATTENDED, words="We saw your name.", by=scene.by, at=ANSWERED)
    row = scene.row("Ada")
    assert (row.outcome, row.explanation) == (
        Outcome.ATTENDED, "0 of 90 minutes: attended, corrected (We saw your name.)"
    )  # fmt: skip
    appeal, correction = stored(public_id), db.session.scalars(select(Correction)).one()
    assert (appeal.state, appeal.ended_at, appeal.answered_by, appeal.answer, appeal.correction_id) == (
        AppealState.ACCEPTED, ANSWERED, scene.teacher.id, "We saw your name.", correction.id
    )  # fmt: skip
    (mail,) = mails()
    assert (mail.address, mail.payload["accepted"], mail.payload["outcome"], mail.payload["words"]) == (
        "ada@x.example", True, "attended", "We saw your name."
    )  # fmt: skip
    # once answered, another may be asked
    ask(scene, draft=AppealInput(text="And again"))


def test_accepting_without_an_outcome_sets_nothing(scene: Scene) -> None:
    public_id = ask(scene)
    scene.publish(("ada@x.example", 0, 80))
    accept_appeal(public_id, outcome=None, words="The report was late.", by=scene.by, at=ANSWERED)
    assert stored(public_id).correction_id is None
    assert db.session.scalars(select(Correction)).all() == []
    assert scene.row("Ada").correction is None


def test_declining_needs_words_and_changes_nothing(scene: Scene) -> None:
    public_id = ask(scene)
    with pytest.raises(Invalid):
        decline_appeal(public_id, words=" ", by=scene.by, at=ANSWERED)
    assert stored(public_id).state is AppealState.OPEN
    decline_appeal(public_id, words="Nobody of that name was there.", by=scene.by, at=ANSWERED)
    assert stored(public_id).state is AppealState.DECLINED
    assert scene.row("Ada").outcome is Outcome.ABSENT
    assert [(mail.payload["accepted"], mail.payload["outcome"]) for mail in mails()] == [(False, None)]


def test_what_has_ended_is_not_answered_nor_withdrawn(scene: Scene) -> None:
    public_id = ask(scene)
    decline_appeal(public_id, words="No.", by=scene.by, at=ANSWERED)
    with pytest.raises(Refused, match="already been answered by Lin Yuhan"):
        accept_appeal(public_id, outcome=Outcome.ATTENDED, words="Yes.", by=scene.by, at=ANSWERED)
    with pytest.raises(Refused):
        withdraw_appeal(public_id, by=own(scene), at=ANSWERED)
    assert (stored(public_id).answer, scene.row("Ada").correction, len(mails())) == ("No.", None, 1)


def test_who_asked_takes_it_back_and_nobody_else(scene: Scene) -> None:
    public_id = ask(scene)
    with pytest.raises(NotFound):
        withdraw_appeal(public_id, by=own(scene, "Ben"), at=ANSWERED)
    with pytest.raises(Forbidden):
        withdraw_appeal(public_id, by=scene.by, at=ANSWERED)
    withdraw_appeal(public_id, by=own(scene), at=ANSWERED)
    withdraw_appeal(public_id, by=own(scene), at=ANSWERED + timedelta(days=1))
    assert (stored(public_id).state, stored(public_id).ended_at) == (AppealState.WITHDRAWN, ANSWERED)
    with pytest.raises(Refused, match="cancelled this appeal"):
        decline_appeal(public_id, words="No.", by=scene.by, at=ANSWERED)
    assert mails() == []


def test_others_neither_see_nor_answer(scene: Scene, make: Any) -> None:
    public_id = ask(scene)
    reporter = make.actor(roles=["reporter"])
    focal = make.actor(roles=["focal_point"], country="KE")
    for by in (own(scene, "Ben"), reporter, focal, make.actor(roles=["instructor"])):
        with pytest.raises(NotFound):
            get_appeal(public_id, by=by)
        with pytest.raises(NotFound):
            accept_appeal(public_id, outcome=Outcome.ATTENDED, words="Yes.", by=by, at=ANSWERED)
        assert list_appeals(by=by) == []
        assert list_appeals(by=by, state=AppealState.OPEN) == []
        assert count_open_appeals(by=by) == 0
    with pytest.raises(Forbidden):
        decline_appeal(public_id, words="Mine.", by=own(scene), at=ANSWERED)
    administrator = make.administrator()
    for by in (scene.by, administrator):
        assert [one.appeal.public_id for one in list_appeals(by=by, state=AppealState.OPEN)] == [public_id]
    assert [one.appeal.public_id for one in list_appeals(by=own(scene))] == [public_id]


def test_a_closed_lecture_is_appealed_declined_and_not_accepted(scene: Scene) -> None:
    close_attendance(scene.lecture.id, by=scene.by, at=END)
    public_id = ask(scene)
    for outcome in (Outcome.ATTENDED, None):
        with pytest.raises(Refused, match="closed the attendance"):
            accept_appeal(public_id, outcome=outcome, words="Yes.", by=scene.by, at=ANSWERED)
    assert (stored(public_id).state, mails()) == (AppealState.OPEN, [])
    decline_appeal(public_id, words="No.", by=scene.by, at=ANSWERED)
    assert stored(public_id).state is AppealState.DECLINED


def test_an_appeal_follows_a_merge_and_its_undoing(scene: Scene) -> None:
    public_id, boss = ask(scene, "Ben"), scene.make.administrator()
    ada, ben = scene.people["Ada"], scene.people["Ben"]
    merge_people(ada.public_id, ben.public_id, reason="The same person", by=boss, at=ASKED)
    assert [one.full_name for one in list_appeals(by=scene.by, state=AppealState.OPEN)] == ["Ada"]
    with pytest.raises(Refused, match="already asked"):
        ask(scene, "Ada", AppealInput(text="the same person"))
    accept_appeal(public_id, outcome=Outcome.EXCUSED, words="Ill.", by=scene.by, at=ANSWERED)
    assert scene.row("Ada").outcome is Outcome.EXCUSED
    undo_merge(ben.public_id, by=boss, at=ANSWERED)
    assert [one.full_name for one in list_appeals(by=scene.by)] == ["Ben"]


def test_erasure_takes_the_words_and_ends_what_is_open(scene: Scene) -> None:
    answered = ask(scene)
    decline_appeal(answered, words="Dear Ada, no.", by=scene.by, at=ANSWERED)
    waiting = ask(scene, draft=AppealInput(text="I am Ada"))
    exported = export_of_person(scene.people["Ada"].id)["appeals"]
    assert [(one["text"], one["answer"], one["state"]) for one in exported] == [
        ("The link fell.", "Dear Ada, no.", "declined"), ("I am Ada", "", "open")
    ]  # fmt: skip
    erase_evidence(scene.people["Ada"].id, by=scene.by, at=ANSWERED)
    for public_id, state in ((answered, AppealState.DECLINED), (waiting, AppealState.WITHDRAWN)):
        appeal = stored(public_id)
        assert (appeal.state, appeal.text, appeal.answer, appeal.joined_as, appeal.said_from, appeal.said_to) == (
            state, "", "", "", None, None
        )  # fmt: skip
    assert list_appeals(by=scene.by, state=AppealState.OPEN) == []


@pytest.mark.databases(differs=True)
def test_lists_are_cut_and_go_on(scene: Scene) -> None:
    asked = [ask(scene, name) for name in ("Ada", "Ben", "Cyr")]
    first = list_appeals(by=scene.by, state=AppealState.OPEN, limit=2)
    assert [one.appeal.public_id for one in first] == asked
    after = list_appeals(by=scene.by, state=AppealState.OPEN, limit=2, cursor=first[1].appeal.id)
    assert [one.appeal.public_id for one in after] == asked[2:]
    newest = list_appeals(by=scene.by, limit=2)
    assert [one.appeal.public_id for one in newest] == asked[::-1]
    assert [one.full_name for one in list_appeals(by=scene.by, lecture_id=scene.lecture.id)] == [
        "Cyr", "Ben", "Ada"
    ]  # fmt: skip


def test_a_clock_is_read_where_it_is_nearest(context: None) -> None:
    moment = datetime(2026, 11, 4, 23, 30, tzinfo=UTC)  # 02:30 of the next day in Nairobi
    assert nearest("02:30", "Africa/Nairobi", moment) == moment
    assert nearest("23:00", "Africa/Nairobi", moment) == datetime(2026, 11, 4, 20, 0, tzinfo=UTC)
    for bad in ("", "25:00", "noon"):
        with pytest.raises(ValueError, match=r".*"):
            nearest(bad, "UTC", moment)


def test_names_resemble_in_any_order_and_by_the_address(context: None) -> None:
    at = clock.to_ms(START)
    seen = [
        Unmatched("Kariuki Grace", None, at, at),
        Unmatched("ipad", "grace.kariuki@home.example", at, at),
        Unmatched("Zhou Min", "zhou@home.example", at, at),
        Unmatched(None, None, at, at),
    ]
    assert resembling(["Grace Kariuki", None], seen) == seen[:2]
    assert resembling(["", None], seen) == []

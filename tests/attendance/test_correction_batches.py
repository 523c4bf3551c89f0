"""Corrections of many people together: previewed, confirmed, done in steps, and taken back."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from lms.attendance.actions import corrections
from lms.attendance.actions.appeals import file_appeal
from lms.attendance.actions.closing import close_attendance
from lms.attendance.actions.correction_batches import CORRECTIONS, preview_batch
from lms.attendance.appeal_rules import AppealInput
from lms.attendance.models.appeals import Appeal, AppealState
from lms.attendance.models.credits import Correction, Outcome
from lms.attendance.queries.roster import roster
from lms.attendance.queries.roster_query import RosterFilter
from lms.batches.kinds import BatchView
from lms.batches.models import EntryState
from lms.core.base.errors import Invalid, NotFound, Refused
from lms.core.base.roles import SYSTEM
from lms.core.database import audit
from lms.core.database.session import db
from lms.enrolment.actions.places import set_status
from lms.enrolment.models import Enrolment, EnrolmentStatus
from lms.people.actions.merging import merge_people
from tests.attendance.scene import END, Scene
from tests.forms import token_in

LATER = END + timedelta(hours=1)
PARTIAL = RosterFilter(outcome=Outcome.PARTIAL)


def crowded(make: Any) -> Scene:
    """Ada attended, Ben, Dora and Eva in part, Cyr not."""
    scene = Scene(make)
    for name in ("Dora", "Eva"):
        scene.people[name] = make.person(name, email=f"{name.lower()}@x.example")
        make.enrolment(scene.series, scene.people[name])
    scene.publish(
        ("ada@x.example", 0, 62), ("ben@x.example", 0, 20), ("dora@x.example", 0, 30), ("eva@x.example", 0, 40)
    )
    return scene


@pytest.fixture
def scene(make: Any, context: None) -> Scene:
    return crowded(make)


def ids(scene: Scene, *names: str) -> list[str]:
    return [scene.people[name].public_id for name in names]


def preview(scene: Scene, people: Any = PARTIAL, outcome: Outcome | None = Outcome.ATTENDED) -> str:
    return preview_batch(scene.lecture.id, people, outcome=outcome, by=scene.by, at=LATER).public_id


def confirm(scene: Scene, batch: str, reason: str = "The broadcast failed.") -> None:
    CORRECTIONS.confirm(scene.lecture.id, batch, reason=reason, by=scene.by, at=LATER)


def undo(scene: Scene, batch: str) -> None:
    CORRECTIONS.undo(scene.lecture.id, batch, by=scene.by, at=LATER + timedelta(hours=1))


def correct(scene: Scene, name: str, outcome: Outcome | None, reason: str = "power cut") -> None:
    corrections.correct(
        scene.lecture.id, scene.people[name].public_id, outcome=outcome, reason=reason, by=scene.by, at=LATER
    )


def view(scene: Scene, batch: str) -> BatchView[Any, Any]:
    return CORRECTIONS.get_batch(scene.lecture, batch, by=scene.by)


def results(scene: Scene) -> dict[str, str]:
    """The result of each person, with the reason of the correction that says so."""
    return {
        row.full_name: row.outcome.value + (f" ({row.correction.reason})" if row.correction is not None else "")
        for row in roster(scene.lecture.id, by=SYSTEM, limit=None)
    }


BEFORE = {"Ada": "attended", "Ben": "partial", "Cyr": "absent", "Dora": "partial", "Eva": "partial"}
CORRECTED = BEFORE | dict.fromkeys(("Ben", "Dora", "Eva"), "attended (The broadcast failed.)")


@pytest.mark.databases(differs=True)
def test_all_that_a_filter_holds_is_corrected_in_one_step_and_taken_back(scene: Scene) -> None:
    batch = preview(scene)
    assert results(scene) == BEFORE
    changes = view(scene, batch).preview(by=scene.by, at=LATER)
    assert changes.totals == {Outcome.ATTENDED: (1, 4), Outcome.PARTIAL: (3, 0)}
    assert (changes.attendances, changes.participants, changes.first_time, changes.countries) == (3, 3, 3, [("KE", 3)])
    confirm(scene, batch)
    assert (results(scene), view(scene, batch).state) == (CORRECTED, "corrected")
    undo(scene, batch)
    assert results(scene) == BEFORE
    entries = audit.list_entries("lecture", scene.lecture.id)
    assert [entry.verb for entry in entries if entry.detail.get("batch") == batch] == [
        "attendance.withdraw_correction", "attendance.undo_batch", "attendance.correct", "attendance.correct_batch",
    ]  # fmt: skip
    assert "attendance.correct" in {entry.verb for entry in audit.list_entries("person", scene.people["Eva"].id)}


@pytest.mark.databases
def test_undoing_brings_back_what_each_had_and_leaves_later_corrections(scene: Scene) -> None:
    correct(scene, "Ben", Outcome.EXCUSED, "ill")
    correct(scene, "Cyr", Outcome.PARTIAL, "phone")
    batch = preview(scene, ids(scene, "Ben", "Cyr", "Dora", "Eva", "Ada"))
    assert view(scene, batch).batch.same == 1
    confirm(scene, batch)
    correct(scene, "Dora", Outcome.ABSENT, "she said so")
    correct(scene, "Eva", None)
    undo(scene, batch)
    assert results(scene) == {
        "Ada": "attended", "Ben": "excused (ill)", "Cyr": "partial (phone)", "Dora": "absent (she said so)",
        "Eva": "partial",
    }  # fmt: skip
    kept = view(scene, batch).people(EntryState.KEPT, by=scene.by)
    assert [(one.full_name, one.state) for one in kept] == [("Dora", EntryState.KEPT), ("Eva", EntryState.KEPT)]
    restored = select(Correction.restores_id).where(
        Correction.withdrawn_at.is_(None), Correction.person_id == scene.people["Ben"].id
    )
    assert db.session.scalar(restored) is not None


@pytest.mark.databases
def test_who_left_or_was_changed_since_the_preview_is_named_and_skipped(scene: Scene) -> None:
    batch = preview(scene, ids(scene, "Ben", "Cyr", "Dora", "Eva"))
    correct(scene, "Ben", Outcome.PARTIAL, "seen")
    scene.publish(("dora@x.example", 30, 70))
    enrolment = db.session.scalars(select(Enrolment).where(Enrolment.person_id == scene.people["Cyr"].id)).one()
    scene.make.lecture(scene.series, "Next")  # until the last lecture people can withdraw
    set_status(enrolment.public_id, EnrolmentStatus.WITHDRAWN, by=SYSTEM, at=scene.lecture.created_at)
    confirm(scene, batch)
    left_out = view(scene, batch).people(EntryState.GONE, EntryState.STALE, by=scene.by)
    assert [(one.full_name, one.state.value) for one in left_out] == [
        ("Ben", "stale"),
        ("Cyr", "gone"),
        ("Dora", "stale"),
    ]
    assert results(scene) == {
        "Ada": "attended", "Ben": "partial (seen)", "Dora": "attended", "Eva": "attended (The broadcast failed.)"
    }  # fmt: skip
    undo(scene, batch)
    assert results(scene)["Eva"] == "partial"


@pytest.mark.databases
def test_corrections_are_removed_together_and_brought_back(scene: Scene) -> None:
    correct(scene, "Ben", Outcome.ATTENDED, "ill")
    correct(scene, "Cyr", Outcome.EXCUSED, "phone")
    before = results(scene)
    batch = preview(scene, RosterFilter(), None)
    assert view(scene, batch).preview(by=scene.by, at=LATER).totals == {
        Outcome.ATTENDED: (2, 1), Outcome.PARTIAL: (2, 3), Outcome.ABSENT: (0, 1), Outcome.EXCUSED: (1, 0)
    }  # fmt: skip
    confirm(scene, batch, "")
    assert results(scene) == BEFORE
    correct(scene, "Cyr", Outcome.PARTIAL, "later")
    undo(scene, batch)
    assert results(scene) == before | {"Cyr": "partial (later)"}


@pytest.mark.databases
def test_open_appeals_are_accepted_with_the_reason_and_stay_so(scene: Scene) -> None:
    ben = scene.make.actor(scene.people["Ben"])
    file_appeal(scene.lecture.id, AppealInput(text="I was there."), by=ben, at=LATER)
    batch = preview(scene)
    assert [name for _appeal, name in view(scene, batch).preview(by=scene.by, at=LATER).appeals] == ["Ben"]
    absent = preview(scene, PARTIAL, Outcome.ABSENT)
    assert view(scene, absent).preview(by=scene.by, at=LATER).appeals == []
    confirm(scene, batch)
    appeal = db.session.scalars(select(Appeal)).one()
    assert (appeal.state, appeal.answer) == (AppealState.ACCEPTED, "The broadcast failed.")
    undo(scene, batch)
    db.session.refresh(appeal)
    assert appeal.state is AppealState.ACCEPTED


@pytest.mark.databases
def test_what_cannot_be_previewed_or_confirmed_is_refused_and_changes_nothing(scene: Scene) -> None:
    with pytest.raises(Invalid):
        preview(scene, [])
    with pytest.raises(Invalid):
        preview(scene, RosterFilter(q="nobody at all"))
    with pytest.raises(NotFound):
        preview(scene, ["unknown"])
    with pytest.raises(Refused):
        preview(scene, RosterFilter(outcome=Outcome.ATTENDED))
    with pytest.raises(Refused):
        preview(scene, RosterFilter(), None)
    batch = preview(scene)
    close_attendance(scene.lecture.id, by=scene.by, at=LATER)
    for refused in (lambda: confirm(scene, batch), lambda: preview(scene)):
        with pytest.raises(Refused):
            refused()
    assert results(scene) == BEFORE


def test_closed_attendance_is_not_taken_back(scene: Scene) -> None:
    batch = preview(scene)
    confirm(scene, batch)
    close_attendance(scene.lecture.id, by=scene.by, at=LATER)
    with pytest.raises(Refused):
        undo(scene, batch)
    assert results(scene) == CORRECTED


def test_two_previews_of_the_same_people_do_not_overwrite_each_other(scene: Scene) -> None:
    first, second = preview(scene), preview(scene, PARTIAL, Outcome.EXCUSED)
    confirm(scene, first)
    confirm(scene, second, "Too late")
    assert results(scene) == CORRECTED
    assert view(scene, second).counts == {EntryState.STALE: 3}


def test_someone_merged_since_is_taken_back_through_the_row_that_is_kept(scene: Scene) -> None:
    batch = preview(scene, ids(scene, "Ben", "Dora"))
    confirm(scene, batch)
    admin = scene.make.actor(roles=["administrator"])
    merge_people(
        scene.people["Cyr"].public_id, scene.people["Ben"].public_id, reason="The same person", by=admin, at=LATER
    )
    assert results(scene)["Cyr"] == "attended (The broadcast failed.)"
    undo(scene, batch)
    assert results(scene) == {"Ada": "attended", "Cyr": "partial", "Dora": "partial", "Eva": "partial"}


def test_on_the_pages_nothing_changes_before_it_is_confirmed(client: Any, make: Any) -> None:
    with make.app.app_context():
        scene = crowded(make)
        lecture, ben, dora = scene.lecture.id, *ids(scene, "Ben", "Dora")
        make.sign_in(client, scene.teacher)
    listed = f"/lectures/{lecture}/roster?outcome=partial"
    page = client.get(listed)
    assert "Select the 3 on this page" in page.text
    assert f'action="/lectures/{lecture}/roster?outcome=partial"' in page.text
    token = {"csrf_token": token_in(page.text)}
    nobody = client.post(listed, data=token | {"outcome": "attended"})
    assert (nobody.status_code, nobody.location) == (303, f"{listed}#people")
    assert "Select at least one person." in client.get(listed).text
    assert client.post(listed, data=token | {"outcome": "asleep", "all": "1"}).status_code == 422
    ticked = client.post(listed, data=token | {"outcome": "excused", "people": [ben, dora]})
    assert "Mark as excused: 2 people" in client.get(ticked.location).text
    asked = client.post(listed, data=token | {"outcome": "attended", "all": "1"}).location
    shown = client.get(asked).text
    assert "Mark as attended: 3 people" in shown
    assert 'data-testid="moves-attended"' in shown
    client.post(asked, data=token | {"reason": "The broadcast failed."})
    assert "Attended: 3 people" in client.get(asked).text
    assert client.get(listed).text.count('data-testid="roster-row"') == 0
    assert "attended, corrected (The broadcast failed.)" in client.get(f"/lectures/{lecture}/roster?open={ben}").text
    roster = client.get(f"/lectures/{lecture}/roster").text
    assert f'action="/lectures/{lecture}/corrections/{asked.rpartition("/")[2]}/undo"' in roster
    assert "Kenya (5)" in roster
    client.post(f"{asked}/undo", data=token)
    assert "/undo" not in client.get(f"/lectures/{lecture}/roster").text
    assert "Undone: 3 people have their earlier result back" in client.get(asked).text
    assert client.get(listed).text.count('data-testid="roster-row"') == 3


def test_the_api_previews_confirms_and_takes_back(client: Any, make: Any) -> None:
    with make.app.app_context():
        scene = crowded(make)
        lecture, ben, ada = scene.lecture.id, *ids(scene, "Ben", "Ada")
        headers = make.headers(scene.teacher)
    path = f"/api/v1/lectures/{lecture}/attendance-corrections"

    def post(body: dict[str, Any], *more: str) -> Any:
        return client.post("/".join([path, *more]), json=body, headers=headers)

    made = post({"outcome": "attended", "filter": {"outcome": "partial"}})
    assert made.status_code == 201
    assert made.json["changes"]["outcomes"] == {
        "attended": {"now": 1, "after": 4}, "partial": {"now": 3, "after": 0}
    }  # fmt: skip
    assert (made.json["state"], made.json["people"], made.json["left_out"]) == ("previewed", 3, [])
    assert post({"outcome": "attended", "people": [ben, ada]}).json["unchanged"] == 1
    batch = made.json["id"]
    assert post({}, batch, "confirm").status_code == 422
    done = post({"reason": "The broadcast failed."}, batch, "confirm").json
    assert (done["state"], done["corrected"], done["changes"]) == ("corrected", 3, None)
    assert [one["id"] for one in client.get(path, headers=headers).json["items"]] == [batch]
    client.patch(
        f"/api/v1/lectures/{lecture}/attendance/{ben}", json={"outcome": "excused", "reason": "ill"}, headers=headers
    )
    undone = post({}, batch, "undo").json
    assert (undone["state"], undone["undone"]) == ("undone", 2)
    assert undone["left_out"] == [{"id": ben, "full_name": "Ben", "reason": "kept"}]
    assert client.get(f"{path}/{batch}", headers=headers).json == undone
    for body in (
        {"outcome": "attended"}, {"outcome": "attended", "people": [ben], "filter": {}}, {"people": [ben]},
        {"outcome": "asleep", "people": [ben]}, {"outcome": "attended", "people": []},
        {"outcome": "attended", "filter": {"outcome": "asleep"}},
    ):  # fmt: skip
        assert post(body).status_code == 422
    assert post({"outcome": "attended", "people": ["unknown"]}).status_code == 404
    assert post({"reason": "x"}, "unknown", "confirm").status_code == 404

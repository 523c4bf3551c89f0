"""Decisions about many people together: previewed, confirmed, done in steps, and taken back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from lms.batches import kinds
from lms.batches.kinds import BatchView
from lms.batches.models import EntryState
from lms.catalogue.models import Series
from lms.core.background import jobs
from lms.core.base.errors import Forbidden, Invalid, NotFound, Refused
from lms.core.base.roles import SYSTEM, Actor
from lms.core.database import audit
from lms.core.database.session import db
from lms.enrolment.actions.places import set_status
from lms.enrolment.batch_actions import ENROLMENT_CHANGES, preview_batch
from lms.enrolment.models import EnrolmentStatus
from lms.enrolment.queries.batches import count_places
from lms.enrolment.queries.series import SeatFilter, list_seats
from lms.enrolment.quota_files import stage_quota_lines
from lms.enrolment.quotas import set_quotas
from lms.mail.outbox import OutboxMail
from lms.people.actions.merging import merge_people
from lms.people.actions.privacy import erase_person
from tests.forms import token_in

EARLY = datetime(2026, 1, 1, tzinfo=UTC)
AT = datetime(2026, 11, 1, 9, tzinfo=UTC)
APPLIED, ENROLLED, REJECTED, WITHDRAWN, WAITLISTED = (
    EnrolmentStatus.APPLIED, EnrolmentStatus.ENROLLED, EnrolmentStatus.REJECTED, EnrolmentStatus.WITHDRAWN,
    EnrolmentStatus.WAITLISTED,
)  # fmt: skip
BEFORE = {
    "Ann": "enrolled", "Ben": "enrolled", "Cyr": "applied", "Dora": "applied", "Eva": "applied", "Fay": "withdrawn",
}  # fmt: skip


class Scene:
    """A series of four places by application. Ann and Ben have places; Cyr, Dora and Eva applied in this order; Fay
    withdrew."""

    def __init__(self, make: Any) -> None:
        self.make, self.people, self.rows = make, {}, {}
        self.teacher = make.person("Lin", roles=["instructor"])
        self.series: Series = make.series(
            "trade", "Trade", instructors=[self.teacher], capacity=4, admission="application"
        )
        for day, (name, status) in enumerate(BEFORE.items()):
            self.add(name, status, EARLY + timedelta(days=day))

    def add(self, name: str, status: str, at: datetime = AT, country: str = "KE") -> None:
        person = self.make.person(name, email=f"{name.lower()}@x.example", country=country)
        row = self.make.enrolment(self.series, person, status=status, at=at, profile_shared_at=EARLY)
        self.people[name], self.rows[name] = person, row.public_id

    @property
    def by(self) -> Actor:
        return self.make.actor(self.teacher)  # type: ignore[no-any-return]

    def ids(self, *names: str) -> list[str]:
        return [self.rows[name] for name in names]

    def preview(self, people: Any, status: EnrolmentStatus) -> str:
        return preview_batch(self.series.id, people, status=status, by=self.by, at=AT).public_id

    def confirm(self, batch: str, reason: str = "") -> None:
        ENROLMENT_CHANGES.confirm(self.series.id, batch, reason=reason, by=self.by, at=AT)

    def undo(self, batch: str) -> None:
        ENROLMENT_CHANGES.undo(self.series.id, batch, by=self.by, at=AT + timedelta(hours=1))

    def set(self, name: str, status: EnrolmentStatus, hours: int = 0) -> None:
        set_status(self.rows[name], status, by=SYSTEM, at=AT + timedelta(hours=hours))

    def view(self, batch: str) -> BatchView[Any, Any]:
        return ENROLMENT_CHANGES.get_batch(self.series, batch, by=self.by)

    def left_out(self, batch: str) -> list[tuple[str, str]]:
        states = [EntryState.GONE, EntryState.STALE, EntryState.KEPT]
        return [(one.label, one.state.value) for one in self.view(batch).people(*states, by=self.by)]

    def states(self) -> dict[str, str]:
        db.session.rollback()
        seats = list_seats(self.series, by=SYSTEM, limit=99)
        return {seat.person.full_name: seat.enrolment.status.value for seat in seats}

    def taken(self) -> int:
        return db.session.scalar(select(Series.taken).where(Series.id == self.series.id)) or 0

    def mails(self) -> list[tuple[str, str]]:
        query = select(OutboxMail.template, OutboxMail.address).order_by(OutboxMail.id)
        return [(template.removeprefix("enrolment_"), address[0]) for template, address in db.session.execute(query)]


@pytest.fixture
def scene(make: Any, context: None) -> Scene:
    return Scene(make)


@pytest.mark.databases
def test_applications_are_accepted_in_their_order_until_all_places_are_taken(scene: Scene) -> None:
    batch = scene.preview(SeatFilter(), ENROLLED)
    assert scene.states() == BEFORE
    view = scene.view(batch)
    preview = view.preview(by=scene.by, at=AT)
    assert (view.batch.size, view.batch.same, preview.free, preview.seated, preview.queued) == (3, 3, 2, 2, 1)
    assert preview.totals == {APPLIED: (3, 0), WAITLISTED: (0, 1), ENROLLED: (2, 4)}
    assert preview.countries == [("KE", 3)]
    scene.confirm(batch)
    assert scene.states() == BEFORE | {"Cyr": "enrolled", "Dora": "enrolled", "Eva": "waitlisted"}
    assert scene.taken() == 4
    assert scene.mails() == [("enrolled", "c"), ("enrolled", "d"), ("waitlisted", "e")]
    assert (scene.view(batch).changed, count_places(scene.view(batch).batch)) == (3, 2)
    verbs = [entry.verb for entry in audit.list_entries("series", scene.series.id)]
    assert verbs.count("enrolment.enrol") == 3
    with pytest.raises(Refused):
        scene.undo(batch)


@pytest.mark.databases
def test_seats_kept_for_a_country_are_previewed_and_given_as_for_one_person(scene: Scene) -> None:
    set_quotas("trade", stage_quota_lines("Kenya, 1", until=AT + timedelta(days=9), at=AT), by=SYSTEM, at=AT)
    for day, (name, country) in enumerate((("Gus", "PE"), ("Hal", "PE"), ("Ida", "KE"))):
        scene.add(name, "applied", AT + timedelta(days=day - 20), country=country)
    batch = scene.preview(scene.ids("Gus", "Hal", "Ida"), ENROLLED)
    preview = scene.view(batch).preview(by=scene.by, at=AT)
    assert (preview.free, preview.seated, preview.queued) == (1, 2, 1)
    scene.confirm(batch)
    taken = {"Gus": "enrolled", "Hal": "waitlisted", "Ida": "enrolled"}
    assert scene.states() == BEFORE | taken
    out = scene.preview(scene.ids("Ida"), WITHDRAWN)
    assert scene.view(out).preview(by=scene.by, at=AT).promoted == 0
    scene.confirm(out)
    assert scene.states() == BEFORE | taken | {"Ida": "withdrawn"}
    last = scene.preview(scene.ids("Ann"), WITHDRAWN)
    assert scene.view(last).preview(by=scene.by, at=AT).promoted == 1
    scene.confirm(last)
    assert scene.states()["Hal"] == "enrolled"


@pytest.mark.databases
def test_rejected_people_read_the_reason_once(scene: Scene) -> None:
    batch = scene.preview(scene.ids("Cyr", "Eva", "Ann"), REJECTED)
    assert scene.view(batch).batch.same == 1
    with pytest.raises(Invalid):
        scene.confirm(batch, " \u200b")
    scene.confirm(batch, "Only officials can take part.")
    scene.confirm(batch, "Other words")
    assert scene.states() == BEFORE | {"Cyr": "rejected", "Eva": "rejected"}
    payloads = db.session.scalars(select(OutboxMail.payload)).all()
    assert [one["reason"] for one in payloads] == ["Only officials can take part."] * 2


@pytest.mark.databases(differs=True)
def test_withdrawn_people_make_room_and_are_enrolled_again_while_there_are_places(scene: Scene) -> None:
    db.session.execute(update(Series).values(capacity=5))
    db.session.commit()
    for name in ("Gus", "Hal", "Ida"):
        scene.add(name, "enrolled")
    for day, name in enumerate(("Jon", "Kim")):
        scene.add(name, "waitlisted", AT + timedelta(days=day - 9))
    batch = scene.preview(scene.ids("Jon", "Gus", "Hal", "Ida", "Fay", "Cyr"), WITHDRAWN)
    preview = scene.view(batch).preview(by=scene.by, at=AT)
    assert (scene.view(batch).batch.same, preview.promoted) == (2, 1)
    assert preview.totals == {ENROLLED: (5, 3), WAITLISTED: (2, 0), WITHDRAWN: (1, 5)}
    scene.confirm(batch)
    out = dict.fromkeys(("Gus", "Hal", "Ida", "Jon"), "withdrawn")
    assert scene.states() == BEFORE | out | {"Kim": "enrolled"}
    assert sorted(scene.mails()) == [
        ("place_won", "k"), ("withdrawn", "g"), ("withdrawn", "h"), ("withdrawn", "i"), ("withdrawn", "j")
    ]  # fmt: skip
    assert scene.taken() == 3
    scene.undo(batch)
    assert scene.states() == BEFORE | {
        "Gus": "enrolled", "Hal": "enrolled", "Ida": "waitlisted", "Jon": "waitlisted", "Kim": "enrolled"
    }  # fmt: skip
    view = scene.view(batch)
    assert (view.stage.value, view.count(EntryState.TAKEN_BACK), count_places(view.batch)) == ("undone", 4, 2)


@pytest.mark.databases
def test_who_left_or_was_decided_on_meanwhile_is_named_and_skipped(scene: Scene) -> None:
    batch = scene.preview(scene.ids("Cyr", "Dora", "Eva"), ENROLLED)
    scene.set("Cyr", WITHDRAWN)
    scene.set("Dora", REJECTED)
    scene.confirm(batch)
    assert scene.states() == BEFORE | {"Cyr": "withdrawn", "Dora": "rejected", "Eva": "enrolled"}
    assert scene.left_out(batch) == [("Cyr", "stale"), ("Dora", "stale")]
    again = scene.preview(scene.ids("Ann", "Ben", "Eva"), WITHDRAWN)
    scene.confirm(again)
    for hours, status in enumerate((ENROLLED, WITHDRAWN), 1):
        scene.set("Ann", status, hours)
    scene.set("Ben", ENROLLED, 1)
    scene.undo(again)
    assert scene.left_out(again) == [("Ann", "kept"), ("Ben", "kept")]
    assert scene.states()["Eva"] == "enrolled"


def test_merged_and_erased_people_are_left_alone(scene: Scene) -> None:
    admin = scene.make.actor(roles=["administrator"])
    batch = scene.preview(scene.ids("Cyr", "Dora"), ENROLLED)
    merge_people(scene.people["Ann"].public_id, scene.people["Cyr"].public_id, by=SYSTEM, at=AT)
    scene.confirm(batch)
    assert scene.view(batch).counts == {EntryState.GONE: 1, EntryState.CHANGED: 1}
    out = scene.preview(scene.ids("Ben"), WITHDRAWN)
    scene.confirm(out)
    erase_person(
        scene.people["Ben"].public_id, confirmation="ben@x.example", withdraw_certificates=False, by=admin, at=AT
    )
    scene.undo(out)
    assert scene.view(out).counts == {EntryState.KEPT: 1}


@pytest.mark.databases
def test_what_cannot_be_previewed_is_refused(scene: Scene) -> None:
    for people, status, error in (
        ([], ENROLLED, Invalid), (SeatFilter(q="nobody at all"), ENROLLED, Invalid), (["unknown"], ENROLLED, NotFound),
        (scene.ids("Ann"), ENROLLED, Refused), (scene.ids("Ann"), REJECTED, Refused),
        (scene.ids("Fay", "Cyr"), WITHDRAWN, Refused), (scene.ids("Cyr"), APPLIED, Invalid),
    ):  # fmt: skip
        with pytest.raises(error):
            scene.preview(people, status)
    other = scene.make.series("other")
    elsewhere = scene.make.enrolment(other, scene.people["Ann"]).public_id
    with pytest.raises(NotFound):
        scene.preview([elsewhere], WITHDRAWN)
    for outsider in (scene.make.actor(roles=["reporter"]), scene.make.actor(roles=[("focal_point", "KE")])):
        with pytest.raises(Forbidden):
            preview_batch(scene.series.id, SeatFilter(), status=WITHDRAWN, by=outsider, at=AT)
    assert scene.states() == BEFORE


def test_a_task_acts_in_the_name_of_who_confirmed_it(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kinds, "AT_ONCE", 1)
    monkeypatch.setattr(ENROLMENT_CHANGES, "step", 1)
    scene.confirm(scene.preview(SeatFilter(), ENROLLED))
    jobs.run_due()
    assert scene.states()["Eva"] == "waitlisted"
    payloads = db.session.scalars(select(OutboxMail.payload)).all()
    assert [payload["enrolled_by"] for payload in payloads] == ["Lin"] * 3


def test_on_the_pages_nothing_changes_before_it_is_confirmed(client: Any, make: Any) -> None:
    with make.app.app_context():
        scene = Scene(make)
        ann, cyr = scene.ids("Ann", "Cyr")
        make.sign_in(client, scene.teacher)
    listed, changes = "/series/trade/enrolments?status=applied", "/series/trade/enrolment-changes"
    page = client.get(listed)
    assert "Select the 3 on this page" in page.text
    assert f'action="{changes}?status=applied"' in page.text
    token = {"csrf_token": token_in(page.text)}
    nobody = client.post(f"{changes}?status=applied&size=100", data=token | {"status": "enrolled"})
    assert (nobody.status_code, nobody.location) == (303, "/series/trade/enrolments?status=applied&size=100#who")
    assert "Select at least one person." in client.get(listed).text
    assert client.post(changes, data=token | {"status": "asleep", "all": "1"}).status_code == 422
    asked = client.post(f"{changes}?status=applied", data=token | {"status": "enrolled", "all": "1"}).location
    shown = client.get(asked).text
    assert "Accept: 3 people" in shown
    assert "2 places are free now." in shown
    client.post(asked, data=token)
    assert "Accepted: 3 people" in client.get(asked).text
    refused = client.post(changes, data=token | {"status": "rejected", "people": [cyr]})
    assert "no one to reject" in client.get(refused.location).text
    out = client.post(changes, data=token | {"status": "withdrawn", "people": [ann, cyr]}).location
    client.post(out, data=token)
    assert "View or undo" in client.get(listed).text
    client.post(f"{out}/undo", data=token)
    assert "Undone: 2 people are in the series again" in client.get(out).text
    opened = client.get(f"/series/trade/enrolments?open={ann}").text
    assert opened.count('data-testid="opened"') == 1


def test_the_api_previews_confirms_and_takes_back(client: Any, make: Any) -> None:
    with make.app.app_context():
        scene = Scene(make)
        ann, ben, cyr = scene.ids("Ann", "Ben", "Cyr")
        headers = make.headers(scene.teacher)
        strangers = make.headers(make.person("Fo", roles=[("focal_point", "KE")]))
    path = "/api/v1/series/trade/enrolment-changes"

    def post(body: dict[str, Any], *more: str) -> Any:
        return client.post("/".join([path, *more]), json=body, headers=headers)

    made = post({"status": "enrolled", "filter": {"status": "applied"}})
    assert (made.status_code, made.json["state"], made.json["people"], made.json["left_out"]) == (
        201, "previewed", 3, [],
    )  # fmt: skip
    assert made.json["changes"] == {
        "statuses": {
            "applied": {"now": 3, "after": 0},
            "enrolled": {"now": 2, "after": 4},
            "waitlisted": {"now": 0, "after": 1},
        },
        "countries": {"KE": 3},
        "seated": 2,
        "waitlisted": 1,
        "promoted": 0,
        "free": 2,
    }
    done = post({}, made.json["id"], "confirm").json
    assert (done["state"], done["changed"], done["changes"]) == ("done", 3, None)
    assert post({}, made.json["id"], "undo").status_code == 409  # people read the decision

    out = post({"status": "withdrawn", "enrolments": [ann, ben, cyr]}).json
    assert (out["changes"]["promoted"], out["unsuitable"]) == (1, 0)
    client.patch(f"/api/v1/enrolments/{cyr}", json={"status": "withdrawn"}, headers=headers)
    changed = post({}, out["id"], "confirm").json
    assert (changed["changed"], changed["left_out"]) == (2, [{"id": cyr, "name": "Cyr", "reason": "stale"}])
    undone = post({}, out["id"], "undo").json
    assert (undone["state"], undone["undone"]) == ("undone", 2)
    assert [one["id"] for one in client.get(path, headers=headers).json["items"]] == [out["id"], made.json["id"]]

    with make.app.app_context():
        scene.series = db.session.scalars(select(Series)).one()
        scene.add("Gil", "applied")
    rejecting = post({"status": "rejected", "filter": {"status": "applied"}})
    assert rejecting.status_code == 201
    assert post({"reason": " "}, rejecting.json["id"], "confirm").status_code == 422
    for body in (
        {"status": "enrolled"}, {"status": "enrolled", "enrolments": [ann], "filter": {}}, {"enrolments": [ann]},
        {"status": "applied", "enrolments": [ann]}, {"status": "withdrawn", "enrolments": []},
    ):  # fmt: skip
        assert post(body).status_code == 422, body
    assert post({"status": "withdrawn", "enrolments": ["unknown"]}).status_code == 404
    assert post({"status": "enrolled", "enrolments": [ann]}).status_code == 409  # has a place: nobody to accept
    assert post({}, "unknown", "confirm").status_code == 404
    assert client.get(path, headers=strangers).status_code == 403

"""Reminders to people who are falling behind: whom they reach, what they state, and who may send them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import select

from lms.core.base.errors import Forbidden, Invalid, NotFound, Refused
from lms.core.base.roles import SYSTEM
from lms.core.database.session import db
from lms.mail.kinds import MailKind
from lms.mail.outbox import OutboxMail
from lms.mail.rendering import render
from lms.messages import rules
from lms.messages.actions import confirm_message, save_message, send_due_messages
from lms.messages.models import Audience, Message, MessageState
from lms.messages.queries import Readers, count_audiences, count_readers, get_message, list_examples, list_messages
from lms.messages.rules import AudienceInput, MessageInput
from lms.people.actions.access import revoke_role
from lms.people.actions.mails import choose_mails
from lms.people.models import RoleGrant
from tests.dashboards.conftest import World, now, world
from tests.enrolment.conftest import Reader
from tests.rows import each_row

__all__ = ["now", "world"]
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
BEHIND = AudienceInput(Audience.BEHIND)
KENYA = AudienceInput(Audience.BEHIND, country="KE")


@pytest.fixture
def scene(world: World) -> Iterator[Any]:
    """Four lectures, two held, two asked for: of Kenya *Never* and *Nowhere* missed both and *Once* one, as *Uganda*
    of another country did both."""
    make, at = world.make, world.at
    series = make.series(
        "two-of-four",
        instructors=[world.instructor],
        policy={"certificate": "participation", "min_lectures_percent": 50},
    )
    people = {
        name: make.person(name, f"{name.lower()}@x.example", country=code)
        for name, code in {"Never": "KE", "Nowhere": "KE", "Once": "KE", "Uganda": "UG"}.items()
    }
    for person in people.values():
        make.enrolment(series, person, at=at - 9 * DAY)
    held = [
        make.lecture(
            series, starts_at=at - days * DAY, actual_start=at - days * DAY, actual_end=at - days * DAY + HOUR,
            state="held", policy_id=world.policy_of(series), at=at - 9 * DAY,
        )
        for days in (5, 3)
    ]  # fmt: skip
    for days in (3, 5):
        make.lecture(series, starts_at=at + days * DAY, at=at - 9 * DAY)
    world.be_there(held[0], people["Once"], (0, 60))
    focal = make.person("Peter", "peter@x.example", roles=[("focal_point", "KE")], country="KE")
    with make.app.app_context():
        yield SimpleNamespace(
            make=make, at=at, series=series, people=people, focal=focal, by=make.actor(focal),
            staff=make.actor(world.instructor), starts=at + rules.WAIT,
        )  # fmt: skip


def draft(scene: Any, to: AudienceInput = KENYA, *, by: Any = None) -> str:
    typed = MessageInput(to, "Come along", "Dear {name},\n\nplease come.")
    return save_message(scene.series.slug, None, typed, by=by or scene.by, at=scene.at)


def send(scene: Any, to: AudienceInput = KENYA, *, by: Any = None) -> Message:
    by = by or scene.by
    public_id = draft(scene, to, by=by)
    number = count_readers(scene.series, to, by=by).number
    confirm_message(scene.series.slug, public_id, number, by=by, at=scene.at)
    row = db.session.scalar(select(Message).where(Message.public_id == public_id))
    assert row is not None
    return row


def mails() -> list[OutboxMail]:
    return list(db.session.scalars(select(OutboxMail).where(OutboxMail.template == "message").order_by(OutboxMail.id)))


@pytest.mark.databases
def test_people_behind_are_counted_for_staff_and_for_their_focal_point(scene: Any) -> None:
    assert count_audiences(scene.series, None, by=scene.staff)[Audience.BEHIND] == 3
    assert count_readers(scene.series, BEHIND, by=scene.staff) == Readers(3, 0, 0)
    assert count_readers(scene.series, KENYA, by=scene.by) == Readers(2, 0, 0)
    search = AudienceInput(Audience.BEHIND, country="KE", search="NOWHERE@")
    assert [name for _id, name in list_examples(scene.series, search, by=scene.by)] == ["Nowhere"]


@pytest.mark.databases
def test_each_reader_learns_how_far_they_are(scene: Any) -> None:
    send(scene)
    assert send_due_messages(at=scene.starts) == 2
    assert [mail.address for mail in mails()] == ["never@x.example", "nowhere@x.example"]
    text = render(mails()[0], scene.make.app.extensions["lms.config"]).get_body(("plain",))
    assert text is not None
    assert (
        "please come.\n\nYou have attended 0 of the 2 lectures for your certificate. "
        "2 lectures remain, and the certificate needs 2." in text.get_content()
    )


def test_people_who_declined_messages_are_left_out(scene: Any) -> None:
    choose_mails(scene.people["Never"].id, {MailKind.MESSAGE: False}, by=SYSTEM, at=scene.at)
    assert count_readers(scene.series, KENYA, by=scene.by) == Readers(2, 1, 0)
    send(scene)
    send_due_messages(at=scene.starts)
    assert [mail.address for mail in mails()] == ["nowhere@x.example"]


@each_row(
    "to",
    [AudienceInput(country="KE"), BEHIND, AudienceInput(Audience.BEHIND, country="UG")],
)
def test_a_focal_point_writes_to_people_of_their_country_who_are_behind_only(scene: Any, to: AudienceInput) -> None:
    with pytest.raises(Forbidden, match="their own countries"):
        draft(scene, to)
    assert db.session.scalar(select(Message)) is None


def test_a_focal_point_sees_their_own_messages_only(scene: Any) -> None:
    others, message_id = draft(scene, by=scene.staff), draft(scene)
    assert [row.public_id for row in list_messages(scene.series, by=scene.by)] == [message_id]
    assert {row.public_id for row in list_messages(scene.series, by=scene.staff)} == {message_id, others}
    with pytest.raises(NotFound):
        get_message(scene.series, others, by=scene.by)


def test_a_focal_point_who_loses_the_role_stops_the_reminder(scene: Any) -> None:
    row = send(scene)
    grant = db.session.scalar(select(RoleGrant).where(RoleGrant.person_id == scene.focal.id))
    assert grant is not None
    revoke_role(scene.focal.public_id, grant.id, by=scene.make.administrator(), at=scene.at)
    send_due_messages(at=scene.starts)
    db.session.refresh(row)
    assert (mails(), row.state) == ([], MessageState.STOPPED)


def test_reminders_to_one_country_have_a_limit_of_their_own(scene: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules, "MAX_A_DAY", 1)
    for _turn in range(rules.MAX_REMINDERS_A_DAY):
        send(scene)
    with pytest.raises(Refused, match="2 reminders about this series in the last 24 hours"):
        send(scene)
    send(scene, AudienceInput(Audience.BEHIND, country="UG"), by=scene.staff)
    send(scene, AudienceInput(), by=scene.staff)


def test_nobody_is_behind_where_nothing_was_held(scene: Any) -> None:
    make, at = scene.make, scene.at
    series = make.series("begins", policy={"certificate": "participation"})
    make.lecture(series, starts_at=at + DAY)
    assert Audience.BEHIND not in count_audiences(series, None, by=make.administrator())
    with pytest.raises(Refused, match="after its first lecture and while"):
        count_readers(series, BEHIND, by=make.administrator())


def test_a_long_search_is_refused(scene: Any) -> None:
    with pytest.raises(Invalid) as error:
        draft(scene, AudienceInput(Audience.BEHIND, country="KE", search="x" * 101))
    assert [fault.field for fault in error.value.faults] == ["search"]


@pytest.mark.databases
def test_the_list_leads_to_a_reminder_that_is_previewed_sent_and_stopped(scene: Any) -> None:
    peter = Reader(scene.make.app.test_client(), scene.make, scene.focal)
    slug = scene.series.slug
    listed = peter.get(f"/country/behind?series={slug}&q=no").text
    assert "Remind this person" in listed
    address = f"/series/{slug}/messages/new?to=behind&country=KE&search=no"
    assert address.replace("&", "&amp;") in listed
    form = peter.get(address).text
    assert 'data-value="1"' in form
    assert "You can still earn your certificate: " in form
    assert 'name="to"' not in form
    assert "Uganda" not in form
    typed = {"country": "KE", "search": "no", "subject": "Come along", "text": "Dear {name},"}
    saved = peter.post(f"/series/{slug}/messages/new", **typed)
    assert saved.status_code == 303
    page = peter.get(saved.location).text
    assert "Send to 1 person" in page
    assert "You have attended 0 of the 2 lectures" in page
    assert peter.post(f"{saved.location}/send", readers="1").status_code == 303
    assert 'data-state="waiting"' in peter.get(saved.location).text
    assert peter.post(f"{saved.location}/stop").status_code == 303
    assert 'data-state="stopped"' in peter.get(saved.location).text


def test_staff_reach_it_from_the_certificates_of_the_series(world: World, scene: Any) -> None:
    lin = Reader(scene.make.app.test_client(), scene.make, world.instructor)
    there = f"/series/{scene.series.slug}/messages/new?to=behind"
    assert f'href="{there}"' in lin.get(f"/series/{scene.series.slug}/certificates").text
    form = lin.get(there).text
    assert 'data-value="3"' in form
    assert "Below your text, each e-mail states" in form


def test_reporters_are_not_offered_it(scene: Any) -> None:
    reporter = Reader(scene.make.app.test_client(), scene.make, scene.make.person(roles=["reporter"]))
    assert "to=behind" not in reporter.get(f"/series/{scene.series.slug}/certificates").text


def test_the_api_takes_and_names_the_search(scene: Any) -> None:
    client = scene.make.app.test_client()
    head = {"Authorization": f"Bearer {scene.make.token(scene.focal)}"}
    sent = {"audience": "behind", "country": "KE", "search": "never", "subject": "Come", "text": "Dear {name},"}
    there = f"/api/v1/series/{scene.series.slug}/messages"
    made = client.post(there, json=sent, headers=head)
    assert made.status_code == 201
    assert (made.json["search"], made.json["readers"]) == ("never", 1)
    assert client.post(there, json=sent | {"audience": "everyone"}, headers=head).status_code == 403
    assert [item["id"] for item in client.get(there, headers=head).json["items"]] == [made.json["id"]]

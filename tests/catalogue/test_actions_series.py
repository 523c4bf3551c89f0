"""Making and changing series: who may, repeats, seats, policies; on both databases."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from threading import Thread

import pytest
from apiflask import APIFlask
from sqlalchemy import select

from lms.catalogue.actions.series import create_or_repeat_series, create_series, edit_series
from lms.catalogue.handlers import on_erasure, on_export
from lms.catalogue.inputs import PolicyInput, SeriesInput
from lms.catalogue.models import Policy, Series, Visibility
from lms.catalogue.queries.policies import current_policy
from lms.catalogue.queries.series import get_series
from lms.core.base import events
from lms.core.base.errors import Forbidden, Invalid, NotFound, Refused
from lms.core.base.roles import ANONYMOUS, SYSTEM, Actor
from lms.core.database import audit
from lms.core.database.session import db
from tests.factories import Make
from tests.rows import each_row

MakeSeries = Callable[..., Series]
MakeLecture = Callable[..., object]


@pytest.fixture
def published(app: APIFlask) -> list[events.Event]:
    """Events published during the test."""
    heard: list[events.Event] = []
    bus: events.EventBus = app.extensions[events.KEY]
    publish = bus.publish
    bus.publish = lambda event: (heard.append(event), publish(event))[1]  # type: ignore[method-assign]
    yield heard  # type: ignore[misc]
    del bus.publish  # type: ignore[method-assign]


def draft(**fields: object) -> SeriesInput:
    values: dict[str, object] = {"slug": "trade", "title": "Trade", **fields}
    return SeriesInput(**values)  # type: ignore[arg-type]


@pytest.mark.databases
def test_create_series_stores_all_and_names_its_maker(ines: Actor, at: datetime) -> None:
    made = create_series(
        draft(
            description="Two\r\nlines",
            language="fr",
            admission="application",
            starts_on=date(2026, 12, 1),
            ends_on=date(2026, 12, 31),
            capacity=40,
            countries=("ke", "TZ", "KE"),
            policy=PolicyInput(min_percent=70, certificate=None),
        ),
        by=ines,
        at=at,
    )
    assert (made.slug, made.title, made.description, made.language) == ("trade", "Trade", "Two\nlines", "fr")
    assert (made.visibility, made.admission, made.capacity, made.taken) == ("public", "application", 40, 0)
    assert [country.code for country in made.countries] == ["KE", "TZ"]
    assert [person.id for person in made.instructors] == [ines.person_id]
    policy = current_policy(made.id)
    assert (policy.version, policy.min_percent, policy.min_lectures_percent) == (1, 70, 60)
    assert (policy.certificate, policy.created_by) == (None, ines.person_id)
    assert [entry.verb for entry in audit.list_entries("series", made.id)] == ["create_series"]


@pytest.mark.databases
def test_create_series_again_is_the_same_and_other_content_is_refused(ines: Actor, omar: Actor, at: datetime) -> None:
    first, is_new = create_or_repeat_series(draft(countries=("KE", "TZ")), by=ines, at=at)
    assert is_new
    again, is_new = create_or_repeat_series(draft(countries=("TZ", "KE")), by=ines, at=at)
    assert (again.id, is_new) == (first.id, False)
    for other in (draft(), draft(countries=("KE",)), draft(countries=("KE", "TZ"), title="Trades")):
        with pytest.raises(Refused, match="trade"):
            create_series(other, by=ines, at=at)
    with pytest.raises(Refused):
        create_series(draft(countries=("KE", "TZ")), by=omar, at=at)  # would be given by another


def test_create_series_again_holds_after_a_lecture_brought_an_instructor(
    ines: Actor, omar: Actor, make_lecture: MakeLecture, at: datetime
) -> None:
    first = create_series(draft(), by=ines, at=at)
    make_lecture(instructors=("Omar@Example.org",))
    assert {person.full_name for person in get_series("trade", by=ines).instructors} == {"Ines", "Omar"}
    assert create_series(draft(), by=ines, at=at).id == first.id


def test_create_series_is_for_instructors_and_administrators(trainee: Actor, admin: Actor, at: datetime) -> None:
    for nobody in (trainee, ANONYMOUS):
        with pytest.raises(Forbidden):
            create_series(draft(), by=nobody, at=at)
    assert create_series(draft(), by=admin, at=at).instructors == []


@each_row(
    "fields, field",
    [
        ({"slug": ""}, "slug"),
        ({"slug": "new"}, "slug"),
        ({"slug": "Trade"}, "slug"),
        ({"slug": "a--b"}, "slug"),
        ({"slug": "a/b"}, "slug"),
        ({"slug": "a" * 81}, "slug"),
        ({"title": " \u200b "}, "title"),
        ({"title": "a" * 201}, "title"),
        ({"language": "english"}, "language"),
        ({"visibility": "hidden"}, "visibility"),
        ({"admission": "closed"}, "admission"),
        ({"starts_on": date(2026, 2, 1), "ends_on": date(2026, 1, 1)}, "ends_on"),
        ({"starts_on": date(1, 1, 1)}, "starts_on"),
        ({"capacity": 0}, "capacity"),
        ({"capacity": 2**31}, "capacity"),
        ({"countries": ("KE", "ZZ")}, "countries"),
        ({"instructors": ("nobody@example.org",)}, "instructors"),
        ({"policy": PolicyInput(min_percent=0)}, "policy.min_percent"),
        ({"policy": PolicyInput(min_lectures_percent=101)}, "policy.min_lectures_percent"),
        ({"policy": PolicyInput(replay_days=-1)}, "policy.replay_days"),
        ({"policy": PolicyInput(walk_ins="shout")}, "policy.walk_ins"),  # type: ignore[arg-type]
    ],
)
def test_create_series_names_the_field_that_is_wrong(
    ines: Actor, at: datetime, fields: dict[str, object], field: str
) -> None:
    with pytest.raises(Invalid) as caught:
        create_series(draft(**fields), by=ines, at=at)
    assert [fault.field for fault in caught.value.faults] == [field]
    assert db.session.scalars(select(Series)).all() == []


@pytest.mark.databases(differs=True)
def test_create_series_at_once_makes_one(app: APIFlask, ines: Actor, at: datetime) -> None:
    answers: list[bool] = []

    def create() -> None:
        with app.app_context():
            answers.append(create_or_repeat_series(draft(), by=ines, at=at)[1])

    threads = [Thread(target=create) for _number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [False] * 7 + [True]


@pytest.mark.databases
def test_edit_series_changes_what_is_named_and_nothing_else(
    ines: Actor, at: datetime, published: list[events.Event]
) -> None:
    create_series(draft(description="Old", capacity=10, countries=("KE",)), by=ines, at=at)
    edited = edit_series("trade", {"title": "Trade at sea", "capacity": 20}, by=ines, at=at)
    assert (edited.title, edited.description, edited.capacity) == ("Trade at sea", "Old", 20)
    assert [country.code for country in edited.countries] == ["KE"]
    assert [type(event) for event in published] == [events.CapacityChanged]
    edited = edit_series("trade", {"countries": None, "capacity": None}, by=ines, at=at)
    assert (edited.countries, edited.capacity) == ([], None)
    edited = edit_series("trade", {"nominations_need_approval": True}, by=ines, at=at)
    assert edited.nominations_need_approval
    assert audit.list_entries("series", edited.id)[0].detail["fields"] == ["nominations_need_approval"]


@pytest.mark.databases
def test_edit_series_policy_is_a_new_version(ines: Actor, at: datetime, published: list[events.Event]) -> None:
    made = create_series(draft(policy=PolicyInput(replay_days=7)), by=ines, at=at)
    edit_series("trade", {"policy": {"min_percent": 75}}, by=ines, at=at)
    edit_series("trade", {"policy": {"min_percent": 75}}, by=ines, at=at)
    rows = db.session.scalars(select(Policy).where(Policy.series_id == made.id).order_by(Policy.version)).all()
    assert [(row.version, row.min_percent, row.replay_days) for row in rows] == [(1, 60, 7), (2, 75, 7)]
    assert published == []


def test_edit_series_is_for_its_instructors_and_administrators(
    ines: Actor, omar: Actor, admin: Actor, trainee: Actor, at: datetime
) -> None:
    create_series(draft(), by=ines, at=at)
    for other in (omar, trainee, ANONYMOUS):
        with pytest.raises(Forbidden):
            edit_series("trade", {"title": "Mine"}, by=other, at=at)
    assert edit_series("trade", {"visibility": "draft"}, by=admin, at=at).visibility is Visibility.DRAFT
    with pytest.raises(NotFound):
        edit_series("trade", {"title": "Mine"}, by=omar, at=at)
    with pytest.raises(NotFound):
        edit_series("nothing", {"title": "Mine"}, by=ines, at=at)


def test_edit_series_slug_moves_only_while_draft(ines: Actor, at: datetime, make_series: MakeSeries) -> None:
    make_series("other")
    create_series(draft(visibility="draft"), by=ines, at=at)
    with pytest.raises(Refused):
        edit_series("trade", {"slug": "other"}, by=ines, at=at)
    assert edit_series("trade", {"slug": "sea", "visibility": "public"}, by=ines, at=at).slug == "sea"
    with pytest.raises(Invalid):
        edit_series("sea", {"slug": "trade"}, by=ines, at=at)


def test_edit_series_keeps_who_gives_a_lecture_to_come(
    ines: Actor, omar: Actor, make_lecture: MakeLecture, at: datetime
) -> None:
    create_series(draft(), by=ines, at=at)
    make_lecture(instructors=("omar@example.org",))
    with pytest.raises(Refused, match="Omar gives “Opening”"):
        edit_series("trade", {"instructors": ("ines@example.org",)}, by=ines, at=at)
    edited = edit_series("trade", {"instructors": ("omar@example.org",)}, by=ines, at=at)
    assert [person.full_name for person in edited.instructors] == ["Omar"]


@pytest.mark.databases
def test_the_capacity_holds_for_places_that_are_taken_and_kept(make: Make, make_series: MakeSeries) -> None:
    series = make_series(capacity=4)
    for _number in range(3):
        make.enrolment(series)
    with pytest.raises(Refused, match="the 3 people enrolled"):
        edit_series("trade", {"capacity": 2}, by=SYSTEM, at=series.created_at)
    with pytest.raises(Refused, match="must stay public"):
        edit_series("trade", {"visibility": "draft"}, by=SYSTEM, at=series.created_at)
    make.quota(series, "KE", seats=1)
    with pytest.raises(Refused, match="lower than 4: 3 enrolled, 0 reserved for nominees, 1 kept"):
        edit_series("trade", {"capacity": 3}, by=SYSTEM, at=series.created_at)
    assert db.session.get_one(Series, series.id).taken == 3


def test_merging_hands_over_what_is_given_and_undoing_returns_it(
    ines: Actor, omar: Actor, make_lecture: MakeLecture, at: datetime
) -> None:
    from lms.catalogue.actions.people import move_instructor, return_instructor

    create_series(draft(), by=ines, at=at)
    make_lecture(instructors=("omar@example.org",))
    assert omar.person_id
    assert ines.person_id
    move_instructor(omar.person_id, ines.person_id, by=SYSTEM, at=at)
    assert [person.full_name for person in get_series("trade", by=SYSTEM).instructors] == ["Ines"]
    return_instructor(omar.person_id, ines.person_id, by=SYSTEM, at=at)
    assert [person.full_name for person in get_series("trade", by=SYSTEM).instructors] == ["Ines", "Omar"]


def test_export_and_erasure_of_an_instructor(ines: Actor, make_lecture: MakeLecture, at: datetime) -> None:
    create_series(draft(), by=ines, at=at)
    make_lecture(by=ines, instructors=("ines@example.org",))
    assert ines.person_id
    export = events.PersonExportAsked(person_id=ines.person_id, by=ines, at=at)
    on_export(export)
    part = export.parts["catalogue"]
    assert part["series_given"] == ["trade"]
    assert [lecture["title"] for lecture in part["lectures_given"]] == ["Opening"]
    assert [change["what"] for change in part["changes_made"]] == ["created"]
    on_erasure(events.PersonErased(person_id=ines.person_id, withdraw_certificates=False, by=SYSTEM, at=at))
    assert get_series("trade", by=SYSTEM).instructors == []

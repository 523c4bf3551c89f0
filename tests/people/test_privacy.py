"""Merging and undoing, erasing, and the list of countries."""

from __future__ import annotations

from datetime import date, datetime

import pytest
from apiflask import APIFlask
from sqlalchemy import select

from lms.core.db import db
from lms.core.errors import Forbidden, Invalid, NotFound, Refused
from lms.core.events import KEY, MergeUndone, PeopleMerged, PersonErased
from lms.core.roles import SYSTEM, Role
from lms.core.sorting import sort_key
from lms.people import actions, queries
from lms.people.models import Person
from tests.factories import PASSWORD, Make


@pytest.fixture
def said(app: APIFlask, monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """What was told to the slices above."""
    heard: list[object] = []
    handlers = {kind: [heard.append] for kind in (PeopleMerged, MergeUndone, PersonErased)}
    monkeypatch.setattr(app.extensions[KEY], "handlers", handlers)
    return heard


@pytest.mark.databases
@pytest.mark.usefixtures("context")
def test_merged_people_are_one_until_it_is_undone(make: Make, at: datetime, said: list[object]) -> None:
    kept = make.person(email="kept@example.org", country=None)
    merged = make.person(email="merged@example.org", country="UG", roles=["reporter"], password=PASSWORD)
    kept_id, merged_id = kept.id, merged.id
    actions.merge_people(kept.public_id, merged.public_id, by=SYSTEM, at=at)
    uganda = queries.country_by_code("UG")
    assert uganda is not None
    assert queries.person_id_of(merged.public_id) == kept_id
    assert queries.ids_by_email(["merged@example.org"]) == {"merged@example.org": kept_id}
    assert queries.country_id_of(kept_id, date(2025, 1, 1)) == uganda.id
    assert queries.addresses_of([kept_id]) == {kept_id: "kept@example.org"}
    actor = queries.load_actor(merged_id, at)
    assert actor is not None
    assert (actor.person_id, actor.roles) == (kept_id, {Role.REPORTER})
    assert actions.check_password("merged@example.org", PASSWORD, demonstration=False, at=at) == kept_id
    actions.undo_merge(merged.public_id, by=SYSTEM, at=at)
    assert queries.person_id_of(merged.public_id) == merged_id
    assert queries.country_id_of(kept_id, date(2025, 1, 1)) is None
    assert said == [
        PeopleMerged(by=SYSTEM, at=at, kept_id=kept_id, merged_id=merged_id),
        MergeUndone(by=SYSTEM, at=at, kept_id=kept_id, merged_id=merged_id),
    ]


@pytest.mark.usefixtures("context")
def test_merging_has_its_limits(make: Make, at: datetime, said: list[object]) -> None:
    first, second, third = (make.person().public_id for _number in range(3))
    with pytest.raises(Forbidden):
        actions.merge_people(first, second, by=make.actor(roles=["instructor"]), at=at)
    actions.merge_people(first, second, by=SYSTEM, at=at)
    with pytest.raises(Refused):
        actions.merge_people(third, first, by=SYSTEM, at=at)
    with pytest.raises(Refused):
        actions.undo_merge(first, by=SYSTEM, at=at)
    with pytest.raises(NotFound):
        actions.merge_people(first, "nobody", by=SYSTEM, at=at)


@pytest.mark.databases
@pytest.mark.usefixtures("context")
def test_erasing_takes_all_rows_of_a_person(make: Make, at: datetime, said: list[object]) -> None:
    kept, merged = make.person(email="kept@example.org"), make.person(email="merged@example.org")
    actions.merge_people(kept.public_id, merged.public_id, by=SYSTEM, at=at)
    said.clear()
    with pytest.raises(NotFound):
        actions.erase_person(
            kept.public_id, confirmation="kept@example.org", withdraw_certificates=False, by=make.actor(), at=at
        )
    actions.erase_person(
        merged.public_id, confirmation="Kept@example.org", withdraw_certificates=True, by=SYSTEM, at=at
    )
    rows = db.session.scalars(select(Person).where(Person.id.in_([kept.id, merged.id]))).all()
    assert [(row.full_name, row.erased_at) for row in rows] == [("", at), ("", at)]
    assert [event.person_id for event in said if isinstance(event, PersonErased)] == [kept.id, merged.id]
    assert queries.ids_by_email(["kept@example.org", "merged@example.org"]) == {}
    assert queries.load_actor(kept.id, at) is None


@pytest.mark.usefixtures("context")
def test_the_only_administrator_stays(make: Make, at: datetime) -> None:
    person = make.person(email="ada@example.org", roles=["administrator"])
    given = {"confirmation": "ada@example.org", "withdraw_certificates": False, "by": SYSTEM, "at": at}
    with pytest.raises(Refused):
        actions.erase_person(person.public_id, **given)
    make.person(roles=["administrator"])
    actions.erase_person(person.public_id, **given)


@pytest.mark.usefixtures("context")
def test_countries_load_again_without_change(at: datetime) -> None:
    assert actions.load_countries(by=SYSTEM, at=at) == 0
    kosovo = queries.country_by_code("XK")
    assert kosovo is not None
    assert (kosovo.iso, kosovo.region_code) == (None, "039")


@pytest.mark.usefixtures("context")
def test_partners_are_so_from_a_day_to_a_day(at: datetime) -> None:
    ids = {code: country.id for code in ("KE", "UG") if (country := queries.country_by_code(code))}
    spans = [("KE", date(2020, 3, 1), date(2023, 12, 31)), ("UG", date(2021, 1, 1), None)]
    assert actions.declare_partners(spans, by=SYSTEM, at=at) == 2
    assert actions.declare_partners(spans, by=SYSTEM, at=at) == 0
    assert queries.partner_ids(date(2020, 2, 29)) == set()
    assert queries.partner_ids(date(2023, 12, 31)) == {ids["KE"], ids["UG"]}
    assert queries.partner_ids(date(2024, 1, 1)) == {ids["UG"]}
    with pytest.raises(Invalid):
        actions.declare_partners([("UG", date(2022, 1, 1), None)], by=SYSTEM, at=at)
    db.session.rollback()
    from lms.people.models import Partnership

    with db.engine.begin() as connection:
        connection.execute(Partnership.__table__.delete())


@pytest.mark.databases
@pytest.mark.usefixtures("context")
def test_whoever_writes_a_name_writes_what_it_is_sorted_by(make: Make, at: datetime, said: list[object]) -> None:
    made = actions.create_person(full_name="Émile", email="emile@example.org", by=SYSTEM, at=at)
    file = "full_name,email\nÖmer,omer@example.org\nZoë,emile@example.org\n"
    actions.publish_people(actions.stage_people(file.encode()), skip_bad_rows=False, by=SYSTEM, at=at)
    renamed, erased = make.person("Ann"), make.person("Éloi", email="eloi@example.org")
    actions.change_profile(renamed.public_id, {"full_name": "Ægir"}, by=SYSTEM, at=at)
    actions.erase_person(
        erased.public_id, confirmation="eloi@example.org", withdraw_certificates=False, by=SYSTEM, at=at
    )
    rows = db.session.execute(select(Person.full_name, Person.sort_name)).all()
    assert {name for name, _key in rows} >= {"Zoë", "Ömer", "Ægir"}
    assert "Émile" not in {name for name, _key in rows}
    assert made.full_name == "Zoë"
    assert [(name, key) for name, key in rows] == [(name, sort_key(name)) for name, _key in rows]

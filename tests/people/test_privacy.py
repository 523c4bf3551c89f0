"""Merging and undoing, erasing, and the list of countries."""

from __future__ import annotations

from datetime import date, datetime

import pytest
from apiflask import APIFlask
from sqlalchemy import select

from lms.core.base.errors import Forbidden, Invalid, NotFound, Refused
from lms.core.base.events import KEY, MergeUndone, PeopleMerged, PersonErased
from lms.core.base.roles import SYSTEM, Role
from lms.core.database.session import db
from lms.core.text.sorting import sort_key
from lms.people.actions.accounts import check_password
from lms.people.actions.countries import declare_partners, load_countries
from lms.people.actions.files import publish_people
from lms.people.actions.merging import merge_people, undo_merge
from lms.people.actions.persons import change_profile, create_person
from lms.people.actions.privacy import erase_person
from lms.people.models import Person
from lms.people.people_files import stage_people
from lms.people.queries.access import load_actor
from lms.people.queries.countries import country_by_code, country_id_of, partner_ids
from lms.people.queries.persons import addresses_of, ids_by_email, person_id_of
from tests.factories import PASSWORD, Make


@pytest.fixture
def published(app: APIFlask, monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Events that the slices above received."""
    heard: list[object] = []
    handlers = {kind: [heard.append] for kind in (PeopleMerged, MergeUndone, PersonErased)}
    monkeypatch.setattr(app.extensions[KEY], "handlers", handlers)
    return heard


@pytest.mark.databases
@pytest.mark.usefixtures("context")
def test_merged_people_are_one_until_it_is_undone(make: Make, at: datetime, published: list[object]) -> None:
    main = make.person(email="kept@example.org", country=None)
    merged = make.person(email="merged@example.org", country="UG", roles=["reporter"], password=PASSWORD)
    kept_id, merged_id = main.id, merged.id
    merge_people(main.public_id, merged.public_id, by=SYSTEM, at=at)
    uganda = country_by_code("UG")
    assert uganda is not None
    assert person_id_of(merged.public_id) == kept_id
    assert ids_by_email(["merged@example.org"]) == {"merged@example.org": kept_id}
    assert country_id_of(kept_id, date(2025, 1, 1)) == uganda.id
    assert addresses_of([kept_id]) == {kept_id: "kept@example.org"}
    actor = load_actor(merged_id, at)
    assert actor is not None
    assert (actor.person_id, actor.roles) == (kept_id, {Role.REPORTER})
    assert check_password("merged@example.org", PASSWORD, demonstration=False, at=at) == kept_id
    undo_merge(merged.public_id, by=SYSTEM, at=at)
    assert person_id_of(merged.public_id) == merged_id
    assert country_id_of(kept_id, date(2025, 1, 1)) is None
    assert published == [
        PeopleMerged(by=SYSTEM, at=at, kept_id=kept_id, merged_id=merged_id),
        MergeUndone(by=SYSTEM, at=at, kept_id=kept_id, merged_id=merged_id),
    ]


@pytest.mark.usefixtures("context")
def test_merging_has_its_limits(make: Make, at: datetime, published: list[object]) -> None:
    first, second, third = (make.person().public_id for _number in range(3))
    with pytest.raises(Forbidden):
        merge_people(first, second, reason="The same person", by=make.actor(roles=["instructor"]), at=at)
    merge_people(first, second, by=SYSTEM, at=at)
    with pytest.raises(Refused):
        merge_people(third, first, by=SYSTEM, at=at)
    with pytest.raises(Refused):
        undo_merge(first, by=SYSTEM, at=at)
    with pytest.raises(NotFound):
        merge_people(first, "nobody", by=SYSTEM, at=at)


@pytest.mark.databases(differs=True)
@pytest.mark.usefixtures("context")
def test_erasing_takes_all_rows_of_a_person(make: Make, at: datetime, published: list[object]) -> None:
    main, merged = make.person(email="kept@example.org"), make.person(email="merged@example.org")
    merge_people(main.public_id, merged.public_id, by=SYSTEM, at=at)
    published.clear()
    with pytest.raises(NotFound):
        erase_person(
            main.public_id, confirmation="kept@example.org", withdraw_certificates=False, by=make.actor(), at=at
        )
    erase_person(merged.public_id, confirmation="Kept@example.org", withdraw_certificates=True, by=SYSTEM, at=at)
    rows = db.session.scalars(select(Person).where(Person.id.in_([main.id, merged.id]))).all()
    assert [(row.full_name, row.erased_at) for row in rows] == [("", at), ("", at)]
    assert [event.person_id for event in published if isinstance(event, PersonErased)] == [main.id, merged.id]
    assert ids_by_email(["kept@example.org", "merged@example.org"]) == {}
    assert load_actor(main.id, at) is None


@pytest.mark.usefixtures("context")
def test_the_only_administrator_stays(make: Make, at: datetime) -> None:
    person = make.person(email="ada@example.org", roles=["administrator"])
    given = {"confirmation": "ada@example.org", "withdraw_certificates": False, "by": SYSTEM, "at": at}
    with pytest.raises(Refused):
        erase_person(person.public_id, **given)
    make.person(roles=["administrator"])
    erase_person(person.public_id, **given)


@pytest.mark.usefixtures("context")
def test_countries_load_again_without_change(at: datetime) -> None:
    assert load_countries(by=SYSTEM, at=at) == 0
    kosovo = country_by_code("XK")
    assert kosovo is not None
    assert (kosovo.iso, kosovo.region_code) == (None, "039")


@pytest.mark.usefixtures("context")
def test_partners_are_so_from_a_day_to_a_day(at: datetime) -> None:
    ids = {code: country.id for code in ("KE", "UG") if (country := country_by_code(code))}
    spans = [("KE", date(2020, 3, 1), date(2023, 12, 31)), ("UG", date(2021, 1, 1), None)]
    assert declare_partners(spans, by=SYSTEM, at=at) == 2
    assert declare_partners(spans, by=SYSTEM, at=at) == 0
    assert partner_ids(date(2020, 2, 29)) == set()
    assert partner_ids(date(2023, 12, 31)) == {ids["KE"], ids["UG"]}
    assert partner_ids(date(2024, 1, 1)) == {ids["UG"]}
    with pytest.raises(Invalid):
        declare_partners([("UG", date(2022, 1, 1), None)], by=SYSTEM, at=at)
    db.session.rollback()
    from lms.people.models import Partnership

    with db.engine.begin() as connection:
        connection.execute(Partnership.__table__.delete())


@pytest.mark.databases
@pytest.mark.usefixtures("context")
def test_whoever_writes_a_name_writes_what_it_is_sorted_by(make: Make, at: datetime, published: list[object]) -> None:
    made = create_person(full_name="Émile", email="emile@example.org", by=SYSTEM, at=at)
    file = "full_name,email\nÖmer,omer@example.org\nZoë,emile@example.org\n"
    publish_people(stage_people(file.encode()), skip_bad_rows=False, by=SYSTEM, at=at)
    renamed, erased = make.person("Ann"), make.person("Éloi", email="eloi@example.org")
    change_profile(renamed.public_id, {"full_name": "Ægir"}, by=SYSTEM, at=at)
    erase_person(erased.public_id, confirmation="eloi@example.org", withdraw_certificates=False, by=SYSTEM, at=at)
    rows = db.session.execute(select(Person.full_name, Person.sort_name)).all()
    assert {name for name, _key in rows} >= {"Zoë", "Ömer", "Ægir"}
    assert "Émile" not in {name for name, _key in rows}
    assert made.full_name == "Zoë"
    assert [(name, key) for name, key in rows] == [(name, sort_key(name)) for name, _key in rows]

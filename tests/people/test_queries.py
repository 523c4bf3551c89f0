"""Reading people and countries."""

from __future__ import annotations

from datetime import date, datetime

import pytest

from lms.core.base.roles import Role
from lms.people.actions.persons import change_profile
from lms.people.queries.countries import countries_of, country_by_code, country_id_of, country_names
from lms.people.queries.persons import contact_of, find_person_by_email, ids_by_email
from tests.factories import Make


@pytest.mark.databases
@pytest.mark.usefixtures("context")
def test_actor_has_roles_and_countries(make: Make, at: datetime) -> None:
    actor = make.actor(make.person(roles=["instructor", ("focal_point", "KE")]))
    kenya = country_by_code("ke")
    assert kenya is not None
    assert actor.roles == {Role.INSTRUCTOR, Role.FOCAL_POINT}
    assert actor.country_ids == {kenya.id}


@pytest.mark.databases
@pytest.mark.usefixtures("context")
def test_country_follows_the_dated_history(make: Make, at: datetime) -> None:
    person = make.person(country="KE")
    by = make.administrator()
    change_profile(person.public_id, {"country": "UG", "country_from": date(2025, 6, 1)}, by=by, at=at)
    ids = {code: country.id for code in ("KE", "UG") if (country := country_by_code(code))}
    assert country_id_of(person.id, date(2020, 1, 1)) == ids["KE"]
    assert country_id_of(person.id, date(2025, 5, 31)) == ids["KE"]
    assert country_id_of(person.id, date(2025, 6, 1)) == ids["UG"]
    assert countries_of([person.id, by.person_id or 0], date(2026, 1, 1)) == {
        person.id: ids["UG"],
        by.person_id: ids["KE"],
    }


@pytest.mark.usefixtures("context")
def test_addresses_are_found_in_any_case(make: Make) -> None:
    person = make.person(email="Ana.Díaz@Example.org")
    match = find_person_by_email(" ANA.DÍAZ@example.ORG ")
    assert match is not None
    assert match.id == person.id
    assert ids_by_email(["ana.díaz@example.org", "nobody@example.org"]) == {"ana.díaz@example.org": person.id}
    assert contact_of([person.id])[person.id].address == "Ana.Díaz@example.org"


@pytest.mark.usefixtures("context")
def test_country_names_are_of_the_reader(make: Make) -> None:
    assert country_names("fr")["KE"] == "Kenya"
    assert country_names("fr")["DE"] == "Allemagne"
    assert country_names("ar")["KE"] == "كينيا"
    assert country_names("en")["XK"] == "Kosovo"
    assert len(country_names("zh")) == 250

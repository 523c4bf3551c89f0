"""Reading people and countries."""

from __future__ import annotations

from datetime import date, datetime

import pytest

from lms.core.roles import Role
from lms.people import actions, queries
from tests.factories import Make


@pytest.mark.databases
@pytest.mark.usefixtures("context")
def test_actor_has_roles_and_countries(make: Make, at: datetime) -> None:
    actor = make.actor(make.person(roles=["instructor", ("focal_point", "KE")]))
    kenya = queries.country_by_code("ke")
    assert kenya is not None
    assert actor.roles == {Role.INSTRUCTOR, Role.FOCAL_POINT}
    assert actor.country_ids == {kenya.id}


@pytest.mark.databases
@pytest.mark.usefixtures("context")
def test_country_follows_the_dated_history(make: Make, at: datetime) -> None:
    person = make.person(country="KE")
    by = make.administrator()
    actions.change_profile(person.public_id, {"country": "UG", "country_from": date(2025, 6, 1)}, by=by, at=at)
    ids = {code: country.id for code in ("KE", "UG") if (country := queries.country_by_code(code))}
    assert queries.country_id_of(person.id, date(2020, 1, 1)) == ids["KE"]
    assert queries.country_id_of(person.id, date(2025, 5, 31)) == ids["KE"]
    assert queries.country_id_of(person.id, date(2025, 6, 1)) == ids["UG"]
    assert queries.countries_of([person.id, by.person_id or 0], date(2026, 1, 1)) == {
        person.id: ids["UG"],
        by.person_id: ids["KE"],
    }


@pytest.mark.usefixtures("context")
def test_addresses_are_found_in_any_case(make: Make) -> None:
    person = make.person(email="Ana.Díaz@Example.org")
    found = queries.find_person_by_email(" ANA.DÍAZ@example.ORG ")
    assert found is not None
    assert found.id == person.id
    assert queries.ids_by_email(["ana.díaz@example.org", "nobody@example.org"]) == {"ana.díaz@example.org": person.id}
    assert queries.contact_of([person.id])[person.id].address == "Ana.Díaz@example.org"


@pytest.mark.usefixtures("context")
def test_country_names_are_of_the_reader(make: Make) -> None:
    assert queries.country_names("fr")["KE"] == "Kenya"
    assert queries.country_names("fr")["DE"] == "Allemagne"
    assert queries.country_names("ar")["KE"] == "كينيا"
    assert queries.country_names("en")["XK"] == "Kosovo"
    assert len(queries.country_names("zh")) == 250

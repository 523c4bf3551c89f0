"""Administration of people."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient
from sqlalchemy import select

import lms
from lms.core.base.roles import SYSTEM, Role
from lms.core.database.audit import list_entries
from lms.core.database.session import db
from lms.core.time.clock import now
from lms.mail.outbox import OutboxMail
from lms.people.actions.persons import change_profile
from lms.people.models import Person
from tests.factories import PASSWORD, Make

Post = Callable[..., Any]


@pytest.fixture
def administrator(make: Make, client: FlaskClient) -> Person:
    """An administrator, signed in."""
    made = make.person(full_name="Ada Min", email="ada@example.org", roles=["administrator"])
    make.sign_in(client, made)
    return made


def names(text: str) -> list[str]:
    return re.findall(r'<th scope="row"><a [^>]*><bdi>([^<]*)</bdi>', text)


def heading(text: str) -> str:
    found = re.search(r"<h1[^>]*>(.*?)</h1>", text, re.S)
    assert found is not None
    return found[1].strip()


@pytest.mark.databases(differs=True)
def test_people_are_found_by_name_and_address(administrator: Person, make: Make, client: FlaskClient) -> None:
    make.person(full_name="Achieng Odhiambo", email="one@example.org", native_name="Ачиенг")
    make.person(full_name="Sutrisno", email="achieng@example.net")
    make.person(full_name="50% Discount_", email="three@example.org")
    assert names(client.get("/admin/people").text) == ["50% Discount_", "Sutrisno", "Achieng Odhiambo", "Ada Min"]
    assert names(client.get("/admin/people?q=ACHIENG").text) == ["Achieng Odhiambo", "Sutrisno"]
    assert names(client.get("/admin/people?q=ACHIENG&sort=-newest").text) == ["Sutrisno", "Achieng Odhiambo"]
    assert names(client.get("/admin/people?q=Ачиенг").text) == ["Achieng Odhiambo"]
    assert names(client.get("/admin/people?q=50%25").text) == ["50% Discount_"]
    assert "Nothing found" in client.get("/admin/people?q=nobody at all").text
    assert heading(client.get("/admin/people").text) == "One person holds a role"
    assert heading(client.get("/admin/people?q=ACHIENG").text) == "2 people found"
    assert heading(client.get("/admin/people?role=administrator").text) == "One person found"


@pytest.mark.databases(differs=True)
def test_people_are_filtered_by_organisation(administrator: Person, make: Make, client: FlaskClient) -> None:
    for name, country, organisation in (
        ("Ana", "PE", "Ministerio"),
        ("Ben", "KE", "Customs"),
        ("Cyr", "KE", "customs"),
    ):
        make.person(full_name=name, country=country, organisation=organisation)
    text = client.get("/admin/people").text
    assert re.findall(r">([^<]*) \((\d)\)</option>", text) == [("Customs", "2"), ("Ministerio", "1")]
    assert names(client.get("/admin/people?organisation=CUSTOMS").text) == ["Cyr", "Ben"]
    text = client.get("/admin/people?organisation=Customs&country=PE").text
    assert names(text) == []
    assert re.findall(r">([^<]*) \((\d)\)</option>", text) == [("Customs", "0"), ("Ministerio", "1")]
    make.person(full_name="Dee", country="PE", organisation="Ministerio")
    assert "Ministerio (2)" in client.get("/admin/people?country=PE").text


@pytest.mark.databases
def test_the_best_match_comes_first(administrator: Person, make: Make, client: FlaskClient) -> None:
    for name in ("Marianne Ilboudo", "Anne Marie Traore", "Anne", "Annette Zongo"):
        make.person(full_name=name, email=f"{name[-1]}{len(name)}@example.org")
    closest = ["Anne", "Anne Marie Traore", "Annette Zongo", "Marianne Ilboudo"]
    text = client.get("/admin/people?q=anne").text
    assert names(text) == closest
    assert "best match first" in text
    assert names(client.get("/admin/people?q=anne&sort=-best").text) == closest[::-1]
    assert "best match" not in client.get("/admin/people?sort=best").text


@pytest.mark.databases
def test_roles_are_the_filter(administrator: Person, make: Make, client: FlaskClient) -> None:
    make.person(full_name="Peter Mutua", roles=[("focal_point", "KE")])
    make.person(full_name="Lin Yuhan", country="CN", roles=["instructor", "reporter"])
    make.person(full_name="Sutrisno", country="ID")
    text = client.get("/admin/people?role=any").text
    assert names(text) == ["Lin Yuhan", "Peter Mutua", "Ada Min"]
    figures = dict(re.findall(r'data-testid="figure-([a-z_]+)" data-value="(\d+)"', text))
    assert figures == {
        "all": "4",
        "any": "3",
        "administrator": "1",
        "instructor": "1",
        "focal_point": "1",
        "reporter": "1",
    }
    assert names(client.get("/admin/people?role=focal_point").text) == ["Peter Mutua"]
    assert "Focal point: Kenya" in " ".join(client.get("/admin/people?role=focal_point").text.split())
    assert names(client.get("/admin/people?country=ID").text) == ["Sutrisno"]
    assert names(client.get("/admin/people?role=instructor&country=KE").text) == []
    assert len(names(client.get("/admin/people?role=nonsense&country=ZZZ&page=99&sort=-sign_in").text)) == 4


@pytest.mark.databases
def test_roles_are_given_and_ended(administrator: Person, make: Make, client: FlaskClient, post: Post) -> None:
    person = make.person()
    page = f"/admin/people/{person.public_id}"
    missing = post(f"{page}/roles", page=page, role="focal_point", country="")
    assert missing.status_code == 422
    assert "Choose the country of the focal point." in missing.text
    make.person(country="UG", roles=["focal_point"])
    page_shown = post(f"{page}/roles", page=page, role="focal_point", country="UG")
    assert page_shown.status_code == 200
    assert "They will see 1 person from the country" in page_shown.text
    assert "1 other person has this role." in page_shown.text
    assert make.actor(person).roles == set(), "nothing is given before it is confirmed"
    confirmed = {"page": page, "confirm": "yes"}
    assert post(f"{page}/roles", role="focal_point", country="UG", **confirmed).status_code == 302
    assert post(f"{page}/roles", role="reporter", country="", **confirmed).status_code == 302
    assert make.actor(person).roles == {Role.FOCAL_POINT, Role.REPORTER}
    assert "Focal point: Uganda" in client.get(page).text
    shown = client.get(f"{page}/edit").text
    revoke = re.findall(r'href="([^"]+/revoke)"', shown)
    assert post(revoke[0], page=revoke[0]).status_code == 302
    assert make.actor(person).roles == {Role.FOCAL_POINT}


def test_administrators_do_not_lock_themselves_out(
    administrator: Person, make: Make, client: FlaskClient, post: Post
) -> None:
    page = f"/admin/people/{administrator.public_id}"
    revoke = re.findall(r'href="([^"]+/revoke)"', client.get(f"{page}/edit").text)
    post(revoke[0], page=revoke[0])
    post(f"{page}/disable", page=page)
    assert make.actor(administrator).roles == {Role.ADMINISTRATOR}
    assert "You cannot disable your own account" in client.get(page).text


def test_disabling_ends_sessions_and_tokens_at_once(
    app: APIFlask, administrator: Person, make: Make, post: Post, client: FlaskClient
) -> None:
    person = make.person(password=PASSWORD, email="b@example.org")
    headers, theirs = make.headers(person), app.test_client()
    make.sign_in(theirs, person)
    page = f"/admin/people/{person.public_id}"
    assert post(f"{page}/disable", page=page).status_code == 302
    assert theirs.get("/account").status_code == 302
    assert theirs.get(f"/api/v1/people/{person.public_id}", headers=headers).status_code == 401
    given = {"email": "b@example.org", "password": PASSWORD}
    assert theirs.post("/api/v1/tokens", json=given).status_code == 401
    assert "Disabled" in client.get(page).text
    assert post(f"{page}/enable", page=page).status_code == 302
    assert theirs.get("/account").status_code == 302
    assert theirs.post("/api/v1/tokens", json=given).status_code == 201


def test_the_history_of_countries_is_an_administrators(
    administrator: Person, make: Make, client: FlaskClient, post: Post
) -> None:
    person = make.person(country="KE")
    page = f"/admin/people/{person.public_id}"
    fields = {"full_name": "Somebody", "country": "UG", "country_from": "2025-06-01", "locale": "en", "gender": ""}
    assert post(page, **fields).status_code == 302
    shown = client.get(f"{page}/edit").text
    assert "Kenya, Uganda (from 1 June 2025)" in " ".join(shown.split())
    wrong = post(page, **{**fields, "country_from": "1 June"})
    assert wrong.status_code == 422


def test_the_audit_of_a_person_is_said_in_words() -> None:
    """Every act that names a person has words on the person's page."""
    slices = Path(lms.__file__).parent
    template = (slices / "people/templates/people/_activity.html").read_text(encoding="utf-8")
    verbs: set[str] = set()
    sources = [
        source for path in slices.rglob("*.py") if "audit.record(" in (source := path.read_text(encoding="utf-8"))
    ]
    for source in sources:
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "audit.record":
                verb = node.args[0]
                if isinstance(verb, ast.Constant) and any(named.arg == "person" for named in node.keywords):
                    verbs.add(str(verb.value))

    assert len(verbs) > 20
    worded = set(re.findall(r'"([\w. ]+)": (?:_|pgettext)\(', template))
    assert verbs - worded == set()


ADDED = {
    "email": "ani@example.org",
    "full_name": "Ani Hakobyan",
    "native_name": "Անի Հակոբյան",
    "country": "AM",
    "organisation": "Ministry of Economy",
}
NEW = "/admin/people/new"


@pytest.mark.databases
def test_changes_of_a_profile_are_named_as_on_its_page(administrator: Person, make: Make, client: FlaskClient) -> None:
    person = make.person(full_name="Bo", email="bo@example.org")
    with make.app.app_context():
        changes = {"locale": "fr", "time_zone": "Africa/Dakar", "native_name": "Бо"}
        change_profile(person.public_id, changes, by=SYSTEM, at=now())
    address = f"/admin/people/{person.public_id}"
    assert '<span class="sub">Name in your own script, Language, Time zone</span>' in client.get(address).text
    assert "Langue, Fuseau horaire</span>" in client.get(f"{address}?lang=fr").text


def test_a_person_is_added_with_a_role_and_invited(
    administrator: Person, app: APIFlask, make: Make, post: Post
) -> None:
    added = post(NEW, page=NEW, **ADDED, role="focal_point", focal_country="AM", invites="y")
    assert added.status_code == 302
    with app.app_context():
        person = db.session.scalars(select(Person).where(Person.full_name == "Ani Hakobyan")).one()
        mail = db.session.scalars(select(OutboxMail).where(OutboxMail.person_id == person.id)).one()
        verbs = {entry.verb for entry in list_entries("person", person.id)}
    assert added.location == f"/admin/people/{person.public_id}"
    assert make.actor(person).roles == {Role.FOCAL_POINT}
    assert (mail.template, mail.address) == ("invitation", "ani@example.org")
    assert verbs == {"create_person", "grant_role", "invite"}
    theirs = app.test_client()
    link = f"/confirm/{mail.payload['secret']}"
    token = re.search(r'name="csrf_token" value="([^"]+)"', theirs.get(link).text)
    assert token is not None
    given = {"csrf_token": token[1], "password": PASSWORD, "consent": "y"}
    assert theirs.post(link, data=given).status_code == 302
    assert theirs.get(link).status_code == 404, "it works once"


@pytest.mark.databases
def test_the_same_address_leads_to_who_has_it(
    administrator: Person, make: Make, client: FlaskClient, post: Post
) -> None:
    known = make.person("Tigran Sargsyan", email="ani@example.org")
    again = post(NEW, page=NEW, **ADDED, role="none", invites="y")
    assert (again.status_code, again.location) == (302, f"/admin/people/{known.public_id}")
    assert "This address is known already" in client.get(again.location).text
    assert names(client.get("/admin/people").text) == ["Tigran Sargsyan", "Ada Min"]


@pytest.mark.databases
def test_no_role_is_preset_and_an_administrator_is_confirmed(
    administrator: Person, app: APIFlask, make: Make, client: FlaskClient, post: Post
) -> None:
    assert "checked" not in re.sub(r'<input[^>]*name="invites"[^>]*>', "", client.get(NEW).text)
    missing = post(NEW, page=NEW, **ADDED)
    assert missing.status_code == 422
    assert "Choose what this person will do." in missing.text
    without = post(NEW, page=NEW, **ADDED, role="focal_point")
    assert "Choose the country of the focal point." in without.text
    page_shown = post(NEW, page=NEW, **ADDED, role="administrator")
    assert page_shown.status_code == 200
    assert "can change everything, including roles" in page_shown.text
    with app.app_context():
        person = db.session.scalars(select(Person).where(Person.full_name == "Ani Hakobyan")).one()
        assert db.session.scalars(select(OutboxMail)).all() == []
    assert make.actor(person).roles == set(), "nothing is given before it is confirmed"

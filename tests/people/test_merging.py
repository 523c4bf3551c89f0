"""Two records of one person are united with the details chosen, and parted again with everything back."""

from __future__ import annotations

import threading
from datetime import date, datetime, timedelta

import pytest
from apiflask import APIFlask
from sqlalchemy import select

from lms.core.base.errors import Invalid, NotFound, Refused
from lms.core.base.roles import SYSTEM, Role
from lms.core.database.session import action, db
from lms.people.actions.access import create_staff, create_token, disable_person, enable_person, grant_role
from lms.people.actions.accounts import check_password, use_sign_in_link
from lms.people.actions.attempts import WrongCredentials
from lms.people.actions.merging import merge_people, undo_merge
from lms.people.actions.persons import change_profile
from lms.people.actions.privacy import erase_person
from lms.people.actions.sessions import begin_second_step, begin_session
from lms.people.devices import Device
from lms.people.models import ApiToken, Gender, Person, PersonMerge
from lms.people.queries.access import actor_of_token, load_actor
from lms.people.queries.countries import country_codes_of
from lms.people.queries.persons import addresses_of
from lms.people.queries.sessions import find_session
from tests.factories import PASSWORD, Make

pytestmark = [pytest.mark.databases, pytest.mark.usefixtures("context")]
BEFORE, TODAY = date(2026, 1, 1), date(2026, 11, 20)
CHOSEN = ("full_name", "gender", "email", "country")


def told(person_id: int) -> tuple[object, ...]:
    row = db.session.get_one(Person, person_id, populate_existing=True)
    codes = [country_codes_of([person_id], day).get(person_id) for day in (BEFORE, TODAY)]
    return row.full_name, row.organisation, row.gender, addresses_of([person_id])[person_id], *codes


def test_chosen_details_are_taken_over_and_given_back(make: Make, at: datetime) -> None:
    main = make.person("Sita Gurung", email="sita@example.org", country="KE", organisation="TEPC")
    other = make.person("Seeta Gurung", email="s@example.net", country="UG", organisation="Ministry", gender="female")
    merge_people(main.public_id, other.public_id, keep=CHOSEN, by=SYSTEM, at=at, today=TODAY)
    assert told(main.id) == ("Seeta Gurung", "TEPC", Gender.FEMALE, "s@example.net", "KE", "UG")
    undo_merge(other.public_id, by=SYSTEM, at=at)
    assert told(main.id) == ("Sita Gurung", "TEPC", None, "sita@example.org", "KE", "KE")
    assert told(other.id) == ("Seeta Gurung", "Ministry", Gender.FEMALE, "s@example.net", "UG", "UG")


def test_what_was_changed_since_the_merge_stays_after_undo(make: Make, at: datetime) -> None:
    main = make.person("Sita Gurung", email="sita@example.org", organisation="TEPC")
    other = make.person("Seeta Gurung", email="s@example.net", organisation="Ministry")
    merge_people(main.public_id, other.public_id, keep=["full_name", "organisation"], by=SYSTEM, at=at)
    change_profile(main.public_id, {"full_name": "Sita K. Gurung"}, by=SYSTEM, at=at)
    undo_merge(other.public_id, by=SYSTEM, at=at)
    assert told(main.id)[:2] == ("Sita K. Gurung", "TEPC")


def test_merges_undone_in_another_order_give_the_first_name_back(make: Make, at: datetime) -> None:
    main, second, third = (make.person(name, email=f"{name}@example.org") for name in ("Ada", "Bea", "Cleo"))
    for other in (second, third):
        merge_people(main.public_id, other.public_id, keep=["full_name"], by=SYSTEM, at=at)
    undo_merge(second.public_id, by=SYSTEM, at=at)
    assert told(main.id)[0] == "Cleo"
    undo_merge(third.public_id, by=SYSTEM, at=at)
    assert [told(one.id)[0] for one in (main, second, third)] == ["Ada", "Bea", "Cleo"]


def test_an_account_that_came_by_the_merge_goes_with_the_undo(make: Make, at: datetime) -> None:
    main = make.person(email="kept@example.org")
    other = make.person(email="other@example.org", password=PASSWORD)
    merge_people(main.public_id, other.public_id, by=SYSTEM, at=at)
    assert check_password("kept@example.org", PASSWORD, demonstration=False, at=at) == main.id
    undo_merge(other.public_id, by=SYSTEM, at=at)
    with pytest.raises(WrongCredentials):
        check_password("kept@example.org", PASSWORD, demonstration=False, at=at)
    assert check_password("other@example.org", PASSWORD, demonstration=False, at=at) == other.id


def test_administrators_give_a_reason_and_known_details(make: Make, at: datetime) -> None:
    main, other = make.person(), make.person()
    staff = make.actor(roles=["administrator"])
    with pytest.raises(Invalid) as refused:
        merge_people(main.public_id, other.public_id, reason="\u200b ", by=staff, at=at)
    assert [fault.field for fault in refused.value.faults] == ["reason"]
    with pytest.raises(Invalid):
        merge_people(main.public_id, other.public_id, reason="By telephone", keep=["password"], by=staff, at=at)
    assert db.session.scalars(select(PersonMerge)).all() == []


def test_erasing_forgets_what_was_taken_over_and_why(make: Make, at: datetime) -> None:
    main = make.person("Sita Gurung", email="sita@example.org")
    other = make.person("Seeta Gurung", email="s@example.net")
    staff = make.actor(roles=["administrator"])
    merge_people(main.public_id, other.public_id, reason="Sita called", keep=["full_name"], by=staff, at=at)
    erase_person(main.public_id, confirmation="sita@example.org", withdraw_certificates=False, by=SYSTEM, at=at)
    [row] = db.session.scalars(select(PersonMerge)).all()
    assert (row.reason, row.taken) == ("", {})


def can_sign_in(email: str, at: datetime) -> bool:
    try:
        check_password(email, PASSWORD, demonstration=False, at=at)
    except WrongCredentials:
        return False
    return True


@pytest.mark.parametrize("disabled", ["kept", "merged"])
@pytest.mark.parametrize("enable", [False, True])
def test_the_account_stays_disabled_where_one_was_unless_it_is_enabled(
    make: Make, at: datetime, disabled: str, enable: bool
) -> None:
    people = {name: make.person(name, email=f"{name}@example.org", password=PASSWORD) for name in ("kept", "merged")}
    other = "merged" if disabled == "kept" else "kept"
    disable_person(people[disabled].public_id, by=SYSTEM, at=at)
    merge_people(people["kept"].public_id, people["merged"].public_id, enable=enable, by=SYSTEM, at=at)
    assert [can_sign_in(f"{name}@example.org", at) for name in people] == [enable, enable]
    undo_merge(people["merged"].public_id, by=SYSTEM, at=at + timedelta(hours=1))
    assert can_sign_in(f"{other}@example.org", at + timedelta(hours=1))
    assert not can_sign_in(f"{disabled}@example.org", at + timedelta(hours=1))


def test_an_account_that_someone_enabled_since_the_merge_stays_so(make: Make, at: datetime) -> None:
    main, merged = (make.person(name, email=f"{name}@example.org", password=PASSWORD) for name in ("kept", "merged"))
    disable_person(merged.public_id, by=SYSTEM, at=at)
    merge_people(main.public_id, merged.public_id, by=SYSTEM, at=at)
    enable_person(main.public_id, by=SYSTEM, at=at)
    disable_person(main.public_id, by=SYSTEM, at=at + timedelta(minutes=1))
    undo_merge(merged.public_id, by=SYSTEM, at=at + timedelta(hours=1))
    assert not can_sign_in("kept@example.org", at + timedelta(hours=1))


def roles_by(secrets: list[str], at: datetime) -> list[set[Role] | None]:
    """The roles that each API token gives; None for one that has ended."""
    actors = [actor_of_token(secret, at) for secret in secrets]
    return [set(actor.roles) if actor is not None else None for actor in actors]


def test_tokens_of_both_end_at_a_merge_and_at_its_undoing(make: Make, at: datetime) -> None:
    main, merged = make.person("Kept", roles=["administrator"]), make.person("Merged")
    before = [make.token(main), make.token(merged)]
    merge_people(main.public_id, merged.public_id, by=SYSTEM, at=at)
    assert roles_by(before, at) == [None, None]
    since = [make.token(main), make.token(merged)]
    undo_merge(merged.public_id, by=SYSTEM, at=at)
    assert roles_by(since, at) == [None, None]


@pytest.mark.parametrize("holder", ["kept", "merged"])
def test_uniting_with_a_role_needs_the_administrator_confirmed(make: Make, at: datetime, holder: str) -> None:
    people = {name: make.person(name) for name in ("kept", "merged")}
    grant_role(people[holder].public_id, Role.REPORTER, by=SYSTEM, at=at)
    pair, staff = (people["kept"].public_id, people["merged"].public_id), make.administrator()
    with pytest.raises(Invalid) as refused:
        merge_people(*pair, reason="By telephone", by=staff, at=at)
    assert [fault.field for fault in refused.value.faults] == ["current_password"]
    assert merge_people(*pair, reason="By telephone", is_confirmed=True, by=staff, at=at) is not None


def test_sessions_end_where_a_role_is_gained(make: Make, at: datetime) -> None:
    main = make.person("Kept", password=PASSWORD)
    plain, reporter = make.person("Plain"), make.person("Reporter", roles=["reporter"])
    secret = begin_session(main.id, Device(), lasts=timedelta(days=1), at=at)

    def is_open() -> bool:
        return find_session(secret, staff_idle=timedelta(hours=1), at=at) is not None

    merge_people(main.public_id, plain.public_id, by=SYSTEM, at=at)
    assert is_open()
    merge_people(main.public_id, reporter.public_id, by=SYSTEM, at=at)
    assert not is_open()


def test_a_link_mailed_before_a_merge_opens_nothing(make: Make, at: datetime) -> None:
    main = make.person("Kept", email="kept@example.org", password=PASSWORD)
    merged = make.person("Merged", email="merged@example.org", password=PASSWORD)

    def link(email: str) -> str:
        return create_staff(email, "Somebody", Role.REPORTER, by=SYSTEM, at=at)

    before = link("merged@example.org")
    merge_people(main.public_id, merged.public_id, by=SYSTEM, at=at)
    since = link("merged@example.org")
    undo_merge(merged.public_id, by=SYSTEM, at=at)
    for secret in (before, since):
        with pytest.raises(NotFound):
            use_sign_in_link(secret, at=at)


def test_access_that_was_checked_before_a_merge_is_not_given_after_it(app: APIFlask, make: Make, at: datetime) -> None:
    main, merged = make.person("Kept", roles=["administrator"]), make.person("Merged", password=PASSWORD)
    actor, pair, merged_id = load_actor(merged.id, at), (main.public_id, merged.public_id), merged.id
    assert actor is not None
    db.session.rollback()
    begun = threading.Event()

    @action
    def merge_slowly() -> None:
        merge_people(*pair, by=SYSTEM, at=at)
        begun.set()
        threading.Event().wait(0.2)  # on both databases the others wait for the end of this one

    def run() -> None:
        with app.app_context():
            merge_slowly()

    thread = threading.Thread(target=run)
    thread.start()
    assert begun.wait(20)
    with pytest.raises(Refused):
        create_token("Late", by=actor, at=at)
    thread.join(20)
    with pytest.raises(Refused):
        begin_session(merged_id, Device(), lasts=timedelta(days=1), at=at)
    with pytest.raises(Refused):
        begin_second_step(merged_id, Device(), at=at)
    assert db.session.scalars(select(ApiToken)).all() == []

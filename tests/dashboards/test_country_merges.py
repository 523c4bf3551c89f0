"""Two countries of the list become one, in all that refers to them and in every figure, and two again."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from threading import Thread
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import delete, func, select, update

from lms.attendance.models.groups import ViewingGroup
from lms.catalogue.models import Series, SeriesCountry
from lms.certificates.models import Award
from lms.core.base.errors import Forbidden, Invalid, NotFound, Refused
from lms.core.base.roles import SYSTEM
from lms.core.database.audit import list_entries
from lms.core.database.session import Base, action, db
from lms.enrolment.actions.places import enrol, withdraw
from lms.enrolment.models import CountryQuota, Enrolment
from lms.enrolment.queries.seats import seat_differences
from lms.nominations.models import Nomination, NominationState
from lms.nominations.queries.of_country import held_seats
from lms.people.actions.countries import add_country, set_partnerships
from lms.people.actions.country_merging import merge_countries, settle_country_merges, undo_country_merge
from lms.people.models import Country, CountryMerge, CountryMove, Partnership, Person, PersonCountry, RoleGrant
from lms.people.queries.access import load_actor
from lms.people.queries.countries import (
    belonging_to,
    country_by_code,
    country_codes_of,
    country_ids,
    get_country,
    listed_country,
    partner_spans,
    united_spans,
)
from lms.reports.models import OpeningRow, OpeningSet
from lms.reports.queries.figures import count, totals
from lms.reports.recount import facts_differences
from lms.reports.recounted_rows import RecountRows
from lms.reports.rules import Slice
from tests.conftest import empty_tables
from tests.dashboards.conftest import World
from tests.forms import token_in
from tests.reports.world import World as Stored

pytestmark = [pytest.mark.databases, pytest.mark.usefixtures("context")]
WHY = "Entered twice in 2021"
DAY = timedelta(days=1)
TABLES: tuple[type[Base], ...] = (
    Award, CountryQuota, Enrolment, Nomination, OpeningRow, Partnership, PersonCountry, RoleGrant, SeriesCountry,
    ViewingGroup,
)  # fmt: skip


@pytest.fixture
def twice(world: World) -> Iterator[World]:
    """Kenya is on the list a second time, as QX, with people, seats and attendance of both."""
    make, series = world.make, world.series
    add_country("QX", {"en": "Kenya (old list)"}, region="202", by=SYSTEM, at=world.at)
    set_partnerships("KE", [(date(2022, 1, 1), None)], by=SYSTEM, at=world.at)
    set_partnerships("QX", [(date(2020, 1, 1), date(2022, 6, 30))], by=SYSTEM, at=world.at)
    make.quota(series, "KE", seats=3, kept_until=world.at + 20 * DAY)
    make.quota(series, "QX", seats=2, kept_until=world.at + 10 * DAY)
    for name, code in (("Amani", "KE"), ("Baraka", "QX"), ("Chiku", "QX")):
        person = make.person(name, country=code)
        enrol(series.id, person.id, by=make.actor(person), at=world.at)
        world.be_there(world.held[0], person, (0, 90))
    baraka = db.session.scalars(select(Person).where(Person.full_name == "Baraka")).one()
    old = get_country("QX").id
    stored = Stored(make.app)
    stored.countries["QX"] = old
    stored.award(series.id, baraka.id, world.at)
    kept = stored.insert(OpeningSet, public_id="set", name="Before", note="", created_at=world.at)
    for code in ("KE", "QX"):
        stored.insert(
            OpeningRow, set_id=kept, day=date(2020, 5, 1), title="Early", title_key="early", country_code=code,
            country_id=stored.countries[code], attendances=4,
        )  # fmt: skip
    make.person("Old Focal", country="QX", roles=[("focal_point", "QX")])
    stored.insert(SeriesCountry, series_id=series.id, country_id=old)
    other = make.series("both", capacity=10)
    for code in ("KE", "QX"):
        stored.insert(SeriesCountry, series_id=other.id, country_id=stored.countries[code])
    nominate(stored, other, "QX", "nominee@example.org", world.at)
    yield world
    db.session.rollback()
    empty_tables()
    with db.engine.begin() as connection:  # the list itself outlasts a test
        connection.execute(update(Country).where(Country.merged_into_id.is_not(None)).values(merged_into_id=None))
        connection.execute(delete(Partnership))
        connection.execute(delete(Country).where(Country.code == "QX"))


def nominate(stored: Stored, series: Series, code: str, email: str, at: datetime) -> int:
    return stored.insert(
        Nomination, public_id=f"{code}-{email}"[:32], series_id=series.id, country_id=stored.countries[code],
        email=email, email_key=email, full_name="Nia Nominee", state=NominationState.SUBMITTED, created_at=at,
    )  # fmt: skip


def rows() -> dict[str, set[tuple[Any, ...]]]:
    """All rows that refer to a country; those that are written anew without their ids."""
    db.session.rollback()
    found = {}
    for model in TABLES:
        skipped = {"id"} if model in (Partnership, CountryQuota) else set()
        columns = [column for column in model.__table__.columns if column.name not in skipped]
        found[model.__tablename__] = {tuple(map(str, row)) for row in db.session.execute(select(*columns))}
    return found


def agrees() -> None:
    """Whether `lms report verify` finds no difference."""
    db.session.rollback()
    assert facts_differences(RecountRows("Asia/Shanghai")) == []
    assert list(seat_differences(held_seats())) == []


def people_of(code: str, at: datetime) -> int:
    country = listed_country(code)
    assert country is not None
    return len(set(db.session.scalars(belonging_to([country.id], at.date()))))


def figures(at: datetime, **asked: Any) -> tuple[int, int, int, int]:
    db.session.rollback()
    found = totals(Slice(**asked), by=SYSTEM, at=at)
    return found.participants, found.attendances, found.countries, found.partner_countries


@pytest.mark.databases
def test_all_of_a_country_is_of_the_one_kept_and_everything_is_back_after_undo(twice: World) -> None:
    at = twice.at
    before, counted = rows(), figures(at)
    agrees()
    assert (people_of("KE", at), people_of("QX", at)) == (3, 3)
    merge = merge_countries("KE", "QX", reason=WHY, by=SYSTEM, at=at)
    assert merge is not None
    agrees()
    old = listed_country("QX")
    assert old is not None
    assert (people_of("KE", at), people_of("QX", at)) == (6, 0)
    for table, found in rows().items():
        model = next(model for model in TABLES if model.__tablename__ == table)
        for column in model.__table__.columns:
            if any(key.column.table.name == "country" for key in column.foreign_keys):
                assert db.session.scalar(select(func.count()).where(column == old.id)) == 0, column
        assert found != before[table] or table == "viewing_group", table
    after = figures(at)
    assert after[:2] == counted[:2]
    assert after[2:] == (counted[2] - 1, counted[3])  # Kenya is a partner today, QX was until 2022
    assert [row["key"] for row in count(Slice(), ("country",), by=SYSTEM, at=at).as_json()["groups"]].count("QX") == 0
    assert figures(at, country="QX") == figures(at, country="KE")
    assert partner_spans()[country_ids()["KE"]] == [(date(2020, 1, 1), None)]
    assert country_by_code("qx") == get_country("KE")
    assert country_ids()["QX"] == country_ids()["KE"]
    assert merge_countries("KE", "QX", reason=WHY, by=SYSTEM, at=at) is None
    undo_country_merge("QX", by=SYSTEM, at=at)
    agrees()
    assert rows() == before
    assert figures(at) == counted
    assert db.session.scalar(select(func.count()).select_from(CountryMove)) == 0
    with pytest.raises(Refused, match="not merged"):
        undo_country_merge("QX", by=SYSTEM, at=at)
    verbs = [entry.verb for entry in list_entries("country", old.id)]
    assert verbs[:2] == ["undo_country_merge", "merge_countries"]


def quota(series: Series, code: str) -> tuple[int, int] | None:
    country = listed_country(code)
    assert country is not None
    query = select(CountryQuota.seats, CountryQuota.used)
    row = db.session.execute(
        query.where(CountryQuota.series_id == series.id, CountryQuota.country_id == country.id)
    ).one_or_none()
    return None if row is None else (row.seats, row.used)


def test_quotas_are_one_and_part_as_far_as_seats_were_not_taken_since(twice: World) -> None:
    at, series, make = twice.at, twice.series, twice.make
    assert (quota(series, "KE"), quota(series, "QX")) == ((3, 1), (2, 2))
    waiting = make.person("Dalili", country="KE")
    merge_countries("KE", "QX", reason=WHY, by=SYSTEM, at=at)
    assert (quota(series, "KE"), quota(series, "QX")) == ((5, 3), None)
    agrees()
    enrol(series.id, waiting.id, by=make.actor(waiting), at=at)
    left = db.session.scalars(select(Person.id).where(Person.full_name == "Chiku")).one()
    withdraw(series.id, left, by=SYSTEM, at=at)
    assert quota(series, "KE") == (5, 3)
    agrees()
    undo_country_merge("QX", by=SYSTEM, at=at)
    assert (quota(series, "KE"), quota(series, "QX")) == ((3, 2), (2, 1))
    agrees()


def test_a_quota_of_the_merged_country_alone_moves_and_comes_back(twice: World) -> None:
    at, make = twice.at, twice.make
    series = make.series("alone", capacity=4)
    make.quota(series, "QX", seats=2, kept_until=at + DAY)
    merge_countries("KE", "QX", reason=WHY, by=SYSTEM, at=at)
    assert (quota(series, "KE"), quota(series, "QX")) == ((2, 0), None)
    person = make.person("Eshe", country="KE")
    enrol(series.id, person.id, by=make.actor(person), at=at)
    undo_country_merge("QX", by=SYSTEM, at=at)
    assert (quota(series, "KE"), quota(series, "QX")) == ((1, 1), (1, 0))
    agrees()


def test_a_released_quota_and_one_that_is_kept_become_one_that_keeps_what_is_unused(twice: World) -> None:
    at, make = twice.at, twice.make
    series = make.series("released", capacity=6)
    make.quota(series, "KE", seats=3, kept_until=at + DAY)
    make.quota(series, "QX", seats=2, kept_until=at - DAY)
    merge_countries("KE", "QX", reason=WHY, by=SYSTEM, at=at)
    assert quota(series, "KE") == (3, 0)
    agrees()
    undo_country_merge("QX", by=SYSTEM, at=at)
    assert (quota(series, "KE"), quota(series, "QX")) == ((3, 0), (2, 0))
    agrees()


def test_a_seat_held_for_a_nominee_goes_and_comes_back_with_the_nomination(twice: World) -> None:
    from lms.enrolment import seats
    from lms.enrolment.models import SeatReason

    at, series = twice.at, twice.make.series("held", capacity=4)
    twice.make.quota(series, "QX", seats=2, kept_until=at + DAY)
    stored = Stored(twice.make.app)
    stored.countries["QX"] = get_country("QX").id
    number = nominate(stored, series, "QX", "held@example.org", at)

    @action
    def hold() -> None:
        why = SeatReason.NOMINATED
        kind = seats.take_seat(
            seats.lock(series.id, at=at),
            country_id=stored.countries["QX"],
            person_id=None,
            why=why,
            by=SYSTEM,
            at=at,
            only_quota=True,
        )
        db.session.get_one(Nomination, number).seat_kind = kind

    hold()
    agrees()
    merge_countries("KE", "QX", reason=WHY, by=SYSTEM, at=at)
    agrees()
    undo_country_merge("QX", by=SYSTEM, at=at)
    assert (quota(series, "KE"), quota(series, "QX")) == (None, (2, 1))
    agrees()


def test_who_waits_gets_a_seat_that_the_other_country_kept(twice: World) -> None:
    at, make = twice.at, twice.make
    series = make.series("wait", capacity=1)
    make.quota(series, "KE", seats=1, kept_until=at + DAY)
    person = make.person("Faraji", country="QX")
    enrol(series.id, person.id, by=make.actor(person), at=at)
    assert quota(series, "KE") == (1, 0)
    merge_countries("KE", "QX", reason=WHY, by=SYSTEM, at=at)
    assert quota(series, "KE") == (1, 1)
    agrees()
    undo_country_merge("QX", by=SYSTEM, at=at)
    assert quota(series, "KE") == (1, 1)
    agrees()


def test_focal_points_speak_for_the_country_kept(twice: World) -> None:
    at = twice.at
    focal = db.session.scalars(select(Person.id).where(Person.full_name == "Old Focal")).one()
    merge_countries("KE", "QX", reason=WHY, by=SYSTEM, at=at)
    actor = load_actor(focal, at)
    assert actor is not None
    assert actor.country_ids == {country_ids()["KE"]}
    undo_country_merge("QX", by=SYSTEM, at=at)
    again = load_actor(focal, at)
    assert again is not None
    assert again.country_ids == {country_ids()["QX"]}


@pytest.mark.databases
def test_two_nominations_of_one_person_stop_a_merge(twice: World) -> None:
    stored = Stored(twice.make.app)
    stored.countries["QX"] = get_country("QX").id
    both = db.session.scalars(select(Series).where(Series.slug == "both")).one()
    nominate(stored, both, "KE", "nominee@example.org", twice.at)
    before = rows()
    with pytest.raises(Refused, match="Both countries have nominated Nia Nominee"):
        merge_countries("KE", "QX", reason=WHY, by=SYSTEM, at=twice.at)
    assert rows() == before


@pytest.mark.databases
def test_a_merge_needs_an_administrator_a_reason_and_two_countries(twice: World) -> None:
    at = twice.at
    with pytest.raises(Forbidden):
        merge_countries("KE", "QX", reason=WHY, by=twice.make.actor(roles=["reporter"]), at=at)
    with pytest.raises(Forbidden):
        undo_country_merge("QX", by=twice.make.actor(roles=["reporter"]), at=at)
    for reason, field in ((" ", "reason"), ("x" * 501, "reason")):
        with pytest.raises(Invalid) as caught:
            merge_countries("KE", "QX", reason=reason, by=SYSTEM, at=at)
        assert caught.value.faults[0].field == field
    with pytest.raises(Invalid):
        merge_countries("KE", "KE", reason=WHY, by=SYSTEM, at=at)
    with pytest.raises(NotFound):
        merge_countries("KE", "QQ", reason=WHY, by=SYSTEM, at=at)
    merge_countries("KE", "QX", reason=WHY, by=SYSTEM, at=at)
    for kept, merged in (("UG", "QX"), ("QX", "UG"), ("UG", "KE")):
        with pytest.raises(Refused):
            merge_countries(kept, merged, reason=WHY, by=SYSTEM, at=at)


def test_merges_undone_in_another_order_give_each_its_partnership_back(twice: World) -> None:
    at = twice.at
    set_partnerships("UG", [(date(2019, 1, 1), date(2019, 12, 31))], by=SYSTEM, at=at)
    before = partner_spans()
    merge_countries("KE", "QX", reason=WHY, by=SYSTEM, at=at)
    merge_countries("KE", "UG", reason=WHY, by=SYSTEM, at=at)
    assert partner_spans()[country_ids()["KE"]] == [(date(2019, 1, 1), None)]
    undo_country_merge("QX", by=SYSTEM, at=at)
    assert partner_spans()[country_ids()["KE"]] == [(date(2019, 1, 1), date(2019, 12, 31)), (date(2022, 1, 1), None)]
    undo_country_merge("UG", by=SYSTEM, at=at)
    assert partner_spans() == before


def test_what_was_being_written_during_a_merge_is_moved_by_the_worker(twice: World) -> None:
    at = twice.at
    old = get_country("QX").id
    merge_countries("KE", "QX", reason=WHY, by=SYSTEM, at=at)
    late = twice.make.person("Late", country=None)
    Stored(twice.make.app).insert(PersonCountry, person_id=late.id, country_id=old, since=date(1900, 1, 1))
    assert settle_country_merges(at=at + DAY) == 0
    assert settle_country_merges(at=at) == 1
    db.session.rollback()
    assert country_codes_of([late.id], at.date()) == {late.id: "KE"}
    undo_country_merge("QX", by=SYSTEM, at=at)
    assert country_codes_of([late.id], at.date()) == {late.id: "QX"}
    agrees()


@pytest.mark.databases
def test_one_of_two_merges_at_once_is_refused(twice: World) -> None:
    app, at = twice.make.app, twice.at
    db.session.rollback()
    answers: list[object] = []

    def press(kept: str, merged: str) -> None:
        with app.app_context():
            try:
                answers.append(merge_countries(kept, merged, reason=WHY, by=SYSTEM, at=at))
            except Refused as error:
                answers.append(error)

    threads = [Thread(target=press, args=pair) for pair in (("KE", "QX"), ("QX", "KE"), ("KE", "QX"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    db.session.rollback()
    assert len([one for one in answers if isinstance(one, CountryMerge)]) == 1
    assert db.session.scalar(select(func.count()).select_from(CountryMerge)) == 1
    assert db.session.scalar(select(func.count()).where(Country.merged_into_id.is_not(None))) == 1
    agrees()


def send(client: FlaskClient, page: str, **fields: str) -> str:
    return client.post(page, data={"csrf_token": token_in(client.get(page).text), **fields}, follow_redirects=True).text


def moves(text: str, name: str) -> list[str]:
    """The numbers of a line of the table of a preview."""
    row = re.search(rf'data-testid="moves-{name}">(.*?)</tr>', text, re.DOTALL)
    assert row is not None, name
    return re.findall(r"<td[^>]*>([\d,]+)", row[1])


def test_the_page_previews_in_numbers_merges_with_a_reason_and_undoes(twice: World) -> None:
    administrator = twice.signed_in(twice.make.person("Ada Min", roles=["administrator"], country="UG"))
    before = rows()
    page = "/admin/countries/KE/merge?other=QX"
    asked = administrator.get(page).text
    assert moves(asked, "people") == ["3", "3", "6"]
    assert moves(asked, "seats") == ["3", "2", "5"]
    assert moves(asked, "older") == ["4", "4", "8"]
    assert moves(asked, "focal_points") == ["0", "1", "1"]
    assert "countries 2 → 1." in " ".join(re.sub(r"<[^>]+>", "", asked).split())
    assert rows() == before  # looking changes nothing
    assert "Say why these two are one country." in send(administrator, page)
    merged = send(administrator, page, reason=WHY)
    assert "The two countries are one now" in merged
    assert moves(merged, "people") == ["6", "3", "3"]
    assert administrator.get(page).headers["Location"].endswith("/admin/countries/KE/merged/QX")
    kept = administrator.get("/admin/countries/KE").text
    assert 'data-testid="merge-QX"' in kept
    assert 'data-verb="merge_countries"' in kept
    old = administrator.get("/admin/countries/QX").text
    assert "Merged into Kenya" in old
    assert 'name="name_en"' not in old
    assert "merged into Kenya" in administrator.get("/admin/countries?size=250&sort=code").text
    assert 'value="QX"' not in twice.make.app.test_client().get("/register").text
    assert 'value="QX"' not in administrator.get("/admin/countries/UG/merge").text
    assert "were merged" in administrator.get("/admin/countries/UG/merge?other=KE").text
    undone = send(administrator, "/admin/countries/KE/merged/QX")
    assert "The merge was undone." in undone
    assert 'data-verb="undo_country_merge"' in undone
    assert rows() == before
    assert administrator.get("/admin/countries/KE/merged/QX").status_code == 404


@pytest.mark.databases
def test_the_api_previews_merges_and_parts_as_the_page_does(twice: World) -> None:
    head = twice.make.headers(twice.make.person("Ada Min", roles=["administrator"], country="UG"))
    client, path, before = twice.make.app.test_client(), "/api/v1/countries/KE/merge", rows()
    seen = client.get(f"{path}?other=QX", headers=head).json
    assert seen is not None
    assert [seen[name]["people"] for name in ("kept", "merged", "after")] == [3, 3, 6]
    assert (seen["now"]["countries"], seen["then"]["countries"]) == (2, 1)
    assert seen["after"]["partner"] == [{"since": "2020-01-01", "until": None}]
    assert rows() == before
    for _again in range(2):
        merged = client.post(path, headers=head, json={"other": "QX", "reason": WHY}).json
        assert merged is not None
        assert (merged["kept"], merged["merged"], merged["reason"]) == ("KE", "QX", WHY)
    listed = client.get("/api/v1/countries", headers=head).json
    assert listed is not None
    assert {one["code"]: one["merged_into"] for one in listed["items"] if one["merged_into"]} == {"QX": "KE"}
    changed = client.patch("/api/v1/countries/QX", headers=head, json={"names": {"en": "Old"}})
    assert changed.status_code == 409
    assert client.post(path, headers=head, json={"other": "QQ", "reason": WHY}).status_code == 422
    undone = client.post(f"{path}/undo", headers=head, json={"other": "QX"}).json
    assert undone is not None
    assert (undone["code"], undone["merged_into"]) == ("QX", None)
    assert rows() == before
    assert client.post(f"{path}/undo", headers=head, json={"other": "QX"}).status_code == 404


def test_spans_are_united() -> None:
    day = date(2020, 1, 1)
    assert united_spans([(day, day + DAY), (day + 2 * DAY, day + 3 * DAY)]) == [(day, day + 3 * DAY)]
    assert united_spans([(day + 3 * DAY, None), (day, day + DAY)]) == [(day, day + DAY), (day + 3 * DAY, None)]
    assert united_spans([(day, None), (day + DAY, day + 2 * DAY)]) == [(day, None)]

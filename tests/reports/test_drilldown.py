"""Each figure opens to its rows, and the rows add up to it: for slices and groups of random histories."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient

from lms.core.db import db
from lms.core.errors import DomainError, Forbidden, Invalid, NotFound
from lms.core.roles import SYSTEM, Actor, Role
from lms.people.models import Person
from lms.reports.models import OpeningRow, OpeningSet
from lms.reports.queries.drilldown_rows import KINDS as DRILLDOWN_KINDS
from lms.reports.queries.drilldown_rows import DrilldownRow
from lms.reports.queries.figures import MOST_FIRST, count, list_people, list_rows
from lms.reports.rules import Slice
from tests.factories import Make
from tests.reports.test_rows import COUNTRIES, a_history
from tests.reports.world import World

AT = datetime(2026, 11, 25, tzinfo=UTC)
QUESTIONS: list[tuple[Slice, tuple[str, ...]]] = [
    (Slice(), ("country", "year")),
    (Slice(), ("sector", "gender")),
    (Slice(from_day=date(2022, 3, 5)), ("source", "region")),
    (Slice(partner=True), ("month",)),
    (Slice(partner=False, to_day=date(2023, 6, 7)), ("series",)),
    (Slice(gender="female"), ("language", "country")),
    (Slice(series="two", region="202"), ("sector",)),
    (Slice(country="KE", source="live"), ("year",)),
]


def every_row(figure: str, asked: Slice, keys: dict[str, str | None], limit: int = 7) -> list[DrilldownRow]:
    found: list[DrilldownRow] = []
    cursor = None
    while True:
        page = list_rows(figure, asked, keys, by=SYSTEM, at=AT, limit=limit, cursor=cursor)
        assert len(page.rows) <= limit
        found += page.rows
        cursor = page.following
        if cursor is None:
            assert len({row.cursor for row in found}) == len(found)
            return found


def opened(figure: str, asked: Slice, keys: dict[str, str | None]) -> float:
    """The figure that its rows give."""
    if figure == "participants":
        return len(list_people(asked, keys, by=SYSTEM, wanted=replace(MOST_FIRST, size=1000)).people)
    rows = every_row(figure, asked, keys)
    if figure == "contact_hours":
        return int(sum(row.ms or 0 for row in rows) / 3_600_000 * 10 + 0.5) / 10
    if figure == "attendances":
        return sum(row.attendances if row.is_older else 1 for row in rows)  # type: ignore[misc]
    return len(rows)


def registrations_and_awards(world: World, seed: int) -> None:
    """Registrations, awards and opening balances beside what people attended; some of merged people."""
    draw = random.Random(seed)
    series = [1, 2]
    with world.app.app_context():
        people = sorted(db.session.scalars(db.select(Person.id).where(Person.full_name.like("Person %"))))
    start = datetime(2021, 12, 30, 15, tzinfo=UTC)
    for person in people:
        for one in series:
            if draw.random() < 0.6:
                moment = start + timedelta(hours=draw.randrange(900 * 24))
                world.enrol(one, person, at=moment, country=draw.choice(COUNTRIES))
            if draw.random() < 0.4:
                world.award(one, person, start + timedelta(hours=draw.randrange(900 * 24)))
    made = world.insert(OpeningSet, public_id="before", name="Before", created_at=AT)
    for number, title in enumerate(["First", "Second"] * 3):
        code = draw.choice(["KE", "BR", ""])
        world.insert(
            OpeningRow, set_id=made, day=date(2022, 1 + number, 1), title=title, title_key=title.casefold(),
            series_id=draw.choice([None, 1]), country_code=code, country_id=world.countries[code] if code else None,
            attendances=draw.choice([0, 3, 40]),
        )  # fmt: skip


@pytest.mark.databases
@pytest.mark.parametrize("seed", range(2))
def test_rows_add_up_to_each_figure(app: APIFlask, world: World, seed: int) -> None:
    a_history(world, seed)
    registrations_and_awards(world, seed)
    seen = dict.fromkeys(("participants", *DRILLDOWN_KINDS), 0.0)
    with app.app_context():
        for asked, dimensions in QUESTIONS:
            report = count(asked, dimensions, by=SYSTEM, at=AT)
            cells = [({}, report.totals)]
            groups = random.Random(seed).sample(report.groups, min(6, len(report.groups)))
            cells += [(dict(zip(dimensions, group.keys, strict=True)), group.figures) for group in groups]
            for keys, figures in cells:
                for figure in seen:
                    value = getattr(figures, figure)
                    assert opened(figure, asked, keys) == value, (figure, asked, keys)
                    seen[figure] += value
    assert min(seen.values()) > 5, "a figure that is 0 throughout shows nothing"


def test_rows_say_what_they_are(app: APIFlask, world: World) -> None:
    world.partner("KE")
    series = world.series("one")
    lecture = world.lecture(series, datetime(2024, 5, 6, 4, 0, tzinfo=UTC))
    person, gone = world.person("KE"), world.person("FR")
    world.execute(db.update(Person).where(Person.id == gone).values(erased_at=AT))
    world.attend(lecture, person, gone, minutes=61)
    world.enrol(series, person, at=datetime(2024, 4, 30, 20, tzinfo=UTC))  # May already in the reporting zone
    world.award(series, person, datetime(2024, 5, 7, tzinfo=UTC))
    with app.app_context():
        (session,) = every_row("sessions", Slice(), {})
        assert (session.lecture_id, session.lecture, session.attendances, session.ms) == (
            lecture,
            "Lecture",
            2,
            7_320_000,
        )
        first, second = every_row("attendances", Slice(), {}, limit=1)
        assert (first.country, first.source, first.ms, first.day) == ("Kenya", "Live", 3_660_000, date(2024, 5, 6))
        assert first.person is not None
        assert second.person is None
        (registration,) = every_row("registrations", Slice(), {"month": "2024-05"})
        assert (registration.day, registration.country) == (date(2024, 5, 1), "Kenya")
        assert every_row("registrations", Slice(), {"source": "live"}) == []
        assert [row.kind for row in every_row("certificates", Slice(), {})] == ["participation"]
        assert [row.country_code for row in every_row("countries", Slice(), {})] == ["FR", "KE"]
        assert [row.country_code for row in every_row("partner_countries", Slice(), {})] == ["KE"]
        for keys in ({"year": "never"}, {"month": "2024-13"}, {"country": "ZZ"}, {"series": "none"}):
            assert every_row("sessions", Slice(), keys) == []


def test_who_may_open_what(app: APIFlask, world: World, make: Make) -> None:
    lecture = world.lecture(world.series("one"), datetime(2024, 5, 6, 4, 0, tzinfo=UTC))
    world.attend(lecture, world.person("KE"), world.person("UG"))
    focal: Actor = make.actor(roles=[(Role.FOCAL_POINT, "KE")])
    instructor: Actor = make.actor(roles=[Role.INSTRUCTOR])

    def ask(asked: Slice, by: Actor, **more: str) -> int:
        return len(
            list_rows(more.pop("figure", "attendances"), asked, {}, by=by, at=AT, cursor=more.get("cursor")).rows
        )

    with app.app_context():
        assert ask(Slice(country="KE"), focal) == 1
        refused: list[tuple[Slice, Actor]] = [
            (Slice(), focal), (Slice(country="UG"), focal), (Slice(region="202"), focal),
            (Slice(country="KE"), instructor),
        ]  # fmt: skip
        for asked, by in refused:
            for figure in DRILLDOWN_KINDS:
                with pytest.raises(Forbidden):
                    ask(asked, by, figure=figure)
        wrong: list[tuple[type[DomainError], dict[str, str]]] = [
            (NotFound, {"figure": "people"}), (Invalid, {"cursor": "x"}), (Invalid, {"cursor": "1.2"}),
            (Invalid, {"cursor": "bx"}),
        ]  # fmt: skip
        for error, more in wrong:
            with pytest.raises(error):
                ask(Slice(), SYSTEM, **more)


def test_pages_lead_on(client: FlaskClient, make: Make, world: World) -> None:
    series = world.series("one")
    lecture = world.lecture(series, datetime(2024, 5, 6, 4, 0, tzinfo=UTC))
    world.attend(lecture, *(world.person("KE") for _n in range(51)))
    reporter = make.person(roles=["reporter"])
    make.sign_in(client, reporter)
    page = client.get("/admin/reports?figure=attendances&rows=country&columns=sector").text
    assert "/admin/reports/opened/attendances?" in page
    first = client.get("/admin/reports/opened/attendances?country=KE").text
    assert "51 attendances</h1>" in first
    assert first.count('<th scope="row">') == 50
    following = first.split('rel="next" href="')[1].split('"')[0].replace("&amp;", "&")
    second = client.get(following).text
    assert second.count('<th scope="row">') == 1
    assert 'rel="next"' not in second
    for figure in DRILLDOWN_KINDS:
        assert client.get(f"/admin/reports/opened/{figure}?country=KE&rows=year&row=2024").status_code == 200
    assert "No rows to show for" in client.get("/admin/reports/opened/certificates?from=2025-01-01").text


def test_people_stand_by_their_attendances(app: APIFlask, world: World) -> None:
    draw = random.Random(7)
    lectures = [world.lecture(world.series(), AT - timedelta(days=90 + n)) for n in range(6)]
    people = [world.person("KE") for _n in range(12)]
    times = {person: draw.randrange(7) for person in people}
    for person, some in times.items():
        for lecture in draw.sample(lectures, some):
            world.attend(lecture, person)
    with app.app_context():
        pages = [list_people(Slice(), {}, by=SYSTEM, wanted=replace(MOST_FIRST, size=5, page=page)) for page in (1, 2)]
    found = [(one.full_name, one.attendances) for page in pages for one in page.people]
    order = sorted((person for person in people if times[person]), key=lambda person: (-times[person], person))
    assert [attendances for _name, attendances in found] == [times[person] for person in order]
    assert {page.total for page in pages} == {len(order)}

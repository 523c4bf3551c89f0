"""Each figure opens to its rows, and the rows add up to it: for slices and groups of random histories."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient

from lms.catalogue.models import CertificateKind, Lecture
from lms.certificates.models import Award
from lms.core.base.errors import Forbidden, NotFound
from lms.core.base.lists import ListRequest
from lms.core.base.roles import SYSTEM, Actor, Role
from lms.core.database.session import db
from lms.core.text.sorting import sort_key
from lms.feedback.models import FeedbackAnswer
from lms.feedback.releases import release_due
from lms.people.models import Person
from lms.reports.documents.tables import TABLES
from lms.reports.models import OpeningRow, OpeningSet
from lms.reports.queries.drilldown import KINDS as DRILLDOWN_KINDS
from lms.reports.queries.drilldown import LATEST_FIRST, list_rows
from lms.reports.queries.drilldown_lists import DrilldownRow
from lms.reports.queries.figures import count
from lms.reports.rules import Figures, Slice
from tests.factories import Make
from tests.properties import seeds
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


def every_row(
    figure: str, selection: Slice, keys: dict[str, str | None], order: ListRequest = LATEST_FIRST, size: int = 30
) -> list[DrilldownRow]:
    """All rows, page by page, which are those of a file too."""
    collected: list[DrilldownRow] = []
    page = 1
    while True:
        answer = list_rows(figure, selection, keys, request=replace(order, size=size, page=page), by=SYSTEM, at=AT)
        assert len(answer.rows) == min(size, answer.total - len(collected))
        collected += answer.rows
        page += 1
        if len(collected) == answer.total:
            assert list(answer.all_rows()) == collected
            return collected


def opened(figure: str, slice_: Slice, keys: dict[str, str | None]) -> float:
    """The figure that its rows give."""
    rows = every_row(figure, slice_, keys)
    if figure == "contact_hours":
        return int(sum(row.ms or 0 for row in rows) / 3_600_000 * 10 + 0.5) / 10
    if figure == "attendances":
        return sum(row.attendances if row.is_older else 1 for row in rows)  # type: ignore[misc]
    if figure == "satisfaction":
        return sum(row.ratings.answers for row in rows if row.ratings is not None)
    return len(rows)


def counted(figure: str, figures: Figures) -> float:
    """The figure that is reported; of *satisfaction*, of which nothing is said below five, the number of answers."""
    if figure == "satisfaction":
        return figures.ratings.answers if figures.ratings.answers >= 5 else 0
    value: float = getattr(figures, figure)
    return value


def registrations_and_awards(world: World, seed: int) -> None:
    """Registrations, awards and opening balances beside what people attended; some of merged people."""
    draw = random.Random(seed)
    series = [1, 2]
    with world.app.app_context():
        people = sorted(db.session.scalars(db.select(Person.id).where(Person.full_name.like("Person %"))))
    start = datetime(2021, 12, 30, 15, tzinfo=UTC)
    for person in people:
        for series_id in series:
            if draw.random() < 0.6:
                moment = start + timedelta(hours=draw.randrange(900 * 24))
                world.enrol(series_id, person, at=moment, country=draw.choice(COUNTRIES))
            if draw.random() < 0.4:
                world.award(series_id, person, start + timedelta(hours=draw.randrange(900 * 24)))
    with world.app.app_context():
        lectures = sorted(db.session.scalars(db.select(Lecture.id)))
    for lecture in lectures:
        for person in draw.sample(people, draw.choice([3, 20, 25])):
            rating = draw.randint(1, 5)
            world.insert(
                FeedbackAnswer, lecture_id=lecture, person_id=person, answers={"useful": rating}, rating=rating,
                answered_at=AT, changed_at=AT,
            )  # fmt: skip
    with world.app.app_context():
        release_due(at=AT)
    made = world.insert(OpeningSet, public_id="before", name="Before", created_at=AT)
    for number, title in enumerate(["First", "Second"] * 3):
        code = draw.choice(["KE", "BR", ""])
        world.insert(
            OpeningRow, set_id=made, day=date(2022, 1 + number, 1), title=title, title_key=title.casefold(),
            series_id=draw.choice([None, 1]), country_code=code, country_id=world.countries[code] if code else None,
            attendances=draw.choice([0, 3, 40]),
        )  # fmt: skip


@pytest.mark.databases
@pytest.mark.parametrize("seed", seeds(2))
def test_rows_add_up_to_each_figure(app: APIFlask, world: World, seed: int) -> None:
    a_history(world, seed)
    registrations_and_awards(world, seed)
    seen = dict.fromkeys(DRILLDOWN_KINDS, 0.0)
    with app.app_context():
        for slice_, dimensions in QUESTIONS:
            report = count(slice_, dimensions, by=SYSTEM, at=AT)
            cells = [({}, report.totals)]
            groups = random.Random(seed).sample(report.groups, min(6, len(report.groups)))
            cells += [(dict(zip(dimensions, group.keys, strict=True)), group.figures) for group in groups]
            for keys, figures in cells:
                for figure in seen:
                    value = counted(figure, figures)
                    assert opened(figure, slice_, keys) == value, (figure, slice_, keys)
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
        first, second = every_row("attendances", Slice(), {}, size=1)
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

    def ask(slice_: Slice, by: Actor, **more: str) -> int:
        return len(list_rows(more.pop("figure", "attendances"), slice_, {}, by=by, at=AT).rows)

    with app.app_context():
        assert ask(Slice(country="KE"), focal) == 1
        refused: list[tuple[Slice, Actor]] = [
            (Slice(), focal), (Slice(country="UG"), focal), (Slice(region="202"), focal),
            (Slice(country="KE"), instructor),
        ]  # fmt: skip
        for slice_, by in refused:
            for figure in DRILLDOWN_KINDS:
                with pytest.raises(Forbidden):
                    ask(slice_, by, figure=figure)
        with pytest.raises(NotFound):
            ask(Slice(), SYSTEM, figure="people")


def plainly(text: str | None) -> str:
    return sort_key(text or "")


SORTED: dict[tuple[str, str], Callable[[DrilldownRow], Any]] = {
    ("sessions", "day"): lambda row: (row.day, row.lecture_id),
    ("sessions", "lecture"): lambda row: plainly(row.lecture),
    ("sessions", "series"): lambda row: plainly(row.series),
    ("sessions", "attendances"): lambda row: row.attendances,
    ("sessions", "contact_hours"): lambda row: row.ms,
    ("attendances", "day"): lambda row: (row.day, row.lecture_id),
    ("attendances", "person"): lambda row: plainly(row.person),
    ("attendances", "lecture"): lambda row: plainly(row.lecture),
    ("attendances", "series"): lambda row: plainly(row.series),
    ("attendances", "country"): lambda row: plainly(row.country),
    ("attendances", "source"): lambda row: plainly(row.source),
    ("attendances", "minutes"): lambda row: row.ms,
    ("countries", "country"): lambda row: plainly(row.country),
    ("countries", "participants"): lambda row: row.participants,
    ("countries", "attendances"): lambda row: row.attendances,
    ("countries", "contact_hours"): lambda row: row.ms,
    ("registrations", "day"): lambda row: row.day,
    ("registrations", "person"): lambda row: plainly(row.person),
    ("registrations", "series"): lambda row: plainly(row.series),
    ("registrations", "country"): lambda row: plainly(row.country),
    ("certificates", "kind"): lambda row: row.kind != "completion",
    ("certificates", "day"): lambda row: row.day,
    ("certificates", "person"): lambda row: plainly(row.person),
}


@pytest.mark.databases
def test_rows_are_sorted_and_filtered(app: APIFlask, world: World) -> None:
    a_history(world, 5)
    registrations_and_awards(world, 5)
    titles = ["Élan", "elbow", "Zoo", "Ábel"]
    world.execute(db.update(Lecture).values(title=db.case(dict(enumerate(titles)), value=Lecture.id % 4)))
    world.execute(db.update(Award).where(Award.id % 3 == 0).values(kind=CertificateKind.COMPLETION))
    with app.app_context():
        for (figure, sort), key in SORTED.items():
            assert sort in {column.name for column in TABLES[figure].order}
            every = every_row(figure, Slice(), {})
            for descending in (False, True):
                rows = every_row(figure, Slice(), {}, ListRequest(sort=sort, descending=descending))
                assert Counter(rows) == Counter(every)
                keys_of_rows = [key(row) for row in rows if not row.is_older or figure == "countries"]
                assert keys_of_rows == sorted(keys_of_rows, reverse=descending), (figure, sort, descending)
                assert len(set(keys_of_rows)) > 1, "what is all alike is in any order"
        assert {sort for figure, sort in SORTED if figure == "attendances"} == {
            one.name for one in TABLES["attendances"].order
        }
        names = {"of_country": "country", "of_series": "series", "of_source": "source"}
        for figure in ("sessions", "attendances", "contact_hours", "registrations", "certificates"):
            opened = list_rows(figure, Slice(), {}, by=SYSTEM, at=AT)
            every = every_row(figure, Slice(), {})
            assert opened.every == opened.total == len(every)
            for name in TABLES[figure].filters:
                for value in opened.choices[name]:
                    request = ListRequest(filters={name: value.key}, sort="day", descending=True)
                    rows = every_row(figure, Slice(), {}, request)
                    assert len(rows) == value.number, (figure, name, value)
                    for row in rows:
                        label = row.kind if name == "of_kind" else getattr(row, names[name])
                        assert label in (value.label, None)
        partners = list_rows("countries", Slice(), {}, by=SYSTEM, at=AT)
        numbers = {value.key: value.number for value in partners.choices["of_partner"]}
        request = ListRequest(filters={"of_partner": "true"}, sort="participants")
        assert len(every_row("countries", Slice(), {}, request)) == numbers["true"]
        assert sum(numbers.values()) == partners.every
        wrong = ListRequest(filters={"of_country": "ZZ", "of_series": "none", "of_source": "post"})
        opened = list_rows("attendances", Slice(), {}, request=wrong, by=SYSTEM, at=AT)
        assert opened.total == opened.every > 0
        assert set(opened.unknown) == set(wrong.filters)


def test_rows_are_found_by_text(app: APIFlask, world: World) -> None:
    world.partner("KE")
    series = world.series("one")
    lecture = world.lecture(series, datetime(2024, 5, 6, 4, 0, tzinfo=UTC))
    amina, brigitte = world.person("KE"), world.person("FR")
    with app.app_context():
        db.session.get_one(Person, amina).full_name = "Amina Yusuf"
        db.session.get_one(Person, brigitte).full_name = "Brigitte Élan"
        db.session.get_one(Person, brigitte).organisation = "Water Office"
        db.session.commit()
    world.attend(lecture, amina, brigitte, minutes=61)
    for person in (amina, brigitte):
        world.enrol(series, person, at=datetime(2024, 4, 30, tzinfo=UTC))
        world.award(series, person, datetime(2024, 5, 7, tzinfo=UTC))
    with app.app_context():

        def names_found(figure: str, q: str, sort: str = "day") -> list[str | None]:
            request = ListRequest(q=q, sort=sort, descending=True)
            return [row.person or row.lecture or row.country for row in every_row(figure, Slice(), {}, request)]

        for figure in ("attendances", "contact_hours", "registrations", "certificates"):
            assert names_found(figure, "elan") == names_found(figure, "water off", "person") == ["Brigitte Élan"]
            assert names_found(figure, "elan amina") == names_found(figure, "a" * 10_000) == []
            assert names_found(figure, "", "person") == ["Brigitte Élan", "Amina Yusuf"]
        assert names_found("countries", "ken") == ["Kenya"]
        assert names_found("sessions", "lect") == ["Lecture"]
        assert names_found("sessions", "elan") == []
        for figure in DRILLDOWN_KINDS:
            empty = list_rows(figure, Slice(), {}, by=SYSTEM, at=AT, request=ListRequest(q="zzz"))
            assert (empty.total, empty.every > 0) == (0, figure != "satisfaction"), figure


def test_pages_lead_on(client: FlaskClient, make: Make, world: World) -> None:
    series = world.series("one")
    lecture = world.lecture(series, datetime(2024, 5, 6, 4, 0, tzinfo=UTC))
    world.attend(lecture, *(world.person("KE") for _n in range(26)))
    world.attend(lecture, world.person("UG"), source="group")
    reporter = make.person(roles=["reporter"])
    make.sign_in(client, reporter)
    page = client.get("/admin/reports?figure=attendances&rows=country&columns=sector").text
    assert "/admin/reports/opened/attendances?" in page
    first = client.get("/admin/reports/opened/attendances?from=2024-01-01&size=20").text
    assert "27 attendances</h1>" in first
    assert first.count('<th scope="row">') == 20
    following = first.split('rel="next" href="')[1].split('"')[0].replace("&amp;", "&")
    second = client.get(following).text
    assert second.count('<th scope="row">') == 7
    assert 'rel="next"' not in second
    assert "27 attendances</h1>" in second, "the report's own filters stay"
    for figure in {*DRILLDOWN_KINDS} - {"participants"}:
        assert client.get(f"/admin/reports/opened/{figure}?country=KE&rows=year&row=2024").status_code == 200
    assert "No rows to show for" in client.get("/admin/reports/opened/certificates?from=2025-01-01").text


def test_the_filter_of_rows_is_in_their_address_and_their_files(client: FlaskClient, make: Make, world: World) -> None:
    lecture = world.lecture(world.series("one"), datetime(2024, 5, 6, 4, 0, tzinfo=UTC))
    world.attend(lecture, *(world.person("KE") for _n in range(3)))
    world.attend(lecture, world.person("UG"), source="group")
    make.sign_in(client, make.person(roles=["reporter"]))
    address = "/admin/reports/opened/attendances"
    page = client.get(f"{address}?from=2024-01-01&of_source=group&sort=person").text
    assert "4 attendances</h1>" in page
    assert page.count('<th scope="row">') == 1
    assert 'data-testid="figure-group" data-value="1"' in page
    assert 'data-testid="figure-all" data-value="4"' in page
    assert (
        '3 rows</b><span class="off-phone">, sorted by “Person”, A to Z'
        in client.get(f"{address}?of_source=live&sort=person").text
    )
    link = page.split('href="')
    csv = next(one.split('"')[0] for one in link if one.startswith(f"{address}.csv")).replace("&amp;", "&")
    file = client.get(csv)
    assert 'filename="attendances-group.csv"' in file.headers["Content-Disposition"]
    heading, row = file.get_data(as_text=True).lstrip("\ufeff").splitlines()
    assert heading == "full_name,lecture,series,day,country,source,minutes,attendances"
    assert row.split(",")[3:6] == ["2024-05-06", "Uganda", "Group viewing"]
    assert client.get(f"{address}.xlsx").status_code == 200
    assert client.get(f"{address}.pdf").status_code == client.get("/admin/reports/opened/people.csv").status_code == 404
    nothing = client.get(f"{address}?q=zzz").text
    assert "Nothing found" in nothing
    assert (
        "of_country" in client.get(f"{address}?of_country=ZZ").text.split('data-testid="ignored"')[1].split("</p>")[0]
    )


def test_people_stand_by_their_attendances(app: APIFlask, world: World) -> None:
    draw = random.Random(7)
    lectures = [world.lecture(world.series(), AT - timedelta(days=90 + n)) for n in range(6)]
    people = [world.person("KE") for _n in range(12)]
    times = {person: draw.randrange(7) for person in people}
    for person, some in times.items():
        for lecture in draw.sample(lectures, some):
            world.attend(lecture, person)
    with app.app_context():
        order = ListRequest(sort="attendances", descending=True, size=5)
        pages = [
            list_rows("participants", Slice(), {}, by=SYSTEM, at=AT, request=replace(order, page=page))
            for page in (1, 2)
        ]
    listed = [(row.person, row.attendances) for page in pages for row in page.rows]
    order = sorted((person for person in people if times[person]), key=lambda person: (-times[person], person))
    assert [attendances for _name, attendances in listed] == [times[person] for person in order]
    assert {page.total for page in pages} == {len(order)}

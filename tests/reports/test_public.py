"""What everybody may see: of the last refresh, by one dimension, small groups folded; and who may see more."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from apiflask import APIFlask
from sqlalchemy import update

from lms.catalogue.models import CertificateKind, Policy
from lms.core.base.errors import Forbidden, NotFound
from lms.core.base.roles import ANONYMOUS, SYSTEM, Actor, Role
from lms.core.database.session import db
from lms.reports.actions.public import KEPT, refresh_public_figures, refresh_when_due
from lms.reports.models import PublicAnswer, PublicFigures
from lms.reports.queries.figures import FigureReport, count
from lms.reports.queries.public import Funnel, last_refresh, public_headline
from lms.reports.rules import DIMENSIONS, Slice
from tests.properties import seeds
from tests.reports.world import World
from tests.rows import each_row

pytestmark = pytest.mark.databases
AT = datetime(2026, 11, 25, 1, 0, tzinfo=UTC)
NOON = datetime(2024, 5, 6, 4, 0, tzinfo=UTC)
WHOLE = {"from_day": date(2024, 1, 1), "to_day": date(2024, 12, 31)}
REPORTER = Actor(person_id=1, roles=frozenset({Role.REPORTER}))
TRAINEE = Actor(person_id=2)
INSTRUCTOR = Actor(person_id=3, roles=frozenset({Role.INSTRUCTOR}))


def ask(app: APIFlask, *dimensions: str, by: Actor = ANONYMOUS, at: datetime = AT, **filters: Any) -> FigureReport:
    with app.app_context():
        return count(Slice(**filters), dimensions, by=by, at=at)


def participants(report: FigureReport) -> dict[Any, int]:
    return {group.keys[0]: group.figures.participants for group in report.groups}


def refresh(app: APIFlask, at: datetime = AT) -> None:
    with app.app_context():
        refresh_public_figures(by=SYSTEM, at=at)


@pytest.fixture
def programme(app: APIFlask, world: World) -> dict[str, int]:
    """2024: KE 7, UG 5, FR 3, BR 1 in "one"; 2025: KE 6 of these, and a draft series with 6 people of TZ; refreshed."""
    world.partner("KE")
    first_series, two, hidden = world.series("one"), world.series("two"), world.series("hidden", draft=True)
    first = world.lecture(first_series, NOON)
    second = world.lecture(two, NOON.replace(year=2025))
    third = world.lecture(hidden, NOON.replace(year=2025))
    kenyans = [world.person("KE") for _n in range(7)]
    others = [world.person(code) for code in ["UG"] * 5 + ["FR"] * 3 + ["BR"]]
    world.attend(first, *kenyans, *others)
    world.attend(second, *kenyans[:6])
    world.attend(third, *(world.person("TZ") for _n in range(6)))
    world.enrol(first_series, *kenyans, at=NOON)
    world.award(first_series, kenyans[0], NOON)
    refresh(app)
    return {"first": first, "one": first_series, "kenyan": kenyans[0]}


def test_totals_are_those_of_the_last_refresh(app: APIFlask, world: World, programme: dict[str, int]) -> None:
    assert ask(app).as_json()["totals"] == ask(app, by=SYSTEM).as_json()["totals"]
    assert ask(app).totals.participants == 22
    world.attend(programme["first"], world.person("KE"))
    later = AT + timedelta(hours=1)
    assert ask(app, at=later).totals.participants == 22
    assert ask(app, at=later).as_at == AT
    assert ask(app, at=later, by=REPORTER).totals.participants == 23
    assert ask(app, at=later, by=REPORTER).as_at == later
    refresh(app, later)
    assert ask(app, at=later).totals.participants == 23
    assert ask(app, at=later).as_at == later


def test_small_groups_are_folded(app: APIFlask, programme: dict[str, int]) -> None:
    report = ask(app, "country")
    assert participants(report) == {"KE": 7, "TZ": 6, "UG": 5, "other": 4}
    other = report.groups[-1]
    assert other.folded
    assert other.as_json()["folded"] is True
    assert other.figures.countries == 2
    assert [group.folded for group in report.groups] == [False, False, False, True]
    assert sum(group.figures.attendances for group in report.groups) == report.totals.attendances
    assert participants(ask(app, "country", by=SYSTEM)) == {"KE": 7, "TZ": 6, "UG": 5, "FR": 3, "BR": 1}


def test_one_small_group_takes_the_next_with_it(app: APIFlask, world: World, programme: dict[str, int]) -> None:
    world.attend(programme["first"], world.person("FR"), world.person("FR"))  # FR 5, BR 1
    refresh(app)
    report = ask(app, "country")
    # of FR and UG, both 5, one is folded with BR
    assert sorted(participants(report).values()) == [5, 6, 6, 7]
    assert participants(report)["other"] == 6


def test_folding_counts_people_once(app: APIFlask, world: World, programme: dict[str, int]) -> None:
    mover = world.person("EG", moved={date(2025, 1, 1): "BR"})
    world.attend(programme["first"], mover)
    world.attend(world.lecture(programme["one"], NOON.replace(year=2025)), mover)
    refresh(app)
    report = ask(app, "country")
    other = report.groups[-1].figures
    assert (other.participants, other.attendances, other.countries, other.sessions) == (5, 6, 3, 2)


def test_a_draft_series_is_not_named(app: APIFlask, programme: dict[str, int]) -> None:
    report = ask(app, "series")
    # the draft has six people and is folded all the same; the smaller of the others goes with it
    assert participants(report) == {"one": 16, "other": 12}
    with pytest.raises(NotFound):
        ask(app, series="hidden")
    assert ask(app, series="hidden", by=REPORTER).totals.participants == 6
    assert participants(ask(app, "series", by=REPORTER)) == {"one": 16, "two": 6, "hidden": 6}


def test_one_filter_is_public_where_five_people_are(app: APIFlask, programme: dict[str, int]) -> None:
    assert ask(app, country="KE").totals == ask(app, country="KE", by=SYSTEM).totals
    assert ask(app, country="UG").totals.participants == 5
    assert ask(app, series="one").totals == ask(app, series="one", by=SYSTEM).totals
    assert ask(app, region="002").totals == ask(app, region="002", by=SYSTEM).totals
    assert ask(app, region="001").totals.participants == 22
    assert ask(app, partner=True).totals == ask(app, partner=True, by=SYSTEM).totals
    assert ask(app, partner=False).totals == ask(app, partner=False, by=SYSTEM).totals


@each_row(
    "filters",
    [
        {"country": "FR"},
        {"country": "CN"},
        {"region": "019"},
        {"region": "009"},
        {"country": "KE", "series": "one"},
        {"country": "KE", "partner": True},
        {"from_day": date(2024, 1, 1), "to_day": date(2024, 6, 30)},
        {"from_day": date(2024, 1, 2)},
        {"to_day": date(2024, 12, 30)},
        {"from_day": date(2019, 1, 1), "to_day": date(2019, 12, 31)},
        {"country": "FR", **WHOLE},
    ],
)
@each_row("by", [ANONYMOUS, TRAINEE, INSTRUCTOR])
def test_anything_finer_is_forbidden(
    app: APIFlask, programme: dict[str, int], by: Actor, filters: dict[str, Any]
) -> None:
    with pytest.raises(Forbidden):
        ask(app, by=by, **filters)
    ask(app, by=REPORTER, **filters)


def test_combinations_are_forbidden(app: APIFlask, programme: dict[str, int]) -> None:
    for dimensions, filters in (
        (("country", "year"), {}),
        (("country",), {"series": "one"}),
        (("year",), {"country": "KE"}),
    ):
        with pytest.raises(Forbidden):
            ask(app, *dimensions, **filters)
        ask(app, *dimensions, by=REPORTER, **filters)


def test_whole_years_are_public(app: APIFlask, programme: dict[str, int]) -> None:
    assert ask(app, **WHOLE).totals == ask(app, by=SYSTEM, **WHOLE).totals
    assert participants(ask(app, "country", **WHOLE)) == {"KE": 7, "UG": 5, "other": 4}
    assert ask(app, country="KE", **WHOLE).totals.attendances == 7
    assert ask(app, country="KE").totals.attendances == 13
    assert ask(app, from_day=date(2025, 1, 1)).totals.participants == 12
    assert ask(app, to_day=date(2030, 12, 31)).totals == ask(app).totals
    assert participants(ask(app, "year")) == {"2024": 16, "2025": 12}


def test_each_dimension_agrees_with_the_exact_count(app: APIFlask, world: World) -> None:
    """With five people or more everywhere nothing is folded, and both ways give the same groups."""
    for year, code, language in ((2023, "KE", "en"), (2024, "FR", "fr"), (2025, None, "ar")):
        series = world.series(f"in-{year}")
        lecture = world.lecture(series, NOON.replace(year=year), language=language)
        people = [world.person(code) for _n in range(5)]
        world.attend(lecture, *people)
        world.enrol(series, *people, at=NOON.replace(year=year), country=code)
    refresh(app)
    for name in DIMENSIONS:
        exact = ask(app, name, by=SYSTEM)
        assert ask(app, name).groups == exact.groups, name
        assert ask(app, name).totals == exact.totals


def test_a_focal_point_sees_the_own_country(app: APIFlask, world: World, programme: dict[str, int]) -> None:
    focal = Actor(person_id=9, roles=frozenset({Role.FOCAL_POINT}), country_ids=frozenset({world.countries["FR"]}))
    later = AT + timedelta(hours=1)
    report = ask(
        app, "series", "month", by=focal, at=later, country="FR", from_day=date(2024, 5, 6), to_day=date(2024, 5, 6)
    )
    assert report.as_at == later
    assert report.totals.participants == 3
    for filters in ({"country": "KE"}, {"country": "KE", "region": "019"}):
        with pytest.raises(Forbidden):
            ask(app, by=focal, **filters)
    assert participants(ask(app, "country", by=focal)) == {"KE": 7, "TZ": 6, "UG": 5, "other": 4}
    with pytest.raises(Forbidden):
        ask(app, "country", "year", by=focal)
    with pytest.raises(Forbidden):
        ask(app, by=focal, region="150")


def test_a_focal_point_who_reports_too_sees_all(app: APIFlask, world: World, programme: dict[str, int]) -> None:
    both = Actor(
        person_id=9,
        roles=frozenset({Role.FOCAL_POINT, Role.REPORTER}),
        country_ids=frozenset({world.countries["FR"]}),
    )
    assert ask(app, by=both, country="KE").totals.participants == 7


def test_the_headline_has_the_map_without_small_countries(app: APIFlask, programme: dict[str, int]) -> None:
    with app.app_context():
        headline = public_headline(at=AT, locale="fr")
    assert [(place.code, place.name, place.value, place.partner) for place in headline.places] == [
        ("KE", "Kenya", 7, True),
        ("TZ", "République-Unie de Tanzanie", 6, False),
        ("UG", "Ouganda", 5, False),
    ]
    assert headline.figures.sessions == 3
    assert headline.funnel == Funnel(registrations=7, attended=7, certificates=1, is_all=False)
    assert headline.first_year == "2024"


@pytest.mark.parametrize(("others", "expected"), [(5, Funnel(12, 7, 1, is_all=False)), (4, Funnel(16, 9, 1))])
def test_the_funnel_has_series_with_certificates_unless_the_others_are_few(
    app: APIFlask, world: World, programme: dict[str, int], others: int, expected: Funnel
) -> None:
    planned, without = world.series("planned"), world.series("without")
    kind = {"certificate": CertificateKind.PARTICIPATION}
    world.execute(update(Policy).where(Policy.series_id == planned).values(**kind))
    world.enrol(planned, *(world.person("KE") for _n in range(5)), at=NOON)
    people = [world.person("KE") for _n in range(others)]
    world.enrol(without, *people, at=NOON)
    world.attend(world.lecture(without, NOON), *people[:2])
    refresh(app)
    with app.app_context():
        assert public_headline(at=AT, locale="en").funnel == expected


def test_before_the_first_refresh_all_is_counted_at_once(app: APIFlask, world: World) -> None:
    assert ask(app).totals.sessions == 0
    assert ask(app, "country").groups == []
    world.attend(world.lecture(world.series(), NOON), *(world.person() for _n in range(5)))
    assert ask(app).totals.participants == 5
    assert participants(ask(app, "country")) == {"KE": 5}


def test_it_is_refreshed_once_a_day(app: APIFlask, world: World) -> None:
    with app.app_context():
        assert refresh_when_due(at=AT)  # 09:00 in the reporting zone
        assert not refresh_when_due(at=AT + timedelta(hours=20, minutes=59))
        assert refresh_when_due(at=AT + timedelta(hours=21))  # 06:00 there
        assert last_refresh() == AT + timedelta(hours=21)


def test_old_refreshes_go(app: APIFlask, programme: dict[str, int]) -> None:
    for days in range(1, 6):
        refresh(app, AT + timedelta(days=days))
    with app.app_context():
        figure_ids = db.session.query(PublicFigures.id).all()
        answers = db.session.query(PublicAnswer.figures_id).distinct().all()
    assert len(figure_ids) == KEPT
    assert sorted(answers) == sorted(figure_ids)


def test_nobody_else_refreshes(app: APIFlask, world: World) -> None:
    with app.app_context(), pytest.raises(Forbidden):
        refresh_public_figures(by=REPORTER, at=AT)


def rank_grows(rows: list[list[int]], vector_wanted: list[int]) -> bool:
    """Whether a combination of numbers does not follow from sums of them, modulo a large prime."""
    prime = 2_147_483_647
    pivots: dict[int, list[int]] = {}

    def reduced(row: list[int]) -> list[int]:
        row = [value % prime for value in row]
        for place, pivot in pivots.items():
            if row[place]:
                factor = row[place]
                row = [(value - factor * other) % prime for value, other in zip(row, pivot, strict=True)]
        return row

    for given in rows:
        left = reduced(given)
        place = next((index for index, value in enumerate(left) if value), None)
        if place is not None:
            inverse = pow(left[place], -1, prime)
            pivots[place] = [value * inverse % prime for value in left]
    return any(reduced(vector_wanted))


@pytest.mark.parametrize("seed", seeds(8))
def test_nobody_is_found_by_subtraction(app: APIFlask, world: World, seed: int) -> None:
    """Over all public answers about countries and years: no few people's figure follows from the sums."""
    draw = random.Random(seed)
    cells: dict[tuple[str, int], int] = {}
    codes, years = ["KE", "UG", "FR", "DE", "BR"], [2022, 2023, 2024]
    series = world.series("one")
    for year in years:
        lecture = world.lecture(series, NOON.replace(year=year))
        for code in codes:
            size = draw.choice([0, 1, 2, 4, 5, 6, 7, 9])
            if size:
                world.attend(lecture, *(world.person(code) for _n in range(size)))
                cells[code, year] = size
    refresh(app)
    order = sorted(cells)
    regions = {"KE": "202", "UG": "202", "FR": "155", "DE": "155", "BR": "419"}
    known: list[list[int]] = []
    for first in years:
        for last in [year for year in years if year >= first]:
            span = {"from_day": date(first, 1, 1), "to_day": date(last, 12, 31)}

            def vector(inside: Callable[[str], bool], first: int = first, last: int = last) -> list[int]:
                return [int(inside(code) and first <= year <= last) for code, year in order]

            answers: list[tuple[dict[str, Any], tuple[str, ...]]] = [({}, ()), ({}, ("country",)), ({}, ("region",))]
            answers += [({"country": code}, ()) for code in codes]
            for filters, dimensions in answers:
                try:
                    report = ask(app, *dimensions, **filters, **span)
                except Forbidden:
                    continue
                known.append(vector(lambda code, filters=filters: filters.get("country") in (None, code)))  # type: ignore[misc]
                for group in report.groups:
                    if not group.folded:
                        key = group.keys[0]
                        known.append(vector(lambda code, key=key: key in (code, regions[code])))  # type: ignore[misc]
    exposed = [
        (cell, size)
        for place, (cell, size) in enumerate(sorted(cells.items()))
        if size < 5 and not rank_grows(known, [int(place == index) for index in range(len(order))])
    ]
    assert exposed == []
    assert known

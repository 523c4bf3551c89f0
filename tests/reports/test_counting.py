"""Each figure against numbers worked out by hand, and against a second count of worlds made at random."""

from __future__ import annotations

import random
import re
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from apiflask import APIFlask

from lms.attendance.actions.facts import rebuild_facts
from lms.attendance.models.credits import Outcome
from lms.attendance.models.evidence import Source
from lms.catalogue.models import CertificateKind, LectureState
from lms.certificates.models import CertificateState
from lms.core.base.errors import Invalid, NotFound
from lms.core.base.roles import SYSTEM
from lms.people.models import Gender, Sector
from lms.reports import recount
from lms.reports.queries.figures import count
from lms.reports.recounted_rows import RecountRows
from lms.reports.rules import DIMENSIONS, Figures, Slice
from tests.properties import seeds
from tests.queries import statements
from tests.reports.world import World
from tests.rows import each_row

pytestmark = pytest.mark.databases
AT = datetime(2026, 11, 25, 1, 0, tzinfo=UTC)
NOON = datetime(2024, 5, 6, 4, 0, tzinfo=UTC)  # noon in the reporting zone
NEXT_YEAR = NOON.replace(year=2025)
JANUARY = datetime(2024, 1, 10, tzinfo=UTC)


def figures(app: APIFlask, slice_: Slice | None = None, at: datetime = AT) -> dict[str, Any]:
    """The figures that are not 0."""
    with app.app_context():
        totals = count(slice_ or Slice(), by=SYSTEM, at=at).totals
    return {name: value for name, value in totals.as_json().items() if value}


def table(app: APIFlask, figure: str, *dimensions: str, slice_: Slice | None = None) -> dict[Any, Any]:
    """Key → one figure, where it is not 0."""
    with app.app_context():
        groups = count(slice_ or Slice(), dimensions, by=SYSTEM, at=AT).groups
    cells = {
        group.as_json()["key"] if len(dimensions) == 1 else group.keys: group.as_json()[figure] for group in groups
    }
    return {key: value for key, value in cells.items() if value}


def test_nothing_is_nothing(app: APIFlask, world: World) -> None:
    assert figures(app) == {}
    assert table(app, "sessions", "country") == {}


def test_a_small_world(app: APIFlask, world: World) -> None:
    world.partner("KE")
    world.partner("FR", since=date(2026, 12, 1))
    first_series, two = world.series("one"), world.series("two", language="fr")
    first, second = world.lecture(first_series, NOON), world.lecture(first_series, NOON + timedelta(days=7))
    third = world.lecture(two, NEXT_YEAR, language="fr")
    world.lecture(two, NEXT_YEAR + timedelta(days=7), language="fr")  # nobody came
    world.lecture(two, NEXT_YEAR, state=LectureState.LIVE)
    kenyan, ugandan, unknown = world.person("KE"), world.person("UG"), world.person(None)
    french = world.person("FR")
    world.attend(first, kenyan, ugandan, unknown, minutes=60)
    world.attend(second, kenyan, minutes=90)
    world.attend(second, french, minutes=20, outcome=Outcome.PARTIAL)
    world.attend(third, kenyan, french, minutes=55)
    world.enrol(first_series, kenyan, unknown, at=JANUARY)
    world.enrol(first_series, ugandan, at=JANUARY, country="UG")
    world.enrol(two, kenyan, at=JANUARY.replace(year=2025))
    world.award(first_series, kenyan, NOON + timedelta(days=30))
    assert figures(app) == {
        "sessions": 4,
        "participants": 4,
        "attendances": 6,
        "countries": 3,
        "partner_countries": 1,
        "registrations": 4,
        "contact_hours": 6.3,  # 3 × 60 + 90 + 2 × 55 = 380 minutes
        "certificates": 1,
    }
    assert figures(app, at=datetime(2026, 12, 1, tzinfo=UTC))["partner_countries"] == 2
    assert figures(app, Slice(country="KE")) == {
        "sessions": 3,
        "participants": 1,
        "attendances": 3,
        "countries": 1,
        "partner_countries": 1,
        "registrations": 3,
        "contact_hours": 3.4,  # 60 + 90 + 55 = 205 minutes
        "certificates": 1,
    }
    assert figures(app, Slice(series="two")) == {
        "sessions": 2,
        "participants": 2,
        "attendances": 2,
        "countries": 2,
        "partner_countries": 1,
        "registrations": 1,
        "contact_hours": 1.8,
    }
    assert figures(app, Slice(series="two", country="KE"))["sessions"] == 1
    assert table(app, "participants", "country") == {"KE": 1, "UG": 1, "FR": 1, None: 1}
    assert table(app, "participants", "year") == {"2024": 3, "2025": 2}
    assert table(app, "sessions", "year") == {"2024": 2, "2025": 2}
    assert table(app, "sessions", "country") == {"KE": 3, "UG": 1, "FR": 1, None: 1}
    assert table(app, "sessions", "language") == {"en": 2, "fr": 2}
    assert table(app, "registrations", "language") == {"en": 3, "fr": 1}
    assert table(app, "participants", "country", "year")["KE", "2025"] == 1
    assert table(app, "attendances", "month", "series") == {("2024-05", "one"): 4, ("2025-05", "two"): 2}


def test_regions_hold_what_lies_in_them(app: APIFlask, world: World) -> None:
    lecture = world.lecture(world.series(), NOON)
    world.attend(lecture, *(world.person(code) for code in ("KE", "UG", "EG", "FR", "BR")), world.person(None))
    assert table(app, "participants", "region") == {"202": 2, "015": 1, "155": 1, "419": 1, None: 1}
    held = {
        code: figures(app, Slice(region=code)).get("participants")
        for code in ("001", "002", "202", "019", "150", "009")
    }
    assert held == {"001": 5, "002": 3, "202": 2, "019": 1, "150": 1, "009": None}
    assert figures(app, Slice(region="002", country="FR")) == {}
    assert figures(app, Slice(region="202", country="KE"))["participants"] == 1


def test_a_day_is_one_of_the_reporting_zone(app: APIFlask, world: World) -> None:
    series = world.series()
    over_new_year = world.lecture(series, datetime(2024, 12, 31, 16, 30, tzinfo=UTC))  # 00:30 on 1 January there
    before = world.lecture(series, datetime(2024, 12, 31, 15, 59, tzinfo=UTC))
    person = world.person()
    world.attend(over_new_year, person)
    world.attend(before, person)
    world.enrol(series, person, at=datetime(2024, 12, 31, 16, 0, tzinfo=UTC))
    world.award(series, person, datetime(2024, 12, 31, 15, 0, tzinfo=UTC))
    assert table(app, "sessions", "year") == {"2024": 1, "2025": 1}
    assert table(app, "attendances", "month") == {"2024-12": 1, "2025-01": 1}
    assert table(app, "registrations", "year") == {"2025": 1}
    assert table(app, "certificates", "year") == {"2024": 1}
    assert figures(app, Slice(from_day=date(2025, 1, 1)))["attendances"] == 1
    assert figures(app, Slice(to_day=date(2024, 12, 31)))["attendances"] == 1
    assert figures(app, Slice(from_day=date(2024, 12, 31), to_day=date(2025, 1, 1)))["attendances"] == 2
    assert figures(app, Slice(from_day=date(2025, 1, 2))) == {}


def test_a_country_is_the_one_of_that_day(app: APIFlask, world: World) -> None:
    series = world.series()
    early, on_the_day, late = (world.lecture(series, NOON + timedelta(days=days)) for days in (-1, 0, 30))
    mover = world.person("KE", moved={date(2024, 5, 6): "UG", date(2024, 6, 1): None})
    world.attend(early, mover)
    world.attend(on_the_day, mover)
    world.attend(late, mover)
    world.enrol(series, mover, at=NOON - timedelta(days=20), country="KE")
    world.award(series, mover, NOON + timedelta(days=1))
    assert table(app, "attendances", "country") == {"KE": 1, "UG": 1, None: 1}
    assert figures(app)["participants"] == 1
    assert table(app, "participants", "country") == {"KE": 1, "UG": 1, None: 1}
    assert table(app, "registrations", "country") == {"KE": 1}
    assert table(app, "certificates", "country") == {"UG": 1}
    assert figures(app)["countries"] == 2


def test_a_partner_filter_means_the_day_of_the_lecture(app: APIFlask, world: World) -> None:
    world.partner("KE", since=date(2024, 5, 7))
    world.partner("UG", since=date(2020, 1, 1), until=date(2024, 5, 6))
    series = world.series()
    lectures = [world.lecture(series, NOON), world.lecture(series, NOON + timedelta(days=1))]
    people = [world.person("KE"), world.person("UG"), world.person(None)]
    for lecture in lectures:
        world.attend(lecture, *people)
    world.enrol(series, *people, at=NOON, country="UG")
    assert figures(app, Slice(partner=True)) == {
        "sessions": 2, "participants": 2, "attendances": 2, "countries": 2, "partner_countries": 1,
        "registrations": 3, "contact_hours": 2.0,
    }  # fmt: skip
    assert figures(app, Slice(partner=False))["attendances"] == 4
    assert figures(app)["partner_countries"] == 1


def test_merged_people_are_one_and_undoing_restores(app: APIFlask, world: World) -> None:
    series = world.series("one")
    first, second = world.lecture(series, NOON), world.lecture(series, NOON + timedelta(days=1))
    main, merged = world.person("KE"), world.person("UG")
    world.attend(first, main, merged, minutes=60)
    world.attend(second, merged, minutes=30)
    world.enrol(series, merged, at=JANUARY, country="UG")
    world.enrol(series, main, at=JANUARY.replace(year=2025), country="KE")
    world.award(series, main, NOON.replace(year=2026))
    world.award(series, merged, NOON)
    before = figures(app)
    assert before == {
        "sessions": 2, "participants": 2, "attendances": 3, "countries": 2, "registrations": 2, "contact_hours": 2.5,
        "certificates": 2,
    }  # fmt: skip
    world.merge(main, merged)
    assert figures(app) == {
        "sessions": 2, "participants": 1, "attendances": 2, "countries": 1, "registrations": 1, "contact_hours": 1.5,
        "certificates": 1,
    }  # fmt: skip
    assert table(app, "registrations", "year") == {"2024": 1}
    assert table(app, "registrations", "year", slice_=Slice(from_day=date(2025, 1, 1))) == {}
    assert table(app, "certificates", "year") == {"2024": 1}
    assert table(app, "attendances", "country") == {"KE": 2}
    world.undo_merge(merged)
    assert figures(app) == before


def test_a_merged_person_without_a_country_has_the_other_rows(app: APIFlask, world: World) -> None:
    lecture = world.lecture(world.series(), NOON)
    main, merged = world.person(None), world.person("UG")
    world.attend(lecture, main)
    world.merge(main, merged)
    assert table(app, "attendances", "country") == {"UG": 1}
    assert figures(app, Slice(country="UG"))["participants"] == 1


def test_corrections_win(app: APIFlask, world: World) -> None:
    lecture = world.lecture(world.series(), NOON)
    came, left, excused = world.person(), world.person(), world.person()
    world.attend(lecture, came, minutes=10, outcome=Outcome.PARTIAL)
    world.attend(lecture, left, excused, minutes=80)
    world.attend(lecture, world.person(), minutes=0, source=Source.MANUAL)  # by hand alone: no minutes
    world.correct(lecture, came, Outcome.ATTENDED)
    world.correct(lecture, left, Outcome.ABSENT)
    world.correct(lecture, excused, Outcome.EXCUSED)
    assert figures(app) == {"sessions": 1, "participants": 2, "attendances": 2, "countries": 1, "contact_hours": 0.2}
    assert table(app, "attendances", "source") == {"live": 1, "manual": 1}


def test_certificates_count_awards(app: APIFlask, world: World) -> None:
    series, state = world.series(), CertificateState
    people = [world.person() for _number in range(6)]
    world.award(series, people[0], NOON, state.SUPERSEDED, state.VALID)
    world.award(series, people[1], NOON, state.WITHDRAWN)
    world.award(series, people[2], NOON, state.REVOKED)
    world.award(series, people[3], NOON, state.SUPERSEDED, state.REVOKED)
    world.award(series, people[4], NOON, state.VALID)
    world.award(series, people[4], NOON, state.VALID, kind=CertificateKind.COMPLETION)
    assert figures(app) == {"certificates": 4}


def test_sector_and_gender_are_those_of_the_credit(app: APIFlask, world: World) -> None:
    series = world.series()
    lecture = world.lecture(series, NOON)
    person = world.person(sector=Sector.BUSINESS, gender=Gender.FEMALE)
    world.attend(lecture, person, sector=Sector.GOVERNMENT, gender=Gender.FEMALE)
    world.enrol(series, person, at=JANUARY)
    assert table(app, "attendances", "sector") == {"government": 1}
    assert table(app, "registrations", "sector") == {"business": 1}
    assert table(app, "registrations", "source") == {None: 1}
    assert table(app, "attendances", "sector", "gender") == {("government", "female"): 1}


@each_row(
    "slice_, dimensions, field",
    [
        (Slice(country="QQ"), (), "country"),
        (Slice(region="999"), (), "region"),
        (Slice(from_day=date(2025, 1, 2), to_day=date(2025, 1, 1)), (), "to"),
        (Slice(), ("planet",), "by"),
        (Slice(), ("year", "year"), "by"),
        (Slice(), ("year", "country", "sector"), "by"),
    ],
)
def test_what_cannot_be_asked_is_named(
    app: APIFlask, world: World, slice_: Slice, dimensions: tuple[str, ...], field: str
) -> None:
    with app.app_context(), pytest.raises(Invalid) as refused:
        count(slice_, dimensions, by=SYSTEM, at=AT)
    assert refused.value.faults[0].field == field


def test_an_unknown_series_is_not_found(app: APIFlask, world: World) -> None:
    with app.app_context(), pytest.raises(NotFound):
        count(Slice(series="nowhere"), by=SYSTEM, at=AT)


def test_one_day_is_a_period(app: APIFlask, world: World) -> None:
    world.lecture(world.series(), NOON)
    assert figures(app, Slice(from_day=NOON.date(), to_day=NOON.date())) == {"sessions": 1}


def make_at_random(world: World, seed: int) -> None:
    """A world with movers, merges, corrections, replays, drafts and everything near the turn of years."""
    chance = random.Random(seed)
    codes: list[str | None] = ["KE", "UG", "FR", "BR", "EG", None]
    for code in codes[:3]:
        since = date(2024, chance.randint(1, 12), chance.randint(1, 28))
        world.partner(str(code), since=since, until=chance.choice([None, since + timedelta(days=200)]))
    series = [world.series(language=chance.choice(["en", "fr"]), draft=chance.random() < 0.2) for _n in range(4)]

    def moment() -> datetime:
        return datetime(2024, 1, 1, tzinfo=UTC) + timedelta(days=chance.choice([0, 365, 366, 180, 181, 700]),
                                                           hours=chance.randint(-12, 12))  # fmt: skip

    people = [
        world.person(
            chance.choice(codes),
            sector=chance.choice([*Sector, None]),
            gender=chance.choice([*Gender, None]),
            moved={moment().date(): chance.choice(codes)} if chance.random() < 0.3 else None,
        )
        for _n in range(25)
    ]
    for _n in range(4):
        main, merged = chance.sample(people[:12], 2)
        world.merge(main, main)
        world.merge(merged, merged)
    main, *rest = people[:4]
    for merged in rest[: chance.randint(0, 3)]:
        world.merge(main, merged)
    for series_id in series:
        for _n in range(3):
            state = chance.choice([LectureState.HELD] * 4 + [LectureState.LIVE])
            lecture = world.lecture(series_id, moment(), language=chance.choice(["en", "ar"]), state=state)
            came = chance.sample(people, chance.randint(0, 15))
            for person in came:
                world.attend(
                    lecture,
                    person,
                    minutes=chance.randint(1, 90),
                    outcome=chance.choice([Outcome.ATTENDED] * 3 + [Outcome.PARTIAL]),
                    source=chance.choice([Source.LIVE, Source.GROUP, Source.REPLAY]),
                    sector=chance.choice([*Sector, None]),
                    gender=chance.choice([*Gender, None]),
                )
            for person in came[::7]:
                world.correct(lecture, person, chance.choice(list(Outcome)))
        for person in chance.sample(people, 12):
            world.enrol(series_id, person, at=moment(), country=chance.choice(codes))
        for person in chance.sample(people, 6):
            world.award(series_id, person, moment(), chance.choice(list(CertificateState)))


@pytest.mark.parametrize("seed", seeds(4))
def test_a_second_count_agrees(app: APIFlask, world: World, seed: int) -> None:
    make_at_random(world, seed)
    slices = [
        Slice(),
        Slice(from_day=date(2024, 1, 1), to_day=date(2024, 12, 31)),
        Slice(from_day=date(2024, 7, 1)),
        Slice(country="KE"),
        Slice(region="002", partner=False),
        Slice(partner=True),
        Slice(region="001", to_day=date(2025, 1, 1)),
    ]
    with app.app_context():
        rows = RecountRows("Asia/Shanghai")
        slices.append(Slice(series=next(iter(rows.series.values())).slug, country="UG"))
        questions = {*recount.QUESTIONS, *((name,) for name in DIMENSIONS), ("region", "gender"), ("month", "source")}
        wrong = [
            (asked, dimensions, line)
            for asked in slices
            for dimensions in sorted(questions)
            for line in recount.differences(rows, asked, dimensions, AT)
        ]
    assert wrong == []


def test_a_wrong_count_would_be_found(app: APIFlask, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.attend(world.lecture(world.series(), NOON), world.person("KE"))
    with app.app_context():
        rows = RecountRows("Asia/Shanghai")
        monkeypatch.setattr(
            "lms.reports.facts.counting.Part.figures", lambda part, partners: Figures(sessions=1, participants=2)
        )
        assert recount.differences(rows, Slice(), (), AT)[0] == "participants of everything: reported 2, recounted 1"


def test_facts_are_compared_one_lecture_at_a_time(app: APIFlask, world: World) -> None:
    """People and their credits are read of one lecture at a time, or those of a large site fill the memory."""
    series = world.series()
    for days in range(3):
        world.attend(world.lecture(series, NOON + timedelta(days=days)), world.person("KE"))
    with app.app_context():
        rebuild_facts(by=SYSTEM)
        with statements(app) as sent:
            assert recount.facts_differences(RecountRows("Asia/Shanghai")) == []
    large = re.compile(r"(FROM|JOIN) (credit|person|person_country|enrolment|award|certificate)\b")
    of_all = {statement for statement in sent if large.search(statement) and "lecture_id = " not in statement}
    assert [statement.split()[:3] for statement in of_all] == [["SELECT", "DISTINCT", "credit.lecture_id"]]

"""Who may be the same person: found among everyone by a few statements, with reasons for and against."""

from __future__ import annotations

import random
from datetime import date, datetime

import pytest
from flask import Flask
from sqlalchemy import delete, func, select

from lms.core.base.errors import Forbidden, NotFound, Refused
from lms.core.base.roles import SYSTEM
from lms.core.database.session import action, db
from lms.people.actions import block_comparison
from lms.people.actions.comparisons import ask_for_comparison
from lms.people.actions.duplicates import compare_waiting_people, mark_different, unmark_different
from lms.people.actions.files import publish_people
from lms.people.actions.merging import merge_people, undo_merge
from lms.people.actions.persons import change_profile
from lms.people.actions.privacy import erase_person
from lms.people.models import BlockComparison, DuplicatePair, Person, PersonToCompare
from lms.people.people_files import stage_people
from lms.people.queries import duplicate_blocks
from lms.people.queries import duplicates as duplicates_queries
from lms.people.queries.duplicates import PossiblePairs, find_duplicates, list_pairs
from lms.people.similarity import OFFERED, Grade
from tests.factories import Make

pytestmark = [pytest.mark.databases, pytest.mark.usefixtures("context")]
DAY = date(2026, 11, 20)


@pytest.fixture(autouse=True)
def _nobody_waits(app: object, make: Make) -> None:
    """Only the people of a test are compared."""

    @action
    def forget() -> None:
        db.session.execute(delete(PersonToCompare))
        db.session.execute(delete(DuplicatePair))

    make._within(forget)


def alike(person: Person) -> dict[str, int]:
    return {one.person.public_id: one.similarity.score for one in find_duplicates(person.public_id, day=DAY, by=SYSTEM)}


def pairs(*, weak: bool = False) -> PossiblePairs:
    return list_pairs(weak=weak, offset=0, limit=10, day=DAY, by=SYSTEM)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        pytest.param(
            {"full_name": "Achieng Odhiambo", "organisation": "Trade and Export Promotion Centre"},
            {"full_name": "Achieng A Odiambo", "organisation": "TEPC Nairobi"},
            id="another spelling and initials of the organisation",
        ),
        pytest.param({"full_name": "José Álvarez"}, {"full_name": "JOSE ALVAREZ"}, id="only marks and case differ"),
        pytest.param({"full_name": "Tran Thi Mai"}, {"full_name": "Mai Thi Tran"}, id="another order"),
        pytest.param(
            {"full_name": "Wang Xiuying", "native_name": "王秀英"},
            {"full_name": "Sherry Wang", "native_name": "王秀英"},
            id="the same name in its own script",
        ),
        pytest.param({"full_name": "王秀英"}, {"full_name": "Wang Xiuying", "native_name": "王秀英"}, id="two fields"),
        pytest.param(
            {"full_name": "Achieng Odhiambo", "email": "akinyi77@one.example"},
            {"full_name": "Achieng Odhiambo", "email": "akinyi77@two.example", "country": "UG"},
            id="another country but the same name before the @",
        ),
    ],
)
def test_the_same_person_is_found_from_both_sides(make: Make, first: dict[str, str], second: dict[str, str]) -> None:
    first_person, other = make.person(**first), make.person(**second)
    assert other.public_id in alike(first_person)
    assert first_person.public_id in alike(other)


def test_reasons_for_and_against_are_given(make: Make) -> None:
    person = make.person("Achieng Odhiambo", organisation="Ministry of Trade", gender="female")
    make.person("Achieng Odiambo", "odiambo@two.example", None, organisation="Ministry of Trade of Kenya")
    [duplicate] = find_duplicates(person.public_id, day=DAY, by=SYSTEM)
    assert duplicate.similarity.reasons == (
        "one name matches",
        "slightly different spelling (odhiambo / odiambo)",
        "organisations that may be the same",
    )
    assert duplicate.similarity.against == ("different e-mail addresses",)
    assert duplicate.similarity.score == 94


@pytest.mark.parametrize(
    "other",
    [
        pytest.param({"full_name": "Sita Gurung", "country": "UG"}, id="another country"),
        pytest.param({"full_name": "Ram Gurung"}, id="a relative"),
        pytest.param({"full_name": "Sita"}, id="one name alone"),
    ],
)
def test_namesakes_and_relatives_are_not_offered(make: Make, other: dict[str, str]) -> None:
    person = make.person("Sita Gurung")
    make.person(**other)
    assert alike(person) == {}


def test_a_common_name_alone_is_not_enough(make: Make) -> None:
    person, *_others = [make.person("Mohammed Ali", email=f"m{number}@w{number}.example") for number in range(5)]
    assert alike(person) == {}
    same = make.person("Mohammed Ali", email="m1x@w9.example", organisation="Customs")
    change_profile(person.public_id, {"organisation": "Kenya Customs"}, by=SYSTEM, at=person.created_at)
    assert alike(person) == {same.public_id: 80}


def test_different_people_are_not_offered_again_until_it_is_taken_back(make: Make, at: datetime) -> None:
    person, other = (
        make.person("Sita Gurung", f"s@{domain}.example", organisation="Customs") for domain in ("one", "two")
    )
    compare_waiting_people(at=at)
    assert pairs().offered == 1
    for _again in range(2):
        mark_different(person.public_id, other.public_id, by=SYSTEM, at=at)
    assert (alike(person), alike(other), pairs().offered) == ({}, {}, 0)
    change_profile(person.public_id, {"full_name": "Sita B. Gurung"}, by=SYSTEM, at=at)
    compare_waiting_people(at=at)
    assert pairs().offered == 0
    unmark_different(other.public_id, person.public_id, by=SYSTEM, at=at)
    compare_waiting_people(at=at)
    assert pairs().offered == 1


def test_what_is_different_from_one_is_different_from_the_merged(make: Make, at: datetime) -> None:
    person, two, other = (make.person("Sita Gurung") for _number in range(3))
    mark_different(person.public_id, other.public_id, by=SYSTEM, at=at)
    merge_people(two.public_id, person.public_id, by=SYSTEM, at=at)
    assert (alike(two), alike(other)) == ({}, {})
    with pytest.raises(Refused):
        mark_different(person.public_id, two.public_id, by=SYSTEM, at=at)


@pytest.mark.databases(differs=True)
def test_new_people_of_a_file_are_compared_and_merged_ones_leave_the_list(make: Make, at: datetime) -> None:
    known = make.person("Amina Yusuf Bello", "amina@one.example", organisation="Customs")
    compare_waiting_people(at=at)
    rows = ("a.bello@work.example,Amina Bello,KE,Customs", "zo@work.example,Zo Rabe,MG,")
    file = "\n".join(("email,full_name,country,organisation", *rows))
    publish_people(stage_people(file.encode()), skip_bad_rows=False, by=SYSTEM, at=at)
    assert pairs().to_compare == 2
    assert compare_waiting_people(at=at) == 2
    [pair] = pairs().pairs
    assert (pair.first.public_id, pair.second.email) == (known.public_id, "a.bello@work.example")
    merge_people(known.public_id, pair.second.public_id, by=SYSTEM, at=at)
    assert pairs().offered == 0
    undo_merge(pair.second.public_id, by=SYSTEM, at=at)
    assert (compare_waiting_people(at=at), pairs().offered) == (2, 1)
    erase_person(
        pair.second.public_id, confirmation="a.bello@work.example", withdraw_certificates=False, by=SYSTEM, at=at
    )
    assert db.session.scalar(select(func.count()).select_from(DuplicatePair)) == 0


def test_only_administrators_learn_of_duplicates(make: Make, at: datetime) -> None:
    person, other = make.person("Sita Gurung"), make.person("Sita Gurung")
    for actor in (make.actor(roles=["focal_point"]), make.actor(person), make.actor(roles=["reporter"])):
        with pytest.raises(Forbidden):
            find_duplicates(person.public_id, day=DAY, by=actor)
        with pytest.raises(Forbidden):
            list_pairs(offset=0, limit=10, day=DAY, by=actor)
        with pytest.raises(Forbidden):
            mark_different(person.public_id, other.public_id, by=actor, at=at)
    with pytest.raises(NotFound):
        find_duplicates("nobody", day=DAY, by=SYSTEM)


SAME = {"organisation": "Ministry of Trade", "gender": "female", "sector": "government"}


@pytest.mark.parametrize(
    ("differs", "grade"),
    [
        pytest.param({}, Grade.STRONG, id="nothing"),
        pytest.param({"organisation": "Kenya Ministry of Trade"}, Grade.STRONG, id="the organisation, written longer"),
        pytest.param({"gender": "male"}, Grade.STRONG, id="the gender"),
        pytest.param({"gender": "male", "country": "UG"}, Grade.WEAK, id="gender and country"),
        pytest.param({"country": "UG"}, Grade.POSSIBLE, id="the country"),
        pytest.param({"organisation": None}, Grade.WEAK, id="an organisation that is not known"),
        pytest.param({"organisation": "Ministry of Agriculture"}, Grade.WEAK, id="the organisation"),
        pytest.param({"organisation": "Savannah Tea", "sector": "business"}, Grade.WEAK, id="the employer"),
        pytest.param({"organisation": "Self-employed"}, Grade.WEAK, id="none"),
        pytest.param({"organisation": "Savannah Tea", "gender": "male"}, None, id="employer and gender"),
        pytest.param({"organisation": "Savannah Tea", "email": "a.odhiambo@tea.example"}, Grade.WEAK, id="the address"),
        pytest.param(
            {"organisation": None, "email": "akinyi77@gmail.com"}, Grade.STRONG, id="but not an unusual address"
        ),
    ],
)
def test_a_pair_is_graded_by_what_differs(make: Make, differs: dict[str, str | None], grade: Grade | None) -> None:
    person = make.person("Achieng Odhiambo", "akinyi77@trade.example", **SAME)
    make.person("Achieng Odhiambo", **{"email": "achieng.odhiambo@work.example", **SAME, **differs})
    grades = [other.similarity.grade for other in find_duplicates(person.public_id, day=DAY, by=SYSTEM)]
    assert grades == ([] if grade is None else [grade])


def test_namesakes_are_listed_apart(make: Make, at: datetime) -> None:
    for number, organisation in enumerate(("Customs", "Customs", "Savannah Tea")):
        make.person("Sita Gurung", f"sita@work{number}.example", organisation=organisation)
    compare_waiting_people(at=at)
    assert [pair.similarity.grade for pair in pairs().pairs] == [Grade.STRONG]
    assert [pair.similarity.grade for pair in pairs(weak=True).pairs] == [Grade.WEAK, Grade.WEAK]
    assert (pairs().offered, pairs().weak) == (1, 2)


NAMES = ("Achieng Odhiambo", "Achieng Odiambo", "Achieng A Odhiambo", "Odhiambo Achieng", "Wang Xiuying", "Sherry Wang")


def test_many_at_once_are_compared_as_one_by_one(make: Make, at: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    draw = random.Random(7)
    for number in range(36):
        box = draw.choice((f"p{number}", "akinyi77", "a.odhiambo"))
        make.person(
            draw.choice(NAMES),
            f"{box}@{draw.choice(('trade', 'tea', 'customs'))}{number}.example",
            draw.choice(("KE", "KE", "UG", None)),
            native_name=draw.choice((None, None, "王秀英")),
            organisation=draw.choice((None, "Ministry of Trade", "Trade Ministry, Kenya", "Customs")),
            gender=draw.choice((None, "female", "male")),
        )

    monkeypatch.setattr(duplicates_queries, "SHOWN", 100)
    monkeypatch.setattr(block_comparison, "SHOWN", 100)
    while compare_waiting_people(at=at, in_bulk=False):
        pass
    singly = {pair: score for pair, score in stored_pairs().items() if score >= OFFERED}
    compare_all_by_blocks(at)
    by_blocks = {pair: score for pair, score in stored_pairs().items() if score >= OFFERED}
    assert by_blocks == singly
    assert len(singly) > 10


def stored_pairs() -> dict[tuple[int, int], int]:
    rows = db.session.execute(select(DuplicatePair.first_id, DuplicatePair.second_id, DuplicatePair.score))
    return {(first, second): score for first, second, score in rows}


def compare_all_by_blocks(at: datetime) -> None:
    """Compares everyone again in one block after the other, whatever the number of people."""
    action(ask_for_comparison)(list(db.session.scalars(select(Person.id))), at=at)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(block_comparison, "IN_BLOCKS", 1)
        while pairs().to_compare:
            compare_waiting_people(at=at)


def test_any_number_of_blocks_at_once_finds_the_same(make: Make, at: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    draw = random.Random(23)
    given, family = ("Amina", "Mai", "Lin", "José", "Achieng", "Odhiambo"), ("Bello", "Tran", "Wei", "Álvarez", "Mai")
    for number in range(80):
        names = [draw.choice(given), *draw.sample(given, draw.randrange(2)), draw.choice(family)]
        make.person(
            " ".join(names),
            draw.choice((f"p{number}@trade.example", f"akinyi77@w{number}.example", f"zz.top@w{number}.example")),
            draw.choice(("KE", "UG", None)),
            native_name=draw.choice((None, None, "王秀英", "王秀")),
            organisation=draw.choice((None, "Ministry of Trade", "Trade Ministry, Kenya", "Customs", "Savannah Tea")),
        )
    monkeypatch.setattr(block_comparison, "SHOWN", 3)
    results = []
    for people_at_once in (1, 40, 4000):
        monkeypatch.setattr(duplicate_blocks, "PEOPLE_AT_ONCE", people_at_once)
        compare_all_by_blocks(at)
        results.append(stored_pairs())
    assert results[0] == results[1] == results[2]
    assert len(results[0]) > 100


def test_a_pair_stays_if_it_is_among_the_most_alike_of_either_person(
    make: Make, at: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(4):
        make.person("Sita Gurung", f"sita@work{number}.example", organisation="Customs")
    monkeypatch.setattr(block_comparison, "SHOWN", 1)
    compare_all_by_blocks(at)
    first, *others = sorted(db.session.scalars(select(Person.id).where(Person.full_name == "Sita Gurung")))
    assert set(stored_pairs()) == {(first, other) for other in others}


def test_a_comparison_by_blocks_that_was_interrupted_goes_on(
    app: Flask, make: Make, at: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        make.person("Sita Gurung", f"sita@work{number}.example", organisation="Customs")
    make.person("Mai Tran", "mai@one.example", organisation="Customs")
    monkeypatch.setattr(block_comparison, "WRITTEN_AT_ONCE", 2)
    monkeypatch.setattr(block_comparison, "IN_BLOCKS", 1)
    assert block_comparison.begin_when_many_wait(at=at)
    monkeypatch.setattr(block_comparison, "IN_BLOCKS", 300)
    monkeypatch.setattr(duplicate_blocks, "PEOPLE_AT_ONCE", 2)
    while (db.session.scalar(select(BlockComparison.next_block)) or 0) < duplicate_blocks.BLOCKS // 2:
        block_comparison.compare_next()
        db.session.rollback()
    app.extensions["lms.memory.block comparison"].clear()  # what a process knows ends with it
    make.person("Mai Tran", "mai@two.example", organisation="Customs")
    while block_comparison.is_running():
        compare_waiting_people(at=at)
    assert (pairs().offered, pairs().to_compare) == (4, 0)


def test_few_of_many_people_are_compared_one_by_one(make: Make, at: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(6):
        make.person("Sita Gurung", f"sita@work{number}.example")
    compare_waiting_people(at=at)
    monkeypatch.setattr(block_comparison, "IN_BLOCKS", 2)
    monkeypatch.setattr(block_comparison, "SHARE", 2)
    for expected, number in ((False, 2), (True, 3)):
        person_ids = list(db.session.scalars(select(Person.id).order_by(Person.id.desc()).limit(number)))
        action(ask_for_comparison)(person_ids, at=at)
        assert block_comparison.begin_when_many_wait(at=at) is expected

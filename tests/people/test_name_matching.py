"""How much a name in a report is like that of somebody known, and why."""

from __future__ import annotations

import random

import pytest

from lms.people.name_matching import APART, STRONG, Candidate, CandidateIndex, PersonSummary, strong_one
from tests.rows import each_row

PEOPLE = [
    PersonSummary(
        1, "brian", "Brian Otieno Smith", None, "Ministry of Trade and Industry", "KE", ("b.smith@trade.go.ke",)
    ),
    PersonSummary(2, "wang", "Wang Xiaoming", "王小明", None, "CN", ("xiaoming.wang@mofcom.gov.cn",)),
    PersonSummary(3, "ali", "Mohammed Ali Hassan", "محمد علي حسن", "Chamber of Commerce", "EG", ()),
    PersonSummary(4, "zoe", "Zoë Müller", None, None, "DE", ()),
    PersonSummary(5, "khan", "Abdul Rahman Khan", None, None, "PK", ()),
    PersonSummary(6, "garcia", "José Luis García Márquez", None, None, "MX", ()),
    PersonSummary(7, "ndour", "Jean-Pierre N'Dour", None, None, "SN", ()),
    PersonSummary(8, "sukarno", "Sukarno", None, None, "ID", ()),
    PersonSummary(9, "grace", "Grace Wanjiru", None, None, "KE", ("grace.wanjiru@gmail.com",)),
    PersonSummary(10, "grace2", "Grace Wanjiru Kamau", None, None, "KE", ()),
]


@pytest.fixture
def crowd(context: None) -> CandidateIndex:
    return CandidateIndex(PEOPLE, {"KE": ["Kenya"], "EG": ["Egypt", "埃及"]})


def best(crowd: CandidateIndex, name: str, typed: str = "", email: str = "") -> tuple[str, int, tuple[str, ...]]:
    candidate = crowd.alike(name, typed, email)[0]
    return candidate.known.public_id, candidate.score, candidate.reasons


@each_row(
    "name, who, score, reasons",
    [
        ("brian  otieno SMITH", "brian", 100, ("same full name",)),
        ("王小明", "wang", 100, ("the name in native script",)),
        ("Zoe Muller", "zoe", 97, ("same name without accents",)),
        ("Smith Otieno Brian", "brian", 96, ("same words in a different order",)),
        ("Abdulrahman Khan", "khan", 94, ("same letters, spaced differently",)),
        ("Brian Smith", "brian", 92, ("similar name", "middle name missing")),
        ("Smith Brian", "brian", 88, ("similar name", "middle name missing", ("different order"))),
        ("B. Otieno Smith", "brian", 88, ("similar name", "initials instead of names")),
        ("J. P. Ndour", "ndour", 76, ("one name matches", "initials instead of names")),
        (
            "Muhamad Ali Hasan", "ali", 78,
            ("one name matches", "slightly different spelling (muhamad / mohammed, hasan / hassan)"),
        ),
        ("José García", "garcia", 84, ("similar name", "one name missing")),
        ("Brian", "brian", 55, ("only one of several names",)),
        ("محمد حسن", "ali", 92,
         ("matches the name in native script", "similar name", "middle name missing")),
    ],
)  # fmt: skip
def test_a_name_has_a_score_and_reasons(
    crowd: CandidateIndex, name: str, who: str, score: int, reasons: tuple[str, ...]
) -> None:
    assert best(crowd, name) == (who, score, reasons)


def test_devices_and_strangers_are_like_nobody(crowd: CandidateIndex) -> None:
    for name in ("iPhone", "Zoom user", "Li", "12345", "", "B. S.", "小"):
        assert crowd.alike(name) == [], name


def test_what_stands_beside_the_name_speaks_for_somebody(crowd: CandidateIndex) -> None:
    _who, plain, _reasons = best(crowd, "B. Smith")
    who, score, reasons = best(crowd, "B. Smith", "B. Smith # Ministry of Trade (Kenya)")
    assert (who, score - plain, reasons[-2:]) == (
        "brian", 9, ("same organisation next to the name", "same country next to the name")
    )  # fmt: skip
    assert best(crowd, "B. Smith", "B. Smith - Ministry of Health")[1] == plain
    assert best(crowd, "M. Hassan", "M. Hassan 埃及")[2][-1] == "same country next to the name"


def test_an_unknown_address_may_speak_for_somebody(crowd: CandidateIndex) -> None:
    assert best(crowd, "", email="grace.wanjiru@trade.go.ke") == (
        "grace", 56, ("same name before the @ in the e-mail",)
    )  # fmt: skip
    assert best(crowd, "Brian Smith", email="brian@trade.go.ke")[1:] == (
        95, ("similar name", "middle name missing", "e-mail domain of the same organisation")
    )  # fmt: skip
    assert crowd.alike("", email="somebody@gmail.com") == []


def test_a_name_within_brackets_is_looked_at_too(crowd: CandidateIndex) -> None:
    assert best(crowd, "kk", "kk（王小明）")[:2] == ("wang", 100)
    assert best(crowd, "kk", "kk（01王小明）")[:2] == ("wang", 100)


def test_a_nickname_before_the_brackets_is_looked_at_too(crowd: CandidateIndex) -> None:
    assert best(crowd, "kk", "01王小明(kk)")[:2] == ("wang", 100)
    assert crowd.alike("kk", "iPhone(kk)") == []


def test_one_is_strong_only_while_nobody_comes_near(crowd: CandidateIndex) -> None:
    def strong(name: str) -> str | None:
        candidate = strong_one(crowd.alike(name))
        return candidate.known.public_id if candidate else None

    assert strong("Smith Otieno Brian") == "brian"
    assert strong("Grace Wanjiru") is None  # the other has only one name more
    assert strong("Wanjiru Grace") is None
    assert strong("Brian") is None
    candidate, other = (Candidate(person, STRONG, ()) for person in PEOPLE[:2])
    assert strong_one([candidate]) == candidate
    assert strong_one([candidate, other]) is None
    assert strong_one([Candidate(PEOPLE[0], STRONG + APART, ()), other]) is not None
    assert strong_one([]) is None


def test_a_large_crowd_gives_the_same_candidates_as_a_small_one(context: None) -> None:
    draw = random.Random(6)
    words = [f"{a}{b}" for a in ("moha", "ali", "gra", "jo", "wan", "ote") for b in ("med", "na", "ce", "ruto", "min")]
    people = [PersonSummary(n, str(n), " ".join(draw.sample(words, 4))) for n in range(3000)]
    crowd = CandidateIndex(people)
    for person in draw.sample(people, 50):
        shuffled = draw.sample(person.full_name.split(), 4)
        candidates = crowd.alike(" ".join(shuffled))
        assert candidates[0].score >= 96
        assert person.public_id in {one.known.public_id for one in candidates if one.score == candidates[0].score}

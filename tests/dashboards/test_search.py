"""Search: what is found for whom, in which order and why, and what is done with nonsense."""

from __future__ import annotations

import html
import re
from datetime import UTC, datetime

import pytest
from flask.testing import FlaskClient

from lms.core.base.roles import SYSTEM
from lms.core.database.search import Match, match_of_text, pieces_of, search_words
from lms.people.actions.files import publish_people
from lms.people.actions.merging import merge_people
from lms.people.actions.persons import change_profile
from lms.people.actions.privacy import erase_person
from lms.people.models import Person
from lms.people.people_files import stage_people
from lms.people.queries.persons import addresses_of
from tests.factories import Make
from tests.rows import each_row

AT = datetime(2026, 11, 20, tzinfo=UTC)


def titles(text: str, kind: str = "people") -> list[str]:
    """The names of what was found of a kind, with what is marked in brackets."""
    found = re.findall(rf'data-testid="hit-{kind}".*?<h3><a [^>]*>(.*?)</a>', text, re.DOTALL)
    return [html.unescape(re.sub(r"<[^>]+>", "", re.sub(r"</?mark>", "|", one))) for one in found]


def ask(client: FlaskClient, q: str, **more: str) -> str:
    answer = client.get("/search", query_string={"q": q, **more})
    assert answer.status_code == 200
    return answer.text


@pytest.fixture
def administrator(make: Make, client: FlaskClient) -> Person:
    made = make.person(full_name="Ada Min", email="ada@example.org", roles=["administrator"])
    make.sign_in(client, made)
    return made


@pytest.mark.databases(differs=True)
def test_the_closest_comes_first_and_each_says_why(administrator: Person, make: Make, client: FlaskClient) -> None:
    make.person("Chann Bopha", email="b.sophea@mekong.example")
    make.person("Mesophean Li")
    make.person("Sopheak Martin")
    make.person("Keo Sophéa")
    make.person("SOPHEA")
    text = ask(client, "sophea")
    assert titles(text) == ["|SOPHEA|", "Keo |Sophéa|", "|Sophea|k Martin", "Me|sophea|n Li", "Chann Bopha"]
    assert re.findall(r"(?:Name: |E-mail address)[^<]*(?=</p>)", text) == [
        "Name: exact match",
        "Name: contains the word",
        "Name: a word begins with it",
        "Name: part of a word",
        "E-mail address",
    ]
    assert "b.<mark>sophea</mark>@mekong.example" in text
    assert titles(ask(client, "SOPHEA keo")) == ["|Keo| |Sophéa|"]


def test_only_kinds_with_results_are_offered(administrator: Person, make: Make, client: FlaskClient) -> None:
    make.person("Sopheak Martin")

    def kinds(**more: str) -> list[str]:
        (chips,) = re.findall(r'<ul class="sift">.*?</ul>', ask(client, "sophea", **more), re.DOTALL)
        return re.findall(r"</b> (\w+)", chips)

    assert kinds() == ["All", "People"]
    assert kinds(kind="series") == ["All", "People", "Series"]


@pytest.mark.databases(differs=True)
def test_a_name_is_found_in_either_script_and_without_marks(
    administrator: Person, make: Make, client: FlaskClient
) -> None:
    make.person("Prum Sophea", native_name="ព្រំ សុភា")
    make.person("Wang Xiaoming", native_name="王小明")
    make.person("Mohammed Ali", native_name="مُحَمَّد علي")
    make.person("Nguyễn Thị Châu")
    make.person("Aoife O’Neill")
    assert titles(ask(client, "សុភា")) == ["Prum Sophea"]
    assert "<mark>សុភា</mark>" in ask(client, "សុភា")
    assert (
        titles(ask(client, "小明")) == titles(ask(client, "王小明")) == titles(ask(client, "王")) == ["Wang Xiaoming"]
    )
    assert titles(ask(client, "محمد")) == ["Mohammed Ali"]
    assert titles(ask(client, "nguyen chau")) == ["|Nguyễn| Thị |Châu|"]
    assert titles(ask(client, "oneill")) == ["Aoife |O’Neill|"]


@pytest.mark.databases(differs=True)
def test_the_index_follows_each_way_to_write_a_name(administrator: Person, make: Make, client: FlaskClient) -> None:
    person = make.person("Before Name")
    gone = make.person("Erased Somebody", organisation="Erased Works")
    with make.app.app_context():
        change_profile(person.public_id, {"full_name": "After Name"}, by=SYSTEM, at=AT)
        file = "email,full_name,native_name,organisation\n{}\n"
        rows = "one@import.example,Imported One,,Kiosk\ntwo@import.example,Imported Two,Ново,"
        publish_people(stage_people(file.format(rows).encode()), skip_bad_rows=False, by=SYSTEM, at=AT)
        again = "one@import.example,Renamed One,Ачиенг,Stall"
        publish_people(stage_people(file.format(again).encode()), skip_bad_rows=False, by=SYSTEM, at=AT)
        address = addresses_of([gone.id])[gone.id]
        erase_person(gone.public_id, confirmation=address, withdraw_certificates=False, by=SYSTEM, at=AT)
    assert titles(ask(client, "before")) == []
    assert titles(ask(client, "after")) == ["|After| Name"]
    assert titles(ask(client, "imported")) == ["|Imported| Two"]
    assert titles(ask(client, "ново")) == ["Imported Two"]
    assert titles(ask(client, "ачиенг")) == ["Renamed One"]
    assert titles(ask(client, "kiosk"), "organisations") == []
    assert titles(ask(client, "stall"), "organisations") == ["|Stall|"]
    assert titles(ask(client, "Stall", kind="people", by="organisation")) == ["Renamed One"]
    assert "0 results" in ask(client, "erased")


@pytest.mark.databases
def test_a_person_who_was_merged_leads_to_the_one_kept(administrator: Person, make: Make, client: FlaskClient) -> None:
    kept, merged = make.person("Sita Gurung"), make.person("Seeta Gurungg")
    with make.app.app_context():
        merge_people(kept.public_id, merged.public_id, by=SYSTEM, at=AT)
    text = ask(client, "seeta")
    assert titles(text) == ["Sita Gurung"]
    assert kept.public_id in text
    assert "Name of a merged record" in text


@pytest.mark.databases
def test_a_focal_point_finds_the_own_country_only(make: Make, client: FlaskClient) -> None:
    make.person("Achieng Odhiambo", country="KE", organisation="Tea Board")
    make.person("Achieng Ouma", country="UG", organisation="Tea House")
    make.sign_in(client, make.person("Peter Mutua", roles=[("focal_point", "KE")]))
    text = ask(client, "achieng")
    assert titles(text) == ["|Achieng| Odhiambo"]
    assert "1 result" in text
    assert 'href="/country?country=KE&amp;q=Achieng+Odhiambo"' in text
    assert titles(ask(client, "tea"), "organisations") == ["|Tea| Board"]
    assert titles(ask(client, "tea", kind="people", by="organisation")) == ["Achieng Odhiambo"]
    assert titles(ask(client, "example.org")) == []


@pytest.mark.databases
def test_what_is_common_is_looked_for_among_the_people_seen(
    make: Make, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lms.people.queries.finding.NEAR", 3)
    for number in range(5):
        make.person(f"Achieng {number}", country="UG")
    make.person("Achieng Odhiambo", country="KE")
    make.sign_in(client, make.person("Peter Mutua", roles=[("focal_point", "KE")]))
    assert titles(ask(client, "achieng")) == ["|Achieng| Odhiambo"]


@pytest.mark.databases
def test_an_instructor_finds_people_who_share_their_profile(make: Make, client: FlaskClient) -> None:
    instructor = make.person("Lin Yuhan", roles=["instructor"])
    own, other = make.series(instructors=[instructor]), make.series()
    shared, hidden, elsewhere = (make.person(f"Achieng {name}") for name in ("Shared", "Hidden", "Elsewhere"))
    make.enrolment(own, shared, profile_shared_at=AT)
    make.enrolment(own, hidden, profile_shared_at=None)
    make.enrolment(other, elsewhere, profile_shared_at=AT)
    make.sign_in(client, instructor)
    text = ask(client, "achieng")
    assert titles(text) == ["|Achieng| Shared"]
    assert f"/series/{own.slug}/enrolments?q=Achieng+Shared" in text


def test_strangers_and_trainees_find_what_is_public(make: Make, client: FlaskClient) -> None:
    instructor = make.person("Sophea Prum", roles=["instructor"], organisation="Trade Institute")
    series = make.series(title="Green trade", instructors=[instructor])
    make.series(title="Green secrets", visibility="draft")
    make.lecture(series, title="Trade in the first hour", instructors=[instructor])
    for person in (None, make.person("Trainee Trade")):
        if person is not None:
            make.sign_in(client, person)
        text = ask(client, "trade")
        assert titles(text, "series") == ["Green |trade|"]
        assert titles(text, "lectures") == ["|Trade| in the first hour"]
        assert titles(text) == titles(text, "organisations") == []
        assert "2 results" in text
        assert titles(ask(client, "green"), "series") == ["|Green| trade"]
        given = ask(client, "sophea")
        assert titles(given, "lectures") == ["Trade in the first hour"]
        assert "Given by <bdi><mark>Sophea</mark> Prum</bdi>" in given
        assert titles(ask(client, "trade", kind="people"), "series") == ["Green |trade|"]


def test_descriptions_are_found_after_titles(make: Make, client: FlaskClient) -> None:
    filling = "The first lectures of a long programme for officials. " * 5
    series = make.series(title="Green trade", description=f"{filling}About **phytosanitary** certificates. {filling}")
    make.series(title="Phytosanitary measures")
    make.lecture(series, title="Plants", abstract="How a phytosanitary inspection works.")
    make.lecture(series, title="Secrets", abstract="phytosanitary", state="draft")
    text = ask(client, "phytosanitary")
    assert titles(text, "series") == ["|Phytosanitary| measures", "Green trade"]
    assert "long programme for officials. About <mark>phytosanitary</mark> certificates. The first" in text
    assert titles(text, "lectures") == ["Plants"]
    assert titles(ask(client, "sanitary"), "series") == ["Phyto|sanitary| measures"], "texts by the beginning of words"


def test_files_are_found_by_those_who_can_open_them(make: Make, client: FlaskClient) -> None:
    series = make.series()
    lecture = make.lecture(series, title="Rules of origin")
    for title, audience in (("Origin worksheet", "everyone"), ("Origin slides", "enrolled")):
        make.file(lecture, title, file_name=f"{title.split()[1]}_2026.pdf", audience=audience)
    assert titles(ask(client, "origin"), "files") == ["|Origin| worksheet"]
    trainee = make.person()
    make.enrolment(series, trainee)
    make.sign_in(client, trainee)
    text = ask(client, "slides 2026")
    assert titles(text, "files") == ["Origin slides"]
    assert "<mark>slides</mark>_<mark>2026</mark>.pdf" in text
    assert titles(ask(client, "origin"), "files") == ["|Origin| slides", "|Origin| worksheet"]


def test_help_is_found(client: FlaskClient) -> None:
    text = ask(client, "waiting list")
    assert titles(text, "help") == ["Take part"]
    assert 'href="/help#enrol"' in text
    assert "you join the <mark>waiting</mark> <mark>list</mark>." in text
    assert '<li id="enrol">Choose a <a href="/series">series</a> and enrol.' in client.get("/help").text


@pytest.mark.databases(differs=True)
@each_row("q", ["%", "_", '"', "*", "AND", 'a" OR "a', "NEAR(ada min)", "search_name:ada", "ada*", "^ada", "= =", "'"])
def test_signs_of_a_query_language_are_taken_as_they_are(
    administrator: Person, make: Make, client: FlaskClient, q: str
) -> None:
    make.person("Somebody Else")
    assert "Somebody Else" not in ask(client, q)


@pytest.mark.databases(differs=True)
def test_one_letter_finds_the_beginnings_of_names(administrator: Person, make: Make, client: FlaskClient) -> None:
    make.person("Sutrisno")
    make.person("Asu")
    text = ask(client, "s")
    assert titles(text) == ["|S|utrisno"]
    assert "One letter finds only names that begin with it." in text
    assert titles(ask(client, "su")) == ["|Su|trisno"]


@each_row("path", ["/", "/series", "/sign-in", "/nothing-here"])
def test_every_page_leads_to_search(client: FlaskClient, path: str) -> None:
    for _again in range(2):  # rendered, and then as it is kept for strangers
        text = client.get(path).text
        assert re.search(r'<form class="mast-find" role="search" action="/search"[^>]*>.*?name="q"', text, re.DOTALL)
        assert '<a class="on-phone" href="/search">Search</a>' in text
    assert "mast-find" not in ask(client, "trade"), "the page has a form of its own"


def test_what_is_too_long_is_refused_with_a_sentence(administrator: Person, client: FlaskClient) -> None:
    answer = client.get("/search", query_string={"q": "sophea " * 1500})
    assert answer.status_code == 400
    assert "Use at most 200 characters." in answer.text


def test_of_many_it_is_said_that_there_are_more(administrator: Person, make: Make, client: FlaskClient) -> None:
    rows = "".join(f"n{number}@import.example,Common {number}\n" for number in range(120))
    with make.app.app_context():
        publish_people(stage_people(f"email,full_name\n{rows}".encode()), skip_bad_rows=False, by=SYSTEM, at=AT)
    text = ask(client, "common")
    assert "More than 100 results" in text
    assert len(titles(text)) == 8
    assert len(titles(ask(client, "common", kind="people"))) == 100


@each_row(
    "text, typed, expected",
    [
        ("Émile Ångström", "ang", [("Émile ", False), ("Ång", True), ("ström", False)]),
        ("Straße 1", "strasse", [("Straße", True), (" 1", False)]),
        ("O’Neil", "oneil", [("O’Neil", True)]),
        ("Banana", "xyz", [("Banana", False)]),
    ],
)
def test_the_letters_that_fit_are_marked(text: str, typed: str, expected: list[tuple[str, bool]]) -> None:
    assert pieces_of(text, search_words(typed)) == expected


def test_words_fit_from_the_narrowest_to_the_widest() -> None:
    fits = {
        name: match_of_text(("keo", "so"), name) for name in ("Keo So", "So Keo", "Sophea Keoni", "Mekeo Sop", "Li")
    }
    assert list(fits.values()) == [Match.SAME, Match.WORDS, Match.BEGINS, Match.PART, None]

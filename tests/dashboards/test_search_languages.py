"""Search for series and lectures in every language that they are described in: without accents, by parts of words."""

from __future__ import annotations

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient

from lms.core.database.search import is_mentioned, match_of_title, search_phrases
from tests.factories import Make
from tests.languages import offering
from tests.rows import each_row

TITLES = {
    "fr": {"title": "Dédouanement numérique", "description": "Déclarer sans papier."},
    "ar": {"title": "التجارة الرقمية", "description": "كيف تُسجَّل البضائع في الجمارك"},
    "zh": {"title": "数字贸易", "description": "跨境电商的海关申报"},
}


@pytest.fixture
def customs(make: Make) -> None:
    """A series and its lecture in four languages, and one that has the same signs apart."""
    series = make.series("customs", "Digital customs", translations=TITLES)
    abstracts = {code: {"abstract": texts["description"]} for code, texts in TITLES.items()}
    make.lecture(series, "Opening", translations=abstracts)
    make.series("other", "Other", translations={"zh": {"title": "易货与贸", "description": "电网与商场"}})


@each_row(
    "q",
    [
        "customs",
        "DEDOUANEMENT",
        "numér",
        "sans papier",
        "تجارة",
        "التجاره",
        "الرقميّة",
        "جمارك",
        "贸易",
        "电商",
        "海关申报",
    ],
)
def test_series_are_found_in_each_language(customs: None, client: FlaskClient, q: str) -> None:
    page = client.get("/search", query_string={"q": q, "kind": "series"}).text
    assert '/series/customs"' in page
    assert '/series/other"' not in page
    listed = client.get("/series", query_string={"q": q}).text
    assert '/series/customs"' in listed
    assert '/series/other"' not in listed
    assert [row["slug"] for row in client.get("/api/v1/series", query_string={"q": q}).json["items"]] == ["customs"]


@each_row("q, language", [("papier", "fr"), ("جمارك", "ar"), ("电商", "zh")])
def test_lectures_are_found_by_their_descriptions(customs: None, client: FlaskClient, q: str, language: str) -> None:
    page = client.get("/search", query_string={"q": q, "kind": "lectures"}).text
    assert '<h3><a href="/lectures/1"><bdi>Opening</bdi></a></h3>' in page
    assert f'<p class="quiet"><bdi lang="{language}"' in page


def test_the_title_that_fits_is_shown_with_its_language(customs: None, app: APIFlask, client: FlaskClient) -> None:
    found = client.get("/search", query_string={"q": "贸易"}).text
    assert '<bdi lang="zh">数字<mark>贸易</mark></bdi>' in found
    with offering(app, "ar"):
        in_arabic = client.get("/search", query_string={"q": "papier", "lang": "ar"}).text
    assert "<bdi>التجارة الرقمية</bdi>" in in_arabic
    assert '<bdi lang="fr" dir="ltr">' in in_arabic


def test_administrators_find_a_series_by_its_translated_title(customs: None, make: Make, client: FlaskClient) -> None:
    make.sign_in(client, make.person("Ada", "ada@example.org", roles=["administrator"]))
    page = client.get("/admin/series", query_string={"q": "numerique"}).text
    assert '/series/customs"' in page
    assert '/series/other"' not in page


@each_row(
    "q, text, is_found",
    [
        ("电商", "跨境电商", True),
        ("电商", "商电", False),
        ("رقمية", "التجارة الرقميه", True),
        ("art", "A part of it", False),
        ("part", "A part of it", True),
        ("เรียน", "การเรียนรู้", True),
    ],
)
def test_parts_of_words_are_enough_where_words_are_written_together(q: str, text: str, is_found: bool) -> None:
    phrases = search_phrases(q)
    assert is_mentioned(phrases, text) is is_found
    assert match_of_title(phrases, text) is not None or not is_found

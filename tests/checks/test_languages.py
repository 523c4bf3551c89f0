"""Knowledge checks in several languages: everybody reads theirs, and what is right depends on none."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from apiflask import APIFlask
from flask import g
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from lms.checks import gift
from lms.checks.actions.attempts import save_answers, submit_attempt
from lms.checks.actions.bank import confirm_questions, import_questions, preview_questions, save_question
from lms.checks.actions.bank import translate_question as translate
from lms.checks.actions.checks import translate_check
from lms.checks.models import BankQuestion, QuestionKind
from lms.checks.qti import writing as qti
from lms.checks.queries.checks import get_question, get_sitting
from lms.checks.questions import exported, in_language
from lms.checks.shown_questions import right_answer
from lms.core.base.errors import Invalid
from lms.core.base.settings import resource
from lms.people.models import Person
from tests.checks.conftest import NOW, Sittings
from tests.factories import Make
from tests.forms import token_in
from tests.rows import each_row

FRENCH: dict[QuestionKind, dict[str, Any]] = {
    QuestionKind.ONE: {"text": "La capitale du Kenya ?", "options": ["Mombasa-fr", "Nairobi-fr", ""]},
    QuestionKind.SEVERAL: {"text": "Lesquels sont pairs ?", "options": ["un", "deux", "trois", "quatre"]},
    QuestionKind.TRUE_FALSE: {"text": "On peut retirer son consentement.", "explanation": "Article 7."},
    QuestionKind.SHORT_TEXT: {"text": "Qui veille ?", "forms": ["l’autorité"]},
    QuestionKind.MATCHING: {"options": ["Italie", "Japon"], "matches": ["Rome-fr", "Tokyo-fr", "Oslo-fr"]},
    QuestionKind.ORDER: {"text": "Triez.", "options": ["un", "deux", "trois"]},
}


@contextmanager
def reading(language: str) -> Iterator[None]:
    """Who reads within has this language."""
    g.language = language
    yield
    g.language = "en"


def row_of(sittings: Sittings, kind: QuestionKind) -> BankQuestion:
    rows = [get_question(sittings.series, id_, by=sittings.by) for id_ in sittings.bank]
    return next(row for row in rows if row.kind is kind)


@pytest.fixture
def french(sittings: Sittings) -> Sittings:
    """All questions but that of a number have texts in French."""
    for kind, texts in FRENCH.items():
        translate(sittings.slug, row_of(sittings, kind).id, "fr", texts, by=sittings.by, at=NOW)
    return sittings


@pytest.mark.databases
def test_everybody_reads_their_language_and_the_same_answers_are_right(french: Sittings) -> None:
    check_id = french.check(attempts=None)
    public_id = french.begin(check_id, french.ada)
    english = {one.id: one for one in get_sitting(public_id, by=french.ada).questions}
    with reading("fr"):
        shown = {one.kind: one for one in get_sitting(public_id, by=french.ada).questions}
        assert shown[QuestionKind.ONE].text == "La capitale du Kenya ?"
        assert sorted(shown[QuestionKind.ONE].options) == ["Kisumu", "Mombasa-fr", "Nairobi-fr"]
        assert shown[QuestionKind.MATCHING].text == "Match."
        assert sorted(shown[QuestionKind.MATCHING].matches) == ["Oslo-fr", "Rome-fr", "Tokyo-fr"]
        assert shown[QuestionKind.NUMBER].text == "Pi to two places?"
        answers = {str(one.id): right_answer(one) for one in shown.values()}
        answers[str(shown[QuestionKind.SHORT_TEXT].id)] = "L’AUTORITÉ"
        own = str(shown[QuestionKind.SHORT_TEXT].id)
    assert {key: right_answer(english[int(key)]) for key in answers} | {own: "L’AUTORITÉ"} == answers
    assert save_answers(public_id, answers, by=french.ada, at=NOW)
    submit_attempt(public_id, by=french.ada, at=NOW)
    assert get_sitting(public_id, by=french.ada).attempt.percent == 100.0


def test_changed_answers_keep_only_the_texts_that_are_still_theirs(french: Sittings) -> None:
    check_id = french.check(attempts=None)
    begun = french.begin(check_id, french.ada)
    row = row_of(french, QuestionKind.ONE)
    sent = {"text": "The capital of Kenya?", "options": ["Nairobi", "Mombasa", "Lamu"], "right": [0]}
    save_question(french.slug, row.id, QuestionKind.ONE, sent, by=french.by, at=NOW)
    definition = row_of(french, QuestionKind.ONE).definition
    assert in_language(definition, "fr")["options"] == ["Nairobi-fr", "Mombasa-fr", "Lamu"]
    assert in_language(definition, "ar")["options"] == ["Nairobi", "Mombasa", "Lamu"]
    with reading("fr"):  # who has begun finishes the version that they began
        old = next(one for one in get_sitting(begun, by=french.ada).questions if one.kind is QuestionKind.ONE)
        assert sorted(old.options) == ["Kisumu", "Mombasa-fr", "Nairobi-fr"]
        new = get_sitting(french.begin(check_id, french.ben), by=french.ben).questions
        assert sorted(next(one for one in new if one.kind is QuestionKind.ONE).options) == [
            "Lamu", "Mombasa-fr", "Nairobi-fr",
        ]  # fmt: skip


@each_row(
    "language, texts, field",
    [
        ("fr", {"options": ["un", "deux"]}, "translations.fr.options"),
        ("fr", {"options": ["un", "un", ""]}, "translations.fr.options"),
        ("fr", {"options": ["Nairobi", "", ""]}, "translations.fr.options"),
        ("fr", {"text": "x" * 5000}, "translations.fr.text"),
        ("xx", {"text": "?"}, "translations.xx"),
        ("en", {"text": "?"}, "translations.en"),
    ],
)
def test_wrong_texts_are_named(sittings: Sittings, language: str, texts: dict[str, Any], field: str) -> None:
    row = row_of(sittings, QuestionKind.ONE)
    with pytest.raises(Invalid) as refused:
        translate(sittings.slug, row.id, language, texts, by=sittings.by, at=NOW)
    assert [fault.field for fault in refused.value.faults] == [field]


@each_row("format", ["gift", "qti-2.1", "qti-3.0"])
def test_a_file_in_a_language_comes_back_into_it(french: Sittings, format: str) -> None:
    rows = [get_question(french.series, id_, by=french.by) for id_ in french.bank]
    items = [(row.id, row.kind, exported(row.id, row.definition, "fr")) for row in rows]
    if format == "gift":
        content = gift.write((kind, definition) for _id, kind, definition in items)[0].encode()
    else:
        content = qti.write(iter(items), format.removeprefix("qti-"))
    before = [dict(row.definition) for row in rows]
    answer = import_questions(french.slug, None, content, len(content), language="fr", by=french.by, at=NOW)
    assert answer.rejected == []
    assert answer.created == 0
    for row, old in zip(rows, before, strict=True):
        new = get_question(french.series, row.id, by=french.by).definition
        assert in_language(new, "fr") == {**in_language(old, "fr"), "translations": new.get("translations")} or (
            "translations" not in old and in_language(new, "fr")["text"] == old["text"]
        )
        assert {name: new[name] for name in new if name != "translations"} == {
            name: old[name] for name in old if name != "translations"
        }


def test_a_file_in_arabic_is_previewed_and_taken(sittings: Sittings) -> None:
    one, truth = row_of(sittings, QuestionKind.ONE), row_of(sittings, QuestionKind.TRUE_FALSE)
    content = (
        f"::question-{one.id}::عاصمة كينيا؟{{\n~مومباسا\n=نيروبي\n~كيسومو\n}}\n\n"
        f"::question-{truth.id}::هل يمكن سحب الموافقة؟{{FALSE}}\n\n::nobody::ما هذا؟{{TRUE}}\n"
    ).encode()
    preview = preview_questions(sittings.slug, content, len(content), language="ar", by=sittings.by, at=NOW)
    assert (preview.answer.created, preview.answer.updated) == (0, 1)
    assert [fault.row for fault in preview.answer.rejected] == [7, 9]  # another answer is right there; no such question
    confirm_questions(sittings.slug, preview.file_id, by=sittings.by, at=NOW)
    definition = row_of(sittings, QuestionKind.ONE).definition
    assert in_language(definition, "ar")["options"] == ["مومباسا", "نيروبي", "كيسومو"]
    assert definition["text"] == "The capital of Kenya?"


def post(client: FlaskClient, path: str, data: dict[str, Any]) -> TestResponse:
    token = token_in(client.get("/account").text)
    return client.post(path, data={"csrf_token": token, **data}, content_type="multipart/form-data")


def test_pages_of_staff_and_of_who_takes_it(app: APIFlask, make: Make, french: Sittings) -> None:
    check_id = french.check()
    row = row_of(french, QuestionKind.ORDER)
    staff, bank = app.test_client(), f"/series/{french.slug}/question-bank"
    make.sign_in(staff, french.teacher)
    page = staff.get(f"{bank}/{row.id}").text
    assert f"{bank}/{row.id}?language=fr" in page
    page = staff.get(f"{bank}/{row.id}?language=ar").text
    assert "<bdi>three</bdi>" in page
    assert post(staff, f"{bank}/{row.id}?language=ar", {"options": ["١", "١", ""]}).status_code == 422
    assert post(staff, f"{bank}/{row.id}?language=ar", {"options": ["١", "٢", "٣"]}).status_code == 303
    assert in_language(row_of(french, QuestionKind.ORDER).definition, "ar")["options"] == ["١", "٢", "٣"]
    assert staff.get(f"{bank}/{row.id}?language=nothing").status_code == 404
    assert staff.get(f"{bank}.gift?language=fr").text.count("_____") == 0
    assert "La capitale du Kenya" in staff.get(f"{bank}.gift?language=fr").text
    sent = {"language": "fr", "file": (io.BytesIO(b"::nobody::Quoi?{TRUE}"), "a.txt")}
    assert "No question of the bank has this name" in post(staff, f"{bank}/import", sent).text

    edit = f"/series/{french.slug}/checks/{check_id}/edit"
    assert post(staff, f"{edit}?language=fr", {"title": "Protection des données"}).status_code == 303
    assert f"{edit}?language=fr" in staff.get(edit).text
    client = app.test_client()
    make.sign_in(client, _person(french))
    with reading("fr"):
        assert "Protection des données" in client.get(f"/series/{french.slug}/checks/{check_id}").text
    with reading("es"):
        assert "Data protection" in client.get(f"/series/{french.slug}/checks/{check_id}").text


def test_what_is_needed_for_the_certificate_is_named_in_the_readers_language(
    app: APIFlask, make: Make, context: None
) -> None:
    policy = {"certificate": "completion", "checks_passed": True, "min_lectures_percent": 50}
    sittings = Sittings(make, policy=policy)
    make.lecture(sittings.series)
    translate_check(sittings.slug, sittings.check(), "fr", "Protection des données", by=sittings.by, at=NOW)
    client = app.test_client()
    make.sign_in(client, _person(sittings))
    with reading("fr"):
        page = client.get(f"/series/{sittings.slug}").text
    assert "Protection des données" in page
    assert "Data protection" not in page


def _person(sittings: Sittings) -> Person:
    from lms.core.database.session import db

    return db.session.get_one(Person, sittings.ada.person_id)


def test_a_title_in_the_main_language_is_refused(sittings: Sittings) -> None:
    with pytest.raises(Invalid):
        translate_check(sittings.slug, sittings.check(), "en-GB", "Data", by=sittings.by, at=NOW)


def test_the_api_writes_and_reads_texts(app: APIFlask, make: Make, sittings: Sittings) -> None:
    headers = {"Authorization": f"Bearer {make.token(sittings.teacher)}"}
    path = f"/api/v1/series/{sittings.slug}/question-bank"
    texts = {"text": "C’est vrai ?", "explanation": "", "options": [], "matches": [], "forms": []}
    sent = {
        "kind": "true_false",
        "text": "Is it true?",
        "is_true": True,
        "translations": {"fr": {"text": texts["text"]}},
    }
    made = app.test_client().post(path, json=sent, headers=headers)
    assert made.status_code == 201
    assert made.get_json()["translations"] == {"fr": texts}
    titled = {"title": "Data", "items": [], "publish": False, "titles": {"fr": "Données", "ar": ""}}
    checks = f"/api/v1/series/{sittings.slug}/checks"
    assert app.test_client().post(checks, json=titled, headers=headers).get_json()["titles"] == {"fr": "Données"}
    titled["titles"] = {"en": "Data"}
    assert app.test_client().post(checks, json=titled, headers=headers).status_code == 422
    assert len(app.test_client().get(checks, headers=headers).get_json()["items"]) == 1
    sent["translations"] = {"fr": {"options": ["un"]}, "xx": {"text": "?"}}
    refused = app.test_client().post(path, json=sent, headers=headers)
    assert [one["field"] for one in refused.get_json()["errors"]] == ["translations.xx"]


def test_the_files_of_the_demonstration_have_all_questions(make: Make, context: None) -> None:
    sittings = Sittings(make)
    for language in ("", "fr", "ar"):
        name = f"checks.{language}.gift" if language else "checks.gift"
        content = resource("seeds", "demonstration", name).read_bytes()
        answer = import_questions(sittings.slug, None, content, len(content), language=language, by=sittings.by, at=NOW)
        assert answer.rejected == []
        assert (answer.updated if language else answer.created) == 8

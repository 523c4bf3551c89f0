"""Questions of staff: what a form can have, what is read from answers, and how both are drawn without scripts."""

from __future__ import annotations

from typing import Any

import pytest
from apiflask import APIFlask
from flask import render_template_string
from hypothesis import given
from hypothesis import strategies as st

from lms.core.base.errors import Invalid
from lms.questions.authoring import checked_questions
from lms.questions.forms import QuestionsForm, answers_form, questions_data
from lms.questions.rules import BASIC_KINDS, Question, answer_words, checked_answers, dump, load
from tests.rows import each_row

PACE = {
    "key": "pace",
    "kind": "choice",
    "text": "How was the pace?",
    "options": ["Too fast", "Just right"],
    "translations": {"fr": {"text": "Et le rythme ?", "options": ["Trop rapide", "Bien"]}},
}
SENT: list[dict[str, Any]] = [
    {"key": "useful", "kind": "rating", "text": "How useful was it?", "required": True, "options": ["Not", "Very"]},
    PACE,
    {"key": "tools", "kind": "choices", "text": "What do you use?", "options": ["A", "B", "C"], "max": 2},
    {"key": "missing", "kind": "text", "text": "What was missing?", "max_length": 20},
    {"key": "years", "kind": "number", "text": "For how many years?", "min": 0, "max": 60},
]
FORM = checked_questions(SENT, most=12, main="en")


def faults(error: Invalid) -> dict[str | None, str]:
    return {fault.field: fault.reason for fault in error.faults}


def test_a_form_is_stored_and_read_again() -> None:
    """Texts in other languages and limits included."""
    assert load(dump(FORM)) == FORM
    assert [question.kind for question in FORM] == list(BASIC_KINDS)
    assert FORM[1].words("fr").options == ("Trop rapide", "Bien")
    assert FORM[0].words("fr").text == "How useful was it?"


@each_row(
    "change, field",
    [
        ({"kind": "essay"}, "kind"),
        ({"text": "\u200b"}, "text"),
        ({"text": "x" * 301}, "text"),
        ({"options": ["Only"]}, "options"),
        ({"options": ["Same", "Same"]}, "options"),
        ({"options": [f"{n}" for n in range(31)]}, "options"),
        ({"key": "Bad key"}, "key"),
        ({"min": 3, "max": 2}, "max"),
        ({"kind": "text", "options": ["No"]}, "options"),
        ({"max_length": 2001}, "max_length"),
        ({"translations": {"en": {"text": "Again"}}}, "translations.en"),
        ({"translations": {"qq": {"text": "?"}}}, "translations.qq"),
        ({"translations": {"fr": {"options": ["Seule"]}}}, "translations.fr.options"),
    ],
)
def test_what_is_wrong_with_a_question_is_named_at_its_field(change: dict[str, Any], field: str) -> None:
    """By its place in the form."""
    with pytest.raises(Invalid) as caught:
        checked_questions([SENT[0], {**PACE, **change}], most=12, main="en")
    assert f"questions.1.{field}" in faults(caught.value)


def test_a_form_has_a_most_and_keys_of_its_own() -> None:
    """200 questions are refused at once; a new question never gets a key that an earlier version had."""
    with pytest.raises(Invalid) as caught:
        checked_questions([{"kind": "text", "text": f"{n}"} for n in range(200)], most=12)
    assert list(faults(caught.value)) == ["questions"]
    with pytest.raises(Invalid, match="Another question"):
        checked_questions([PACE, PACE], most=12)
    made = checked_questions([{"kind": "text", "text": "New"}, {**SENT[3], "key": "q1"}], most=12, used=["q2"])
    assert [question.key for question in made] == ["q3", "q1"]


def test_answers_mean_the_same_in_each_language_and_from_each_door() -> None:
    """An option is stored by its main text; a form sends text where JSON has numbers."""
    typed = {"useful": "4", "pace": "Trop rapide", "tools": ["C", "A"], "missing": " Prices\r\n ", "years": "3,5"}
    read = checked_answers(FORM, typed)
    assert read == {"useful": 4, "pace": "Too fast", "tools": ["A", "C"], "missing": "Prices", "years": 3.5}
    assert checked_answers(FORM, read) == read
    assert checked_answers(FORM, {"useful": 1, "pace": "", "tools": [], "missing": "", "years": ""}) == {"useful": 1}
    assert answer_words(FORM[1], "Too fast", "fr") == "Trop rapide"
    assert answer_words(FORM[1], "An option of before", "fr") == "An option of before"


@each_row(
    "key, value",
    [
        ("useful", 0), ("useful", 6), ("useful", True), ("useful", 4.5), ("useful", None), ("pace", "Slow"),
        ("pace", ["Too fast"]), ("tools", ["A", "B", "C"]), ("tools", {"A": 1}), ("missing", "x" * 21), ("missing", 3),
        ("years", -1), ("years", 61), ("years", "1e3"), ("years", "NaN"), ("years", [1]), ("gone", "x"),
    ],
)  # fmt: skip
def test_an_answer_that_does_not_fit_is_told_at_its_key(key: str, value: Any) -> None:
    """With a sentence, and all of them at once."""
    with pytest.raises(Invalid) as caught:
        checked_answers(FORM, {"useful": 3, key: value}, at="answers.")
    assert list(faults(caught.value)) == [f"answers.{key}"]
    assert all(reason.endswith(".") for reason in faults(caught.value).values())


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9), st.lists, max_leaves=4
)


@given(sent=st.dictionaries(st.sampled_from([question.key for question in FORM]), _JSON))
def test_anything_that_is_sent_is_read_or_refused(sent: dict[str, Any]) -> None:
    """What is stored reads as itself."""
    try:
        read = checked_answers(FORM, sent)
    except Invalid:
        return
    assert checked_answers(FORM, read) == read


def posted(app: APIFlask, data: dict[str, Any]) -> Any:
    return app.test_request_context("/", method="POST", data=data)


def test_the_form_to_answer_shows_faults_at_its_fields(app: APIFlask) -> None:
    """With what was typed, and options in the reader's language."""
    with posted(app, {"answers-pace": "Too fast", "answers-missing": "x" * 21}):
        form = answers_form(FORM, meta={"csrf": False})
        assert form.attempt(lambda: checked_answers(FORM, form.answers(), at="answers.")) == 422
        drawn = render_template_string(
            '{% from "macros/questions.html" import answers with context %}{{ answers(form, questions) }}',
            form=form,
            questions=FORM,
        )
    assert "Answer this question." in drawn
    assert "Use at most 20 characters." in drawn
    assert "x" * 21 in drawn
    assert 'value="Too fast"' in drawn
    assert "<legend>How was the pace?" in drawn
    with app.test_request_context("/?lang=fr"):
        assert [label.label for label in answers_form(FORM, {"pace": "Too fast"})["answers-pace"].choices] == [
            "Trop rapide",
            "Bien",
        ]


def editor(data: dict[str, Any] | None = None) -> QuestionsForm:
    return QuestionsForm(data=data, most=3, main="en", kinds=("rating", "text"), meta={"csrf": False})


def fields(data: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    """What a browser sends of the questions."""
    sent: dict[str, Any] = {"language": "fr", **more}
    for place, row in enumerate(data):
        for name, value in row.items():
            if name == "translations":
                for inner, texts in enumerate(value):
                    sent |= {f"questions-{place}-translations-{inner}-{key}": text for key, text in texts.items()}
            elif value:
                sent[f"questions-{place}-{name}"] = value
    return sent


def test_questions_are_added_moved_translated_and_removed_step_by_step(app: APIFlask) -> None:
    """Each step keeps what was typed; then the form is checked as the API's."""
    rows = questions_data([FORM[0], FORM[3]])
    with posted(app, fields(rows, step="up-1")):
        form = editor()
        assert form.use_step()
        assert [row["key"] for row in form.sent()] == ["missing", "useful"]
    with posted(app, fields(rows, step="language")):
        form = editor()
        assert form.use_step()
        assert form.languages == ["fr"]
        drawn = render_template_string(
            '{% from "macros/questions.html" import editor with context %}{{ editor(form, "/") }}', form=form
        )
        assert drawn.count('lang="fr"') == 4
        assert 'value="text"' in drawn
        assert 'value="choice"' not in drawn
    with posted(app, fields(rows, step="add")):
        form = editor()
        assert form.use_step()
        assert len(form.questions) == 3
        assert form.questions[2].form.text.data in (None, "")
    with posted(app, fields(rows, step="remove-0")):
        form = editor()
        assert form.use_step()
        assert [row["key"] for row in form.sent()] == ["missing"]
    with posted(app, fields(rows)):
        form = editor()
        assert not form.use_step()
        assert checked_questions(form.sent(), most=3) == (FORM[0], FORM[3])


def test_a_fault_of_a_translation_is_shown_at_it(app: APIFlask) -> None:
    """And a limit that is no number at its own field."""
    rows = questions_data([FORM[0]])
    rows[0] |= {"max": "many", "translations": [{"language": "fr", "text": "", "options": "Seule"}]}
    with posted(app, fields(rows)):
        form = editor()
        assert form.attempt(lambda: checked_questions(form.sent(), most=3)) == 422
        assert form.questions[0].form.max.errors == ["Enter a number."]
    rows[0]["max"] = ""
    with posted(app, fields(rows)):
        form = editor()
        assert form.attempt(lambda: checked_questions(form.sent(), most=3)) == 422
        assert form.questions[0].form.translations[0].form.options.errors
        assert form.errors


def test_200_posted_questions_are_refused(app: APIFlask) -> None:
    """Though the form reads no more than some of them."""
    with posted(app, fields([{"text": f"{n}", "kind": "text"} for n in range(200)])):
        form = editor()
        assert form.attempt(lambda: checked_questions(form.sent(), most=3)) == 422
        assert form.questions.errors or form.form_errors


def test_questions_are_plain_values() -> None:
    """A form without questions is one too."""
    assert checked_questions([], most=12) == ()
    assert checked_answers([], {}) == {}
    assert Question("a", "text", "A").words("ar").text == "A"

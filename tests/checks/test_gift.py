"""GIFT files: what Moodle writes is read, what cannot be read is named by its line, what is written is read again."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lms.checks import gift
from lms.checks.actions.bank import MAX_FILE_MB, MAX_GIFT_MB, import_questions
from lms.checks.models import QuestionKind
from lms.checks.queries.checks import list_questions
from lms.checks.questions import checked
from lms.core.base.errors import Forbidden, Invalid, TooLarge, WrongKind
from tests.checks.conftest import BANK, GIFT, NOW, Sittings
from tests.rows import each_row


def read(text: str | bytes) -> list[dict[str, Any]]:
    return list(gift.read(text.encode() if isinstance(text, str) else text))


def test_an_export_of_moodle_is_read() -> None:
    items = {item["definition"]["title"]: item for item in read(GIFT.read_bytes()) if "definition" in item}
    assert {title: item["kind"].value for title, item in items.items()} == {
        "Incoterms": "one",
        "Documents": "several",
        "Origin": "true_false",
        "Tariff": "number",
        "Range": "number",
        "Authority": "short_text",
        "Ports": "matching",
        "": "short_text",
        "After": "true_false",
    }
    first = items["Incoterms"]["definition"]
    assert first["text"] == "Who pays the freight under FOB?", "without its script"
    assert (first["options"], first["right"]) == (["The buyer", "The seller", "The carrier"], [0])
    assert first["explanation"] == "FOB ends at the ship’s rail."
    assert items["Documents"]["definition"]["right"] == [0, 1]
    assert items["Range"]["definition"]["value"] == "1.0"
    assert items["Range"]["definition"]["tolerance"] == "0.5"
    assert items["Authority"]["definition"]["forms"] == ["The plant protection organisation", "NPPO"]
    assert items["Ports"]["definition"]["options"] == ["Mombasa", "Santos"]
    assert items["Ports"]["definition"]["matches"] == ["Kenya", "Brazil", "Nepal"]
    assert items[""]["definition"]["text"] == "The letters {C} = cost, and ~ means _____."


def test_what_cannot_be_read_is_named_by_its_line() -> None:
    faults = [(item["line"], item["fault"]) for item in read(GIFT.read_bytes()) if "fault" in item]
    assert faults == [
        (44, "Essays cannot be marked by the system."),
        (46, "A brace is missing."),
    ]


@each_row(
    "text, fault",
    [
        ("Only a description.", "This is a text without a question: it has no answers in braces."),
        ("What? {#about four}", "“about four” is not a number."),
        ("What? {#4..2}", "“4..2” is not a range of numbers."),
        ("Which? {=%50%half}", "No answer is right."),
        ("One {=a} and two {=b}", "A question can have answers in one place only."),
        ("Pairs {=a -> b =c}", "A pair has no arrow (->)."),
    ],
)
def test_each_fault_has_its_words(text: str, fault: str) -> None:
    assert [item["fault"] for item in read(text)] == [fault]


def test_what_is_not_kept_is_named_by_its_line() -> None:
    feedback = "The feedback for each answer is left out."
    notes = {item["line"]: item["notes"] for item in read(GIFT.read_bytes()) if item.get("notes")}
    assert notes == {5: [feedback], 28: [feedback, "Part credits are left out: only answers with 100% are right."]}


@each_row(
    "text, notes",
    [
        ("Which? {=a ~b}", 0),
        ("Which? {=a#Yes. ~b}", 1),
        ("Which? {=a ~%50%b#Nearly.}", 2),
        ("Which? {~%50%a ~%50%b ~%-100%c}", 0),
        ("Which? {~%75%a ~%25%b ~c}", 1),
        ("So? {T#No.#Yes.}", 1),
        ("So? {T####Because.}", 0),
        ("Pi? {#=3.14:0.01 =%50%3:0.2#Nearly.}", 2),
        ("Pi? {#3.14:0.01#Right.}", 1),
        ("Who? {=a \\# b}", 0),
    ],
)
def test_feedback_and_part_credits_are_found_in_each_kind(text: str, notes: int) -> None:
    (item,) = read(text)
    assert len(item["notes"]) == notes, item["notes"]


@each_row(
    "text, fault",
    [
        ("Q {=" + "x" * gift.MAX_LENGTH + "}", "A question can have 20000 characters at most."),
        ("Q <b>" + "<b/ " * 4000 + "{T}", "A text can have 300 HTML tags at most."),
        ("Q <b>x</b> <![[ {T}", "The HTML of this question cannot be read."),
    ],
)
def test_no_question_takes_long_or_breaks_the_reader(text: str, fault: str) -> None:
    assert [item.get("fault") for item in read(f"{text}\n\nSo? {{T}}")] == [fault, None]


@each_row("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_other_encodings_are_read(encoding: str) -> None:
    (item,) = read("Où est Genève ? {=Suisse}".encode(encoding))
    assert item["definition"]["text"] == "Où est Genève ?"


def test_what_is_written_is_read_again() -> None:
    stored = [(kind, checked(kind, sent)) for kind, sent in BANK]
    text, left_out = gift.write(stored)
    assert left_out == ["Sort."], "the format has no kind for it"
    again = [(item["kind"], checked(item["kind"], item["definition"])) for item in read(text)]
    assert again == [pair for pair in stored if pair[0] is not QuestionKind.ORDER]


@given(st.text(alphabet="ab~=#{}:\\->%1 .\n[]<&;/", max_size=60), st.text(alphabet="a=~#{}\\:\n ", max_size=20))
def test_whatever_is_written_is_read_as_the_same(words: str, why: str) -> None:
    try:
        definition = checked(
            QuestionKind.ONE, {"text": words, "explanation": why, "options": [words, "other"], "right": [0]}
        )
    except Invalid:
        return
    (item,) = read(gift.write([(QuestionKind.ONE, definition)])[0])
    assert checked(item["kind"], item["definition"]) == definition


@given(st.text(alphabet="ab~=#{}:\\->%1 .\n$/T", max_size=120))
def test_no_text_breaks_the_reader(text: str) -> None:
    try:
        items = read(text)
    except Invalid:
        return
    assert all(("fault" in item) != ("definition" in item) for item in items)


@pytest.mark.databases
def test_a_file_is_imported_once(sittings: Sittings) -> None:
    content = GIFT.read_bytes()
    answer = import_questions(sittings.slug, "gift", content, len(content), by=sittings.by, at=NOW)
    assert (answer.rows, answer.created, answer.unchanged) == (11, 9, 0)
    assert [fault.row for fault in answer.rejected] == [44, 46]
    again = import_questions(sittings.slug, "gift", content, len(content), by=sittings.by, at=NOW)
    assert (again.created, again.unchanged) == (0, 9)
    assert len(list_questions(sittings.series, by=sittings.by)) == len(BANK) + 9


def test_files_are_bounded_and_refused_clearly(sittings: Sittings) -> None:
    def send(content: bytes, format: str = "gift") -> None:
        import_questions(sittings.slug, format, content, len(content), by=sittings.by, at=NOW)

    with pytest.raises(TooLarge, match="larger than 2 MB"):
        send(b"x" * (MAX_GIFT_MB * 1024 * 1024 + 1))
    with pytest.raises(TooLarge, match="larger than 10 MB"):
        send(b"x" * (MAX_FILE_MB * 1024 * 1024 + 1), "qti")
    with pytest.raises(Invalid, match="is empty"):
        send(b"")
    with pytest.raises(Invalid, match="no questions in the GIFT format"):
        send(b"// only a comment\n")
    with pytest.raises(WrongKind):
        send(b"\x89PNG\r\n\x1a\n" + b"\x00" * 100)
    with pytest.raises(Invalid, match="more than 1000 questions"):
        send(b"Really? {T}\n\n" * 1001)
    with pytest.raises(Forbidden):
        import_questions(sittings.slug, "gift", b"Q {T}", 5, by=sittings.ada, at=NOW)

"""Taking a check: what is asked, what is saved, what is right, and when it is over."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from apiflask import APIFlask
from sqlalchemy import func, select

from lms.checks.actions.attempts import begin_attempt, save_answers, submit_attempt, submit_overdue
from lms.checks.actions.bank import retire_question, save_question
from lms.checks.actions.checks import delete_check, save_check, set_extra_time, unpublish_check
from lms.checks.handlers import on_export
from lms.checks.models import Attempt, AttemptState, Check, QuestionKind
from lms.checks.queries.checks import get_check, get_sitting, list_checks, list_own
from lms.checks.rules import GRACE, CheckInput, CheckState, shows_answers
from lms.checks.shown_questions import drawn_items, is_right, right_answer, shown_of
from lms.core.base.errors import Forbidden, Invalid, NotFound, Refused
from lms.core.base.events import PersonExportAsked
from lms.core.base.roles import SYSTEM
from lms.core.database.session import db
from lms.people.actions.merging import merge_people, undo_merge
from lms.people.actions.privacy import erase_person
from tests.checks.conftest import BANK, NOW, Sittings
from tests.rows import each_row

pytestmark = pytest.mark.databases


@each_row("kind, sent", BANK)
def test_each_kind_is_right_or_wrong(sittings: Sittings, kind: QuestionKind, sent: dict[str, Any]) -> None:
    item = next(id_ for id_, (own, _sent) in zip(sittings.bank, BANK, strict=True) if own is kind)
    check_id = sittings.check([item], attempts=None)
    assert not sittings.take(check_id, sittings.ada, right=0).passed
    assert sittings.take(check_id, sittings.ada).passed


WRONG: list[tuple[QuestionKind, Any]] = [
    (QuestionKind.NUMBER, "3.15"),
    (QuestionKind.NUMBER, "about three"),
    (QuestionKind.SHORT_TEXT, "the authorities"),
    (QuestionKind.TRUE_FALSE, False),
]
RIGHT: list[tuple[QuestionKind, Any]] = [
    (QuestionKind.NUMBER, "3,145"),
    (QuestionKind.NUMBER, "٣٫١٤"),
    (QuestionKind.SHORT_TEXT, "  The   AUTHORITY. "),
]


@each_row("kind, answer, right", [(*w, False) for w in WRONG] + [(*r, True) for r in RIGHT])
def test_answers_are_read_as_people_write_them(kind: QuestionKind, answer: Any, right: bool) -> None:
    definition = {"title": "", "explanation": "", "is_case_sensitive": False, **dict(BANK)[kind]}
    assert is_right(shown_of({"id": 1, "kind": kind, "definition": definition}, "seed", shuffles=True), answer) is right


def test_drawing_and_order_follow_from_the_attempt_alone() -> None:
    items = [
        {"id": number, "kind": "one", "definition": {"text": str(number), "options": list("abcd"), "right": [0]}}
        for number in range(20)
    ]
    content = {"items": items, "drawn": 8, "shuffle": True}
    seen = [(one.id, one.order) for one in drawn_items(content, "a")]
    assert seen == [(one.id, one.order) for one in drawn_items(content, "a")]
    assert seen[:2] == [(12, (0, 2, 1, 3)), (8, (3, 2, 1, 0))], "on every machine and with every version of Python"
    assert len({one.id for one in drawn_items(content, "a")}) == 8
    assert seen != [(one.id, one.order) for one in drawn_items(content, "b")]
    straight = drawn_items({**content, "shuffle": False, "drawn": None}, "a")
    assert [one.id for one in straight] == list(range(20))
    assert {one.order for one in straight} == {(0, 1, 2, 3)}


def test_answers_are_saved_one_by_one_and_again(sittings: Sittings) -> None:
    check_id = sittings.check()
    public_id = sittings.begin(check_id, sittings.ada)
    first, second = get_sitting(public_id, by=sittings.ada).questions[:2]
    for _again in range(2):
        assert save_answers(public_id, {str(first.id): right_answer(first)}, by=sittings.ada, at=NOW)
    assert save_answers(public_id, {str(second.id): right_answer(second)}, by=sittings.ada, at=NOW)
    sitting = get_sitting(public_id, by=sittings.ada)
    assert sitting.answered == 2
    assert save_answers(public_id, {str(first.id): None}, by=sittings.ada, at=NOW), "an answer taken back"
    assert get_sitting(public_id, by=sittings.ada).answered == 1
    assert begin_attempt(sittings.slug, check_id, by=sittings.ada, at=NOW) == (public_id, False), "goes on"
    submit_attempt(public_id, by=sittings.ada, at=NOW)
    submit_attempt(public_id, by=sittings.ada, at=NOW + timedelta(hours=1))
    attempt = get_sitting(public_id, by=sittings.ada).attempt
    assert (attempt.right, attempt.total, attempt.submitted_at) == (1, 7, NOW)
    assert not save_answers(public_id, {str(first.id): right_answer(first)}, by=sittings.ada, at=NOW)
    assert get_sitting(public_id, by=sittings.ada).attempt.right == 1


def test_what_is_no_answer_is_refused_by_its_question(sittings: Sittings) -> None:
    public_id = sittings.begin(sittings.check(), sittings.ada)
    one = next(q for q in get_sitting(public_id, by=sittings.ada).questions if q.kind is QuestionKind.ONE)
    for sent in (7, "1", [0], True):
        with pytest.raises(Invalid) as error:
            save_answers(public_id, {str(one.id): sent}, by=sittings.ada, at=NOW)
        assert error.value.faults[0].field == f"answers.{one.id}"
    with pytest.raises(Invalid, match="does not have this question"):
        save_answers(public_id, {"999999": 0}, by=sittings.ada, at=NOW)


def test_only_ones_own_attempt_can_be_seen(sittings: Sittings) -> None:
    check_id = sittings.check()
    public_id = sittings.begin(check_id, sittings.ada)
    for other in (sittings.ben, sittings.by, sittings.make.administrator()):
        with pytest.raises(NotFound):
            save_answers(public_id, {}, by=other, at=NOW)
    stranger = sittings.make.actor()
    with pytest.raises(Forbidden):
        begin_attempt(sittings.slug, check_id, by=stranger, at=NOW)
    with pytest.raises(NotFound):
        get_check(sittings.series, check_id, by=stranger)
    assert list_checks(sittings.series, by=stranger) == []
    with pytest.raises(Forbidden):
        begin_attempt(sittings.slug, check_id, email="ada@x.example", by=sittings.make.administrator(), at=NOW)


def test_an_administrator_of_a_demonstration_sits_for_others(sittings: Sittings) -> None:
    admin, given = sittings.make.administrator(), {"email": "ada@x.example", "is_demonstration": True}
    check_id = sittings.check()
    public_id, _new = begin_attempt(sittings.slug, check_id, by=admin, at=NOW, **given)  # type: ignore[arg-type]
    submit_attempt(public_id, by=admin, at=NOW, is_demonstration=True)
    assert get_sitting(public_id, by=sittings.ada).attempt.state is AttemptState.SUBMITTED


def test_attempts_are_counted_and_the_best_stays(sittings: Sittings) -> None:
    check_id = sittings.check(attempts=2)
    first = sittings.take(check_id, sittings.ada, right=5)
    assert (first.passed, first.percent) == (False, 71.4), "5 of 7; 6 are needed"
    own = list_own(sittings.slug, by=sittings.ada, at=NOW)[1][0]
    assert (own.left, own.can_begin, own.passed, own.needed) == (1, True, False, 6)
    assert not shows_answers(own.check, own.attempts, NOW), "they would help with the second attempt"
    assert sittings.take(check_id, sittings.ada, right=6).passed
    own = list_own(sittings.slug, by=sittings.ada, at=NOW)[1][0]
    assert (own.left, own.can_begin, own.passed) == (0, False, True)
    assert shows_answers(own.check, own.attempts, NOW)
    with pytest.raises(Refused, match="used all attempts"):
        sittings.begin(check_id, sittings.ada)
    assert len(list_own(sittings.slug, by=sittings.ben, at=NOW)[1][0].attempts) == 0


@pytest.mark.databases(differs=True)
def test_two_tabs_begin_one_attempt(app: APIFlask, sittings: Sittings) -> None:
    check_id, slug, ada = sittings.check(attempts=1), sittings.slug, sittings.ada
    db.session.rollback()

    def begin(_tab: int) -> str:
        with app.app_context():
            return begin_attempt(slug, check_id, by=ada, at=NOW)[0]

    with ThreadPoolExecutor(4) as threads:
        assert len(set(threads.map(begin, range(4)))) == 1
    assert db.session.scalar(select(func.count()).select_from(Attempt)) == 1


def test_a_time_limit_hands_in_what_was_saved(sittings: Sittings) -> None:
    check_id = sittings.check(minutes=10)
    set_extra_time(sittings.slug, "ben@x.example", 50, by=sittings.by, at=NOW)
    ada, ben = sittings.begin(check_id, sittings.ada), sittings.begin(check_id, sittings.ben)
    question = get_sitting(ada, by=sittings.ada).questions[0]
    answer = {str(question.id): right_answer(question)}
    assert save_answers(ada, answer, by=sittings.ada, at=NOW + timedelta(minutes=10) + GRACE / 2)
    over = NOW + timedelta(minutes=10) + GRACE
    assert not save_answers(ada, {str(question.id): None}, by=sittings.ada, at=over)
    attempt = get_sitting(ada, by=sittings.ada).attempt
    assert (attempt.state, attempt.right) == (AttemptState.SUBMITTED, 1)
    assert attempt.submitted_at == NOW + timedelta(minutes=10)
    assert save_answers(ben, {}, by=sittings.ben, at=over)
    assert submit_overdue(at=NOW + timedelta(minutes=15)) == 0
    assert submit_overdue(at=NOW + timedelta(minutes=15) + GRACE) == 1
    assert get_sitting(ben, by=sittings.ben).attempt.state is AttemptState.SUBMITTED


def test_extra_time_reaches_an_attempt_that_has_begun(sittings: Sittings) -> None:
    public_id = sittings.begin(sittings.check(minutes=20), sittings.ada)
    set_extra_time(sittings.slug, "ada@x.example", 25, by=sittings.by, at=NOW)
    assert get_sitting(public_id, by=sittings.ada).end == NOW + timedelta(minutes=25)
    set_extra_time(sittings.slug, "ada@x.example", None, by=sittings.by, at=NOW)
    assert get_sitting(public_id, by=sittings.ada).end == NOW + timedelta(minutes=20)
    with pytest.raises(Invalid, match="Nobody enrolled"):
        set_extra_time(sittings.slug, "nobody@x.example", 25, by=sittings.by, at=NOW)


def test_extra_time_is_for_all_records_of_a_person_and_never_for_an_attempt_that_is_over(sittings: Sittings) -> None:
    check_id = sittings.check(minutes=20, attempts=5)
    of_ben = sittings.begin(check_id, sittings.ben)
    admin = sittings.make.administrator()
    merge_people(sittings.ada.public_id, sittings.ben.public_id, reason="the same", by=admin, at=NOW)
    for percent, minutes in ((50, 30), (25, 25), (None, 20)):
        set_extra_time(sittings.slug, "ada@x.example", percent, by=sittings.by, at=NOW)
        assert get_sitting(of_ben, by=sittings.ada).end == NOW + timedelta(minutes=minutes)
    over = NOW + timedelta(minutes=20) + GRACE
    set_extra_time(sittings.slug, "ada@x.example", 100, by=sittings.by, at=over)
    attempt = get_sitting(of_ben, by=sittings.ada).attempt
    assert (attempt.state, attempt.submitted_at) == (AttemptState.SUBMITTED, NOW + timedelta(minutes=20))


def test_a_check_opens_and_closes(sittings: Sittings) -> None:
    opens, closes = NOW + timedelta(days=1), NOW + timedelta(days=2)
    check_id = sittings.check(opens_at=opens, closes_at=closes)
    with pytest.raises(Refused, match="not open yet"):
        sittings.begin(check_id, sittings.ada)
    public_id = sittings.begin(check_id, sittings.ada, at=opens)
    assert submit_overdue(at=closes + GRACE) == 1
    assert get_sitting(public_id, by=sittings.ada).attempt.submitted_at == closes
    with pytest.raises(Refused, match="is closed"):
        sittings.begin(check_id, sittings.ben, at=closes)
    assert list_own(sittings.slug, by=sittings.ben, at=closes)[1][0].state is CheckState.CLOSED


def test_people_finish_the_version_that_they_began(sittings: Sittings) -> None:
    item = sittings.bank[0]
    check_id = sittings.check([item, sittings.bank[2]], attempts=None)
    before = sittings.begin(check_id, sittings.ada)
    changed = {"text": "The capital of Kenya?", "options": ["Mombasa", "Nairobi"], "right": [0]}
    save_question(sittings.slug, item, QuestionKind.ONE, changed, by=sittings.by, at=NOW)
    typed = CheckInput("Data protection", items=[item], pass_percent=100)
    save_check(sittings.slug, check_id, typed, by=sittings.by, at=NOW)
    sitting = get_sitting(before, by=sittings.ada)
    assert len(sitting.questions) == 2
    answers = {str(one.id): right_answer(one) for one in sitting.questions}
    assert save_answers(before, answers, by=sittings.ada, at=NOW)
    submit_attempt(before, by=sittings.ada, at=NOW)
    assert get_sitting(before, by=sittings.ada).attempt.right == 2, "Nairobi was right when she began"
    after = get_sitting(sittings.begin(check_id, sittings.ben), by=sittings.ben)
    assert [one.definition["right"] for one in after.questions] == [[0]]


def test_staff_cannot_take_away_what_people_have_begun(sittings: Sittings) -> None:
    check_id = sittings.check()
    sittings.begin(check_id, sittings.ada)
    with pytest.raises(Refused, match="People have taken this check"):
        unpublish_check(sittings.slug, check_id, by=sittings.by, at=NOW)
    with pytest.raises(Refused, match="Only drafts"):
        delete_check(sittings.slug, check_id, by=sittings.by, at=NOW)
    with pytest.raises(Refused, match="Remove it there first"):
        retire_question(sittings.slug, sittings.bank[0], by=sittings.by, at=NOW)
    with pytest.raises(Invalid, match="at least one question"):
        save_check(sittings.slug, check_id, CheckInput("Empty", items=[]), by=sittings.by, at=NOW)
    with pytest.raises(Forbidden):
        save_check(sittings.slug, check_id, CheckInput("Mine"), by=sittings.ada, at=NOW)
    with pytest.raises(Invalid, match="Choose questions of this series"):
        save_check(sittings.slug, check_id, CheckInput("Larger than any id", items=[2**70]), by=sittings.by, at=NOW)
    draft = save_check(sittings.slug, None, CheckInput("Draft"), by=sittings.by, at=NOW)
    delete_check(sittings.slug, draft, by=sittings.by, at=NOW)
    assert db.session.get(Check, draft) is None


def test_a_merged_person_keeps_both_records_and_an_erased_one_no_answers(sittings: Sittings) -> None:
    check_id = sittings.check(attempts=3)
    sittings.take(check_id, sittings.ada, right=1)
    second = sittings.take(check_id, sittings.ben)
    admin = sittings.make.administrator()
    merge_people(sittings.ada.public_id, sittings.ben.public_id, reason="the same", by=admin, at=NOW)
    own = list_own(sittings.slug, by=sittings.ada, at=NOW)[1][0]
    assert (len(own.attempts), own.left, own.passed) == (2, 0, True), "Ben passed and saw the answers"
    asked = PersonExportAsked(person_id=sittings.ada.person_id or 0, by=SYSTEM, at=NOW)
    on_export(asked)
    assert [row["right"] for row in asked.parts["knowledge_checks"]] == [1, 7]
    undo_merge(sittings.ben.public_id, by=admin, at=NOW)
    assert len(list_own(sittings.slug, by=sittings.ada, at=NOW)[1][0].attempts) == 1
    erase_person(sittings.ben.public_id, confirmation="ben@x.example", withdraw_certificates=False, by=admin, at=NOW)
    row = db.session.get_one(Attempt, second.id, populate_existing=True)
    assert (row.answers, row.marks, row.right, row.passed) == ({}, {}, 7, True)


def test_a_new_check_without_a_limit_of_attempts_has_none(sittings: Sittings) -> None:
    check_id = sittings.check(sittings.bank[:2], attempts=None)
    for number in range(1, 4):
        assert sittings.take(check_id, sittings.ada, 0).number == number

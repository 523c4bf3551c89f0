"""A series with two people enrolled, a bank of one question of each kind, and a check of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from lms.checks.actions.attempts import begin_attempt, save_answers, submit_attempt
from lms.checks.actions.bank import save_question
from lms.checks.actions.checks import publish_check, save_check
from lms.checks.models import Attempt, QuestionKind
from lms.checks.queries.checks import get_sitting
from lms.checks.rules import CheckInput
from lms.checks.shown_questions import right_answer
from lms.core.base.roles import Actor
from tests.factories import Make

NOW = datetime(2026, 12, 1, 9, 0, tzinfo=UTC)
GIFT = Path(__file__).parent / "moodle.gift"

BANK: list[tuple[QuestionKind, dict[str, Any]]] = [
    (QuestionKind.ONE, {"text": "The capital of Kenya?", "options": ["Mombasa", "Nairobi", "Kisumu"], "right": [1]}),
    (QuestionKind.SEVERAL, {"text": "Which are even?", "options": ["1", "2", "3", "4"], "right": [1, 3]}),
    (QuestionKind.TRUE_FALSE, {"text": "A buyer can take consent back.", "is_true": True}),
    (QuestionKind.NUMBER, {"text": "Pi to two places?", "value": "3.14", "tolerance": "0.005"}),
    (QuestionKind.SHORT_TEXT, {"text": "Who guards data?", "forms": ["the authority", "data protection authority"]}),
    (QuestionKind.MATCHING, {"text": "Match.", "options": ["Italy", "Japan"], "matches": ["Rome", "Tokyo", "Oslo"]}),
    (QuestionKind.ORDER, {"text": "Sort.", "options": ["one", "two", "three"]}),
]


class Sittings:
    """The series, its staff and people, and how they take a check."""

    def __init__(self, make: Make, **series: Any) -> None:
        self.make = make
        self.teacher = make.person("Lin Yuhan", roles=["instructor"])
        self.by: Actor = make.actor(self.teacher)
        self.series = make.series(instructors=[self.teacher], **series)
        self.slug = self.series.slug
        self.ada = self.enrolled("Ada")
        self.ben = self.enrolled("Ben")
        self.bank = [save_question(self.slug, None, kind, sent, by=self.by, at=NOW) for kind, sent in BANK]

    def enrolled(self, name: str) -> Actor:
        person = self.make.person(name, email=f"{name.lower()}@x.example")
        self.make.enrolment(self.series, person)
        return self.make.actor(person)

    def check(self, items: Sequence[int] | None = None, **values: Any) -> int:
        typed = replace(CheckInput("Data protection", items=self.bank if items is None else items), **values)
        check_id = save_check(self.slug, None, typed, by=self.by, at=NOW)
        publish_check(self.slug, check_id, by=self.by, at=NOW)
        return check_id

    def begin(self, check_id: int, who: Actor, at: datetime = NOW) -> str:
        return begin_attempt(self.slug, check_id, by=who, at=at)[0]

    def take(self, check_id: int, who: Actor, right: int | None = None, at: datetime = NOW) -> Attempt:
        """An attempt that is handed in, with so many right answers, or all."""
        public_id = self.begin(check_id, who, at)
        shown = get_sitting(public_id, by=who).questions
        answers = {str(one.id): right_answer(one) for one in shown[: len(shown) if right is None else right]}
        assert save_answers(public_id, answers, by=who, at=at)
        submit_attempt(public_id, by=who, at=at + timedelta(seconds=1))
        return get_sitting(public_id, by=who).attempt


@pytest.fixture
def sittings(make: Make, context: None) -> Sittings:
    return Sittings(make)

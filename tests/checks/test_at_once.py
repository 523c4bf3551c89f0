"""Instructors who change a check at the same moment, and people who begin it meanwhile."""

from __future__ import annotations

from functools import partial

import pytest
from apiflask import APIFlask
from sqlalchemy import func, select

from lms.checks.actions.attempts import begin_attempt
from lms.checks.actions.bank import save_question
from lms.checks.actions.checks import publish_check, save_check, unpublish_check
from lms.checks.models import Attempt, Check, CheckVersion, QuestionKind
from lms.checks.rules import CheckInput
from lms.core.database.session import db
from tests.at_once import at_once, ends_at_once
from tests.checks.conftest import NOW, Sittings

pytestmark = pytest.mark.databases(differs=True)
ROUNDS = 5


def test_questions_and_checks_are_saved_at_the_same_moment(app: APIFlask, sittings: Sittings) -> None:
    slug, by, items = sittings.slug, sittings.by, sittings.bank[:3]
    check_id = save_check(slug, None, CheckInput("Origin", items=items), by=by, at=NOW)
    db.session.rollback()
    publish = partial(publish_check, slug, check_id, by=by, at=NOW)
    assert at_once(app, [publish, publish, publish]) == [None] * 3
    for number in range(ROUNDS):
        sent = {"text": f"So {number}?", "is_true": True}
        acts = [
            partial(save_question, slug, items[2], QuestionKind.TRUE_FALSE, sent, by=by, at=NOW),
            partial(save_check, slug, check_id, CheckInput("Origin", items=items, minutes=number + 1), by=by, at=NOW),
            partial(save_check, slug, check_id, CheckInput("Origin", items=items, drawn=1), by=by, at=NOW),
        ]
        assert at_once(app, acts) == [None] * 3
        db.session.rollback()
        newest = select(CheckVersion.content).where(CheckVersion.check_id == check_id)
        content = db.session.scalars(newest.order_by(CheckVersion.number.desc())).first()
        assert content is not None
        check = db.session.get_one(Check, check_id, populate_existing=True)
        assert content["items"][2]["definition"]["text"] == f"So {number}?"
        assert (content["minutes"], content["drawn"]) == (check.minutes, check.drawn)
        db.session.rollback()


def test_nobody_begins_what_becomes_a_draft(app: APIFlask, sittings: Sittings) -> None:
    slug, by = sittings.slug, sittings.by
    for _round in range(ROUNDS):
        check_id = sittings.check()
        db.session.rollback()
        begin = [partial(begin_attempt, slug, check_id, by=who, at=NOW) for who in (sittings.ada, sittings.ben)]
        ends = ends_at_once(app, [*begin, partial(unpublish_check, slug, check_id, by=by, at=NOW)])
        db.session.rollback()
        check = db.session.get_one(Check, check_id, populate_existing=True)
        begun = db.session.scalar(select(func.count()).where(Attempt.check_id == check_id))
        assert begun == ends[:2].count("done")
        assert (check.published_at is None) == (not begun) == (ends[2] == "done")
        db.session.rollback()

"""Keeping what was counted: the daily refresh of the public figures."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import delete, insert, select

from lms.core import clock
from lms.core.db import action, db
from lms.core.errors import Forbidden
from lms.core.roles import SYSTEM, Actor
from lms.reports.actions.facts import store_series_facts
from lms.reports.models import PublicAnswer, PublicFigures
from lms.reports.queries.public import last_refresh
from lms.reports.queries.public_counting import count_all
from lms.reports.rules import is_refresh_due

KEPT = 3
"""The number of refreshes that remain stored."""


def refresh_public_figures(*, by: Actor, at: datetime) -> None:
    """Counts the public figures and puts them in the place of the last ones; what was read for it is stored too.

    Counting only reads; the write at its end is short. Raises Forbidden for anybody but an administrator.
    """
    if not by.is_administrator:
        raise Forbidden
    shared, answers = count_all(at)
    keep_public_figures(shared, answers, by=by, at=at)
    store_series_facts(by=by)


@action
def keep_public_figures(shared: dict[str, Any], answers: dict[str, Any], *, by: Actor, at: datetime) -> None:
    """Stores a refresh and deletes old ones. No audit row, because nobody made a decision."""
    if not by.is_administrator:
        raise Forbidden
    row = PublicFigures(as_at=at, answers=shared)
    db.session.add(row)
    db.session.flush()
    if answers:
        rows = [{"figures_id": row.id, "question": name, "answer": answer} for name, answer in answers.items()]
        db.session.execute(insert(PublicAnswer), rows)
    newest = select(PublicFigures.id).order_by(PublicFigures.id.desc()).limit(KEPT)
    old = list(db.session.scalars(select(PublicFigures.id).where(PublicFigures.id.not_in(newest))))
    if old:
        db.session.execute(delete(PublicAnswer).where(PublicAnswer.figures_id.in_(old)))
        db.session.execute(delete(PublicFigures).where(PublicFigures.id.in_(old)))


def refresh_when_due(*, at: datetime) -> bool:
    """What the worker calls now and then: refreshes once a day. Returns whether it did."""
    if not is_refresh_due(last_refresh(), at, clock.reporting_zone()):
        return False
    refresh_public_figures(by=SYSTEM, at=at)
    return True

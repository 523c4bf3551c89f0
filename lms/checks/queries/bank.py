"""The question bank of a series."""

from collections.abc import Collection

from sqlalchemy import func, select

from lms.catalogue.models import Series
from lms.catalogue.queries.series import get_series
from lms.checks import rules
from lms.checks.models import BankQuestion
from lms.core.base.errors import NotFound
from lms.core.base.roles import Actor
from lms.core.database.session import db, read_value


def get_series_to_edit(slug: str, *, by: Actor) -> Series:
    """A series whose bank and checks the actor changes. Raises NotFound, and Forbidden for others than its staff."""
    series = get_series(slug, by=by)
    rules.check_is_staff(series, by)
    return series


def list_questions(series: Series, *, by: Actor, ids: Collection[int] | None = None) -> list[BankQuestion]:
    """The questions of the bank in the order in which they came, or those of these `ids`. For staff of the series."""
    rules.check_is_staff(series, by)
    query = select(BankQuestion).where(BankQuestion.series_id == series.id, BankQuestion.retired_at.is_(None))
    if ids is not None:
        query = query.where(BankQuestion.id.in_(ids))
    return list(db.session.scalars(query.order_by(BankQuestion.id)))


def count_questions(series_id: int) -> int:
    """How many questions the bank of a series has."""
    query = select(func.count()).where(BankQuestion.series_id == series_id, BankQuestion.retired_at.is_(None))
    return read_value(query) or 0


def get_question(series: Series, question_id: int, *, by: Actor) -> BankQuestion:
    """A question of the bank, for staff of the series. Raises NotFound."""
    rules.check_is_staff(series, by)
    row = db.session.get(BankQuestion, question_id, populate_existing=True)
    if row is None or row.series_id != series.id or row.retired_at is not None:
        raise NotFound
    return row

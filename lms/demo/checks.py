"""Knowledge checks of the demonstration: one before and one after a series, and an open one in three languages."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from hashlib import blake2b

from sqlalchemy import select

from lms.catalogue.models import Series
from lms.checks.actions.attempts import begin_attempt, save_answers, submit_attempt
from lms.checks.actions.bank import import_questions
from lms.checks.actions.checks import publish_check, save_check, translate_check
from lms.checks.models import CheckKind
from lms.checks.queries.checks import get_sitting, list_questions
from lms.checks.rules import CheckInput
from lms.checks.shown_questions import right_answer
from lms.core.base.roles import SYSTEM
from lms.core.base.settings import resource
from lms.core.database.session import action, db
from lms.enrolment.membership import enrolled_ids
from lms.people.queries.persons import addresses_of

COMPARED, OPEN = "paperless-trade", "cross-border-ecommerce"
"""The series with a check before and one after, and the one with a check that is open."""
PEOPLE = 70
"""How many people take each check."""
_TITLES = {"fr": "Vendre à l’étranger", "ar": "البيع إلى الخارج"}
"""The title of the open check in the other languages of its texts."""
_GIFT = resource("seeds", "demonstration", "checks.gift")


def take_in(*, now: datetime) -> None:
    """Adds banks, checks and attempts."""
    at = now - timedelta(days=60)
    for slug in (COMPARED, OPEN):
        content = _GIFT.read_bytes()
        import_questions(slug, "gift", content, len(content), by=SYSTEM, at=at)
    for language in _TITLES:
        content = resource("seeds", "demonstration", f"checks.{language}.gift").read_bytes()
        import_questions(OPEN, "gift", content, len(content), language=language, by=SYSTEM, at=at)
    _sit(COMPARED, _make(COMPARED, "What do you know already?", CheckKind.PRE, at), 45, at)
    _sit(COMPARED, _make(COMPARED, "What have you learned?", CheckKind.POST, at), 80, at + timedelta(days=30))
    abroad = _make(OPEN, "Selling abroad", CheckKind.CHECK, at)
    for language, title in _TITLES.items():
        translate_check(OPEN, abroad, language, title, by=SYSTEM, at=at)
    _sit(OPEN, abroad, 70, now - timedelta(days=3))


@action
def _make(slug: str, title: str, kind: CheckKind, at: datetime) -> int:
    series = db.session.scalars(select(Series).where(Series.slug == slug)).one()
    items = [row.id for row in list_questions(series, by=SYSTEM)]
    check_id = save_check(slug, None, CheckInput(title, kind=kind, items=items), by=SYSTEM, at=at)
    publish_check(slug, check_id, by=SYSTEM, at=at)
    return check_id


@action
def _sit(slug: str, check_id: int, percent: int, at: datetime) -> None:
    """Half of the people answer 30 % more than `percent` of the questions right, the others 30 % less, the same at each
    build. In one transaction."""
    series_id = db.session.scalars(select(Series.id).where(Series.slug == slug)).one()
    people = sorted(enrolled_ids(series_id))[:PEOPLE]
    addresses = addresses_of(people)
    for number, person_id in enumerate(person for person in people if person in addresses):
        moment = at + timedelta(minutes=7 * number)
        given = {"by": SYSTEM, "at": moment, "is_demonstration": True}
        public_id, _is_new = begin_attempt(slug, check_id, email=addresses[person_id], **given)  # type: ignore[arg-type]
        shown = get_sitting(public_id, by=SYSTEM, is_demonstration=True).questions
        share = percent + 30 if _knows((person_id,), 50) else percent - 30
        known = [one for one in shown if _knows((check_id, person_id, one.id), share)]
        save_answers(public_id, {str(one.id): right_answer(one) for one in known}, **given)  # type: ignore[arg-type]
        submit_attempt(public_id, **given)  # type: ignore[arg-type]


def _knows(key: Sequence[int], percent: int) -> bool:
    return blake2b(repr(key).encode(), digest_size=1).digest()[0] * 100 < percent * 256

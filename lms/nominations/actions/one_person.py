"""Nominating one person for one or several series, with a letter of endorsement or without."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from lms.catalogue.models import SERIES_TITLE, Series
from lms.core.base.errors import Fault, Invalid
from lms.core.base.roles import Actor
from lms.core.database.session import action, db
from lms.core.text.i18n import _
from lms.core.text.translations import reader_text
from lms.nominations.actions.letters import EndorsementLetter, drop_letters, keep_letter
from lms.nominations.actions.nominating import Nominated, nominate
from lms.nominations.models import Nomination, NominationState
from lms.people.people_files import PersonRow


@dataclass(frozen=True)
class NominationOutcome:
    """The result of nominating a person for a series; null: the person was nominated already."""

    title: str
    state: NominationState | None


def nominate_person(
    slugs: Collection[str],
    row: PersonRow,
    *,
    country_id: int,
    letter: EndorsementLetter | None = None,
    submit: bool = True,
    by: Actor,
    at: datetime,
) -> list[NominationOutcome]:
    """Nominates a person for each of these series, or for none of them.

    Raises as `nominate`; Invalid also names `series`, where none is given or where the person is enrolled in one.
    """
    keys: list[str] = []
    try:
        return _nominate(slugs, row, country_id=country_id, letter=letter, submit=submit, keys=keys, by=by, at=at)
    except BaseException:
        drop_letters(keys)
        raise


@action
def _nominate(
    slugs: Collection[str],
    row: PersonRow,
    *,
    country_id: int,
    letter: EndorsementLetter | None,
    submit: bool,
    keys: list[str],
    by: Actor,
    at: datetime,
) -> list[NominationOutcome]:
    query = select(Series.id, *SERIES_TITLE).where(Series.slug.in_(slugs)).order_by(Series.id)
    series_rows = list(db.session.execute(query))
    if not series_rows or len(series_rows) < len(set(slugs)):
        raise Invalid("series", _("Choose at least one series from the list."))
    outcomes, faults = [], []
    for series in series_rows:
        title = reader_text(series)
        answer = nominate(series.id, [row], country_id=country_id, submit=submit, by=by, at=at)
        faults += [_fault(title, fault) for fault in answer.rejected]
        made = _made(answer)
        if letter is not None and made is not None:
            keys.append(keep_letter(made, letter))
        outcomes.append(NominationOutcome(title, made.state if made is not None else None))
    if faults:
        raise Invalid(faults=list(dict.fromkeys(faults)))
    return outcomes


def _made(answer: Nominated) -> Nomination | None:
    ids: Sequence[str] = [*answer.invited, *answer.submitted, *answer.drafted]
    return db.session.scalars(select(Nomination).where(Nomination.public_id.in_(ids))).one_or_none() if ids else None


def _fault(title: str, fault: Fault) -> Fault:
    """A fault of the row as one of the form; that somebody is enrolled is one of the series."""
    if fault.field != "email":
        return Fault(field=fault.field, reason=fault.reason)
    return Fault(field="series", reason=_("“%(title)s”: %(reason)s", title=title, reason=fault.reason))

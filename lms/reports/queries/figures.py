"""The one place that counts figures, so that every caller gets the same ones.

`count` answers reporters and administrators exactly, with current data and in any combination; focal points likewise
for their own country; everyone else from the last daily refresh (`public`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from lms.core.base.errors import Forbidden
from lms.core.base.roles import ANONYMOUS, Actor
from lms.core.text.i18n import _
from lms.core.time import clock
from lms.reports.facts.counting import Part
from lms.reports.facts.counting import count as count_facts
from lms.reports.facts.opening_balances import Balances, add
from lms.reports.queries.facts import load
from lms.reports.queries.labels import Names
from lms.reports.queries.opening_balances import read_balances
from lms.reports.queries.public import (
    public_report,
)
from lms.reports.queries.scope import Partners, Scope, resolve
from lms.reports.rules import Figures, Group, Key, Opening, Slice, check_question, in_order


@dataclass(frozen=True)
class FigureReport:
    """The answer to a question: the figures of the whole slice, and the groups that were asked for."""

    as_at: datetime
    slice: Slice
    dimensions: tuple[str, ...]
    totals: Figures
    groups: list[Group]
    exact: bool
    opening: Opening | None = None
    """What opening balances add; None if there are none in the slice."""

    def as_json(self) -> dict[str, Any]:
        """Returns what was counted, as the API shows it."""
        payload: dict[str, Any] = {"totals": self.totals.as_json() | self.totals.ratings.as_json()}
        if self.opening is not None:
            payload["opening"] = self.opening.as_json()
        return {**payload, "groups": [group.as_json() for group in self.groups]}


def with_margins(dimensions: Sequence[str]) -> list[Sequence[str]]:
    """The questions of a report: its dimensions and, of two, also each alone, for the totals of a cross table."""
    return [dimensions, dimensions[:1], dimensions[1:]] if len(dimensions) == 2 else [dimensions]


class SharedReads:
    """The reads that the reports of one page share, each once: names in a language, partner countries and opening
    balances."""

    def __init__(self, locale: str) -> None:
        self.names = Names(locale)

    @cached_property
    def partners(self) -> Partners:
        """Which countries are partners on which day."""
        return Partners()

    @cached_property
    def balances(self) -> Balances:
        """All opening balances."""
        return read_balances(self.partners)


def count(
    slice_: Slice,
    dimensions: Sequence[str] = (),
    *,
    by: Actor,
    at: datetime,
    locale: str = "en",
    shared: SharedReads | None = None,
) -> FigureReport:
    """The figures of a slice, and by one or two dimensions where these are named.

    Raises Invalid (an unknown code or dimension, a period turned round), NotFound (an unknown series), Forbidden
    (finer than what this actor may see).
    """
    return count_several(slice_, [dimensions], by=by, at=at, locale=locale, shared=shared)[0]


def count_several(
    slice_: Slice,
    questions: Sequence[Sequence[str]],
    *,
    by: Actor,
    at: datetime,
    locale: str = "en",
    attended_only: bool = False,
    shared: SharedReads | None = None,
) -> list[FigureReport]:
    """`count` for several sets of dimensions of one slice: all of the same rows at the same moment.

    `attended_only`: figures of registrations and certificates may be missing. `shared`: in the language `locale`.
    """
    several = [tuple(dimensions) for dimensions in questions]
    for dims in several:
        check_question(slice_, dims)
    scope = resolve(slice_, by=by)
    if not _exactly(slice_, scope, by):
        reports = []
        for dims in several:
            as_at, totals, groups, opening = public_report(slice_, scope, dims, at=at, locale=locale)
            reports.append(FigureReport(as_at, slice_, dims, totals, groups, exact=False, opening=opening))
        return reports
    shared = shared or SharedReads(locale)
    partners, names = shared.partners, shared.names
    today = partners.on(clock.day_of(at, scope.zone))
    facts = load(scope, partners, attended_only=attended_only)
    counted = {dims: count_facts(facts, scope.filters, dims) for dims in {(), *several}}
    balances = shared.balances.within(slice_, series_id=scope.series_id, countries=scope.countries)
    openings = {dims: add(parts, balances, dims) for dims, parts in counted.items()}
    whole = counted[()][()].figures(today)

    def group(dims: tuple[str, ...], key: Key, part: Part) -> Group:
        inner = list(zip(dims, key, strict=True))
        keys = tuple(names.key(name, value) for name, value in inner)
        labels = tuple(names.label(name, value) for name, value in inner)
        return Group(keys, labels, part.figures(today), opening=openings[dims].get(key))

    return [
        FigureReport(
            at,
            slice_,
            dims,
            whole,
            in_order((group(dims, key, part) for key, part in counted[dims].items()), dims) if dims else [],
            exact=True,
            opening=openings[()].get(()),
        )
        for dims in several
    ]


def _exactly(slice_: Slice, scope: Scope, by: Actor) -> bool:
    """Whether this actor may have this slice exactly. Raises Forbidden for another country than a focal point's own."""
    if by.is_reporter:
        return True
    if not by.is_focal_point or slice_.country is None:
        return False
    if scope.country_id not in by.country_ids:
        raise Forbidden(_("You can only see figures for your own country."))
    return True


def totals(slice_: Slice, *, by: Actor, at: datetime) -> Figures:
    """The figures of a slice."""
    return count(slice_, by=by, at=at).totals


def attended_totals(slice_: Slice, *, by: Actor, at: datetime) -> Figures:
    """The figures of a slice that attendances are counted from; those of registrations and certificates may be 0."""
    return count_several(slice_, [()], by=by, at=at, attended_only=True)[0].totals


def public_totals(*, at: datetime) -> Figures:
    """The figures of all time as everybody may see them."""
    return count(Slice(), by=ANONYMOUS, at=at).totals

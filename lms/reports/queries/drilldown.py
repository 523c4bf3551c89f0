"""Opens a figure to its rows: their number, or sum, is the figure.

The filters are narrowed to the group first; whatever is counted or listed then is of that group and nothing else. Of
these rows a list shows what is asked of it: those that its text and its filters leave, in an order, a page at a time.
What is from before the system comes last in every order.
"""

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

import numpy as np

from lms.catalogue.models import CertificateKind
from lms.core.base.errors import Forbidden, NotFound
from lms.core.base.lists import ListRequest
from lms.core.base.roles import Actor
from lms.core.text.i18n import _
from lms.core.text.sorting import collation_key
from lms.core.time import clock
from lms.reports.facts.counting import count
from lms.reports.facts.opening_balances import Balances
from lms.reports.facts.segments import SegmentPart
from lms.reports.facts.selection import FactSelection
from lms.reports.queries.drilldown_lectures import open_satisfaction, open_sessions, rated_lectures
from lms.reports.queries.drilldown_lists import (
    OF_KIND,
    OF_PARTNER,
    DrilldownContext,
    DrilldownRows,
    FilterValue,
    Listed,
    attendances_before,
    completion_ids,
    country_rows,
    open_attendances,
    open_certificates,
    open_countries,
    open_credits,
    open_partner_countries,
    open_registrations,
    partner_codes,
    sessions_before,
)
from lms.reports.queries.drilldown_people import open_participants
from lms.reports.queries.facts import load
from lms.reports.queries.labels import NOWHERE, Names
from lms.reports.queries.opening_balances import read_balances
from lms.reports.queries.scope import Partners, resolve
from lms.reports.rules import VALUES, Slice, check_question, organisation_name

DIMENSIONS: Final = {"of_country": "country", "of_series": "series", "of_source": "source"}
"""The filters of a list of rows that are dimensions of figures.

A report has its own filters, which define what the figure counts.
"""
NOT_STATED: Final = "-"
"""The key *not stated* in an address."""
LATEST_FIRST: Final = ListRequest(sort="day", descending=True)


def list_rows(
    figure: str,
    slice_: Slice,
    keys: Mapping[str, str | None],
    *,
    organisation: str | None = None,
    request: ListRequest = LATEST_FIRST,
    by: Actor,
    at: datetime,
    locale: str = "en",
) -> DrilldownRows:
    """The rows behind a figure, in a slice and in the group given by `keys`, and of these what the list asks for.

    `organisation` narrows people. Raises NotFound for a figure not in `KINDS`, and Forbidden unless the actor reads
    every report or the slice is of the actor's own country.
    """
    if figure not in KINDS:
        raise NotFound
    check_question(slice_, tuple(keys))
    scope = resolve(slice_, by=by)
    if not by.is_reporter and (scope.country_id is None or scope.country_id not in by.country_ids):
        raise Forbidden(_("You can only see people from your own country."))
    names, partners = Names(locale), Partners()
    inner = {name: names.inner(name, key) for name, key in keys.items()}
    listed_by, unknown = _listed_by(request, names)
    request = replace(request, filters={name: key for name, key in request.filters.items() if name not in unknown})
    balances = read_balances(partners).within(slice_, series_id=scope.series_id, countries=scope.countries)
    grouped = _of(balances, inner)
    today = partners.on(clock.day_of(at, scope.zone))
    selection = FactSelection(load(scope, partners), scope.filters.narrowed(inner))
    context = DrilldownContext(selection, grouped, names, today, request, organisation)
    part = count(selection.facts, selection.filters)[()]
    grouped.add_to(part)
    amounts, number = _amounts(figure, context)
    narrowed = FactSelection(selection.facts, selection.filters.narrowed(listed_by)) if listed_by else selection
    listed = KINDS[figure](replace(context, selection=narrowed, balances=_of(grouped, listed_by)))
    request = request.within(listed.total)
    labels = [names.label(name, value) for name, value in inner.items()] if number else []
    if number and organisation is not None:
        labels.append(organisation_name(organisation) or names.label("organisation", None))
    return DrilldownRows(
        figure,
        figures=part.figures(today),
        older=sum(row.attendances for row in grouped.rows),
        labels=labels,
        rows=listed.between(request.offset, min(request.offset + request.size, listed.total)),
        total=listed.total,
        every=number,
        choices=_choices(names, amounts),
        unknown=unknown,
        listed=listed,
    )


def _listed_by(request: ListRequest, names: Names) -> tuple[dict[str, Hashable], tuple[str, ...]]:
    """The inner keys of the dimensions that a list is filtered by, and the filters whose values there are not."""
    keys: dict[str, Hashable] = {}
    unknown = []
    for name, dimension in DIMENSIONS.items():
        if name not in request.filters:
            continue
        key = None if request.filters[name] == NOT_STATED else request.filters[name]
        inner = names.inner(dimension, key)
        if inner == NOWHERE or (dimension in VALUES and inner not in VALUES[dimension]):
            unknown.append(name)
        else:
            keys[dimension] = inner
    return keys, tuple(unknown)


def _of(balances: Balances, inner: Mapping[str, Hashable]) -> Balances:
    """The opening balances of a group."""
    return balances.groups(tuple(inner)).get(tuple(inner.values()), Balances())


# How many rows each value of a filter has

Amounts = dict[str, Counter[Any]]
"""By filter how many rows have each inner key."""


def _amounts(figure: str, context: DrilldownContext) -> tuple[Amounts, int]:
    """By filter the rows of each inner key, and all rows."""
    facts = context.selection.facts
    if figure == "sessions":
        series: Counter[int | None] = Counter([lecture.series_id for lecture in context.lectures()])
        series.update(rows[0].series_id for rows in sessions_before(context).values())
        return {"of_series": series}, series.total()
    if figure == "satisfaction":
        shown, together = rated_lectures(context)
        of_series = Counter(facts.lectures[id_].series_id for id_ in shown)
        return {"of_series": of_series}, len(shown) + bool(together.answers)
    if figure == "countries":
        codes = partner_codes(context)
        partners = Counter("true" if row.country_code in codes else "false" for row in country_rows(context))
        return {OF_PARTNER: partners}, partners.total()
    if figure in ("participants", "partner_countries"):
        return {}, KINDS[figure](replace(context, request=replace(context.request, q=""))).total
    if figure in ("registrations", "certificates"):
        parts = facts.registrations if figure == "registrations" else facts.certificates
        amounts = {name: _rows_by(context.selection, parts, DIMENSIONS[name]) for name in ("of_country", "of_series")}
        number = amounts["of_country"].total()
        if figure == "certificates":
            completions = int(np.isin(context.selection.columns(parts, "id")["id"], completion_ids()).sum())
            kinds = {CertificateKind.PARTICIPATION: number - completions, CertificateKind.COMPLETION: completions}
            amounts[OF_KIND] = Counter({kind.value: n for kind, n in kinds.items() if n})
        return amounts, number
    amounts = {
        name: _rows_by(context.selection, facts.attendances, dimension) for name, dimension in DIMENSIONS.items()
    }
    older = attendances_before(context) if figure == "attendances" else []
    amounts["of_country"].update(row.country_id for row in older)
    amounts["of_series"].update(row.series_id for row in older)
    return amounts, amounts["of_country"].total()


def _choices(names: Names, amounts: Amounts) -> dict[str, list[FilterValue]]:
    """The values of each filter by name; *not stated* last."""
    return {
        name: sorted(
            (FilterValue(_public_key(names, name, inner), _word(names, name, inner), n) for inner, n in of.items()),
            key=lambda choice: (choice.key == NOT_STATED, collation_key(choice.label, names.locale)),
        )
        for name, of in amounts.items()
    }


def _public_key(names: Names, name: str, inner: Hashable) -> str:
    key = names.key(DIMENSIONS[name], inner) if name in DIMENSIONS else str(inner)
    return NOT_STATED if key is None else key


def _word(names: Names, name: str, inner: Hashable) -> str:
    return names.label(DIMENSIONS[name], inner) if name in DIMENSIONS else str(inner)


def _rows_by(selection: FactSelection, parts: Iterable[SegmentPart], dimension: str) -> Counter[Any]:
    """How many rows that are left each value of a dimension has."""
    amounts = np.zeros(selection.size((dimension,)), np.int64)
    for part, rows in selection.left(parts):
        amounts += np.bincount(selection.groups(part, (dimension,), rows), minlength=len(amounts))
    numbers = np.flatnonzero(amounts).tolist()
    return Counter({selection.values((dimension,), number)[0]: int(amounts[number]) for number in numbers})


KINDS: Final[Mapping[str, Callable[[DrilldownContext], Listed]]] = {
    "participants": open_participants,
    "sessions": open_sessions,
    "attendances": open_attendances,
    "contact_hours": open_credits,
    "countries": open_countries,
    "partner_countries": open_partner_countries,
    "registrations": open_registrations,
    "certificates": open_certificates,
    "satisfaction": open_satisfaction,
}
"""What the figures open to."""

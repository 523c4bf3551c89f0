"""A question of the page of reports as it is saved: its parameters by name, read back and resolved on a day."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Final

from lms.core.errors import Invalid
from lms.core.i18n import _
from lms.reports.periods import Period, days_of
from lms.reports.rules import FIGURES, FILTERS, Slice, check_question, check_values

PARAMETERS: Final = ("figure", "rows", "columns", "period", "from", "to", *FILTERS)


@dataclass(frozen=True)
class Question:
    """The settings of a report: the figure, the dimensions, and a slice whose dates can come from a moving period."""

    figure: str
    dimensions: tuple[str, ...]
    period: Period | None
    slice: Slice

    def on(self, today: date) -> Slice:
        """The slice as of a day in the reporting zone."""
        if self.period is None:
            return self.slice
        first, last = days_of(self.period, today)
        return replace(self.slice, from_day=first, to_day=last)


def read_question(parameters: Mapping[str, str]) -> Question:
    """Parses parameters into a question. Raises Invalid with the parameter for what cannot be answered."""
    given = {name: parameters[name] for name in PARAMETERS if parameters.get(name)}
    figure, period = given.get("figure", "participants"), given.get("period")
    if figure not in FIGURES:
        raise Invalid("figure", _("Unknown figure."))
    if period is not None and period not in {one.value for one in Period}:
        raise Invalid("period", _("Unknown period."))
    days = {}
    for name in ("from", "to"):
        try:
            days[name] = date.fromisoformat(given[name]) if name in given else None
        except ValueError as error:
            raise Invalid(name, _("Enter a date such as 2026-01-31.")) from error
    if period and any(days.values()):
        raise Invalid("period", both_given())
    slice_ = Slice(
        days["from"],
        days["to"],
        partner={"true": True, "false": False}.get(given.get("partner", "")),
        **{name: given.get(name) for name in FILTERS if name != "partner"},
    )
    dimensions = tuple(given[name] for name in ("rows", "columns") if name in given)
    check_question(slice_, dimensions)
    check_values(slice_)
    return Question(figure, dimensions, None if period is None else Period(period), slice_)


def both_given() -> str:
    """The error for dates and a period given together."""
    return _("Select a period or enter dates, not both.")

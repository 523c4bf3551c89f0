"""API call for figures."""

from __future__ import annotations

from typing import Any

from lms.core import clock
from lms.reports.api.blueprint import bp
from lms.reports.exports import files
from lms.reports.queries.figures import count
from lms.reports.rules import FILTERS, Slice
from lms.reports.schemas import TotalsOut, TotalsQuery
from lms.web.guards import ANYONE, allow
from lms.web.identity import current_actor
from lms.web.locale import reader_locale
from lms.web.scopes import scope


@bp.get("/totals")
@allow(ANYONE)
@scope("totals:read")
@bp.input(TotalsQuery, location="query", arg_name="wish", unknown="raise")
@bp.output(TotalsOut)
@bp.doc(responses={403: "Finer than what is public.", 404: "There is no such series."})
def totals(wish: dict[str, Any]) -> dict[str, Any]:
    """Returns figures: public ones by one dimension, exact ones in any combination for reporters."""
    slice_ = Slice(
        from_day=wish["from_day"],
        to_day=wish["to_day"],
        partner=None if wish["partner"] is None else wish["partner"] == "true",
        **{name: wish[name] for name in FILTERS if name != "partner"},
    )
    dimensions = tuple(name.strip() for name in wish["by"].split(",")) if wish["by"] else ()
    report = count(slice_, dimensions, by=current_actor(), at=clock.now(), locale=reader_locale())
    return files.api_object(report)

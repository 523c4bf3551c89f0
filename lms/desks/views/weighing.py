"""What another policy, or other times, would change of what was counted: looked at before it is done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flask import render_template, request
from flask.typing import ResponseReturnValue

from lms.attendance import queries
from lms.attendance.queries import Side
from lms.attendance.queries.reckoning import Difference
from lms.attendance.queries.weighing import PAGE, sided
from lms.certificates.consequences import Consequences, consequences
from lms.desks.views.blueprint import bp
from lms.web.guards import SIGNED_IN, allow
from lms.web.identity import current_actor

GROUPS = ("gain", "lose", "earn", "unearn", "miss")


@dataclass(frozen=True)
class Shown:
    """Who is affected: how many in each group, and one page of one of them."""

    counts: dict[str, int]
    group: str
    rows: Sequence[Any]
    page: int
    pages: int
    has_certificates: bool

    @property
    def total(self) -> int:
        """How many are affected in any way, each group counted."""
        return sum(self.counts.values())


def shown_of(differences: Sequence[Difference], effects: Consequences | None) -> Shown:
    """What the address asks for: `show` a group (default: the first that has anybody), and its `page`."""
    counts = {side.value: sum(len(sided(one, side)) for one in differences) for side in Side}
    lists: Mapping[str, Sequence[Any]] = vars(effects) if effects is not None else {}
    counts |= {name: len(found) for name, found in lists.items()}
    asked = request.args.get("show", "")
    group = asked if asked in counts else next((name for name in GROUPS if counts.get(name)), Side.GAIN.value)
    pages = max(1, -(-counts[group] // PAGE))
    page = min(max(1, request.args.get("page", 1, type=int)), pages)
    if group in lists:
        rows = lists[group][(page - 1) * PAGE : page * PAGE]
    else:
        rows = queries.list_changes(differences, Side(group), page=page)
    return Shown(counts, group, rows, page, pages, effects is not None)


@bp.get("/series/<slug>/policy")
@allow(SIGNED_IN)
def policy(slug: str) -> ResponseReturnValue:
    """What the newest policy of a series would change of its lectures that were held under another."""
    by = current_actor()
    chosen = request.args.getlist("lecture", type=int) if "chosen" in request.args else None
    preview = queries.preview_policy(slug, chosen=chosen, by=by)
    effects = consequences(preview.series.id, preview.changes, by=by)
    return render_template(
        "desks/policy.html",
        preview=preview,
        series=preview.series,
        titles={one.lecture.id: one.lecture.title for one in preview.lectures},
        shown=shown_of([one.difference for one in preview.taken], effects),
    )

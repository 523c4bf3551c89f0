"""The status page: what `lms check` finds, what needs doing first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lms.core.base.errors import Forbidden
from lms.core.base.roles import Actor
from lms.operations.check import check_for_page
from lms.operations.checks.model import CheckContext, Level

_ORDER = (Level.FAULT, Level.WARNING, Level.OK)


@dataclass(frozen=True)
class StatusRow:
    """One thing that needs action or watching, or all that is fine with one part of the service."""

    part: str
    level: Level
    texts: Sequence[str]
    remedy: str


def status_rows(context: CheckContext, *, by: Actor) -> list[StatusRow]:
    """The rows of the page, the worst first. Raises Forbidden for all but administrators."""
    if not by.is_administrator:
        raise Forbidden
    rows: list[StatusRow] = []
    fine: dict[str, list[str]] = {}
    for finding in check_for_page(context):
        if finding.level is Level.OK:
            fine.setdefault(finding.about, []).append(finding.text)
        else:
            rows.append(StatusRow(finding.about, finding.level, [finding.text], finding.remedy))
    rows += [StatusRow(part, Level.OK, texts, "") for part, texts in fine.items()]
    return sorted(rows, key=lambda row: _ORDER.index(row.level))

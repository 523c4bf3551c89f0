"""A report frozen as text, read back, and compared with a later one: no database, no clock.

The text is JSON, written once when the report is published and never again: the question, what each figure counts, the
figures and groups, with all names in the language in which it was published. Its SHA-256 is its checksum.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from lms.core.measures import nearest_whole
from lms.reports.opening_balances_note import Declared, Opening
from lms.reports.queries.figures import Report
from lms.reports.rules import FIGURES, FILTERS, Figures, Group, Slice

FORMAT = 1


@dataclass(frozen=True)
class Frozen:
    """The content of a frozen report. `margins`: for two dimensions, the groups of each alone. `note`: for readers."""

    title: str
    language: str
    time_zone: str
    figure: str
    about: list[str]
    definitions: dict[str, str]
    report: Report
    margins: tuple[Report, ...]
    note: str = ""


@dataclass(frozen=True)
class Difference:
    """One figure, of the whole (no labels) or of one group: as it was frozen, as it is counted now."""

    keys: tuple[str | None, ...]
    labels: tuple[str, ...]
    figure: str
    then: float
    now: float

    @property
    def key(self) -> str | list[str | None] | None:
        """The key of the group; a list where there are two dimensions, None for the whole."""
        return list(self.keys) if len(self.keys) > 1 else next(iter(self.keys), None)

    @property
    def label(self) -> str:
        """The name of the group."""
        return " · ".join(self.labels)

    @property
    def change(self) -> float:
        """Now less then; contact hours to one decimal."""
        return round(self.now - self.then, 1)

    @property
    def whole_change(self) -> int:
        """The difference of the two numbers as pages show them."""
        return nearest_whole(self.now) - nearest_whole(self.then)


def freeze(frozen: Frozen) -> str:
    """The text of a report: one line each, always in the same order."""
    report = frozen.report
    told = {
        "format": FORMAT,
        "title": frozen.title,
        "note": frozen.note,
        "as_at": report.as_at.isoformat().replace("+00:00", "Z"),
        "time_zone": frozen.time_zone,
        "language": frozen.language,
        "exact": report.exact,
        "question": question(report, frozen.figure),
        "about": frozen.about,
        "definitions": frozen.definitions,
        "totals": report.totals.as_json(),
        "opening": None if report.opening is None else _opening(report.opening),
        "groups": _groups(report),
        "margins": [_groups(margin) for margin in frozen.margins],
    }
    return json.dumps(told, ensure_ascii=False, indent=2) + "\n"


def checksum(text: str) -> str:
    """The SHA-256 of a frozen report, equal to `sha256sum` of the file."""
    return hashlib.sha256(text.encode()).hexdigest()


def question(report: Report, figure: str) -> dict[str, Any]:
    """What was asked, by the names of the parameters; `figure` is the one the report is about."""
    asked = report.asked
    return {
        "figure": figure,
        "by": list(report.dimensions),
        "from": None if asked.from_day is None else asked.from_day.isoformat(),
        "to": None if asked.to_day is None else asked.to_day.isoformat(),
        **{name: getattr(asked, name) for name in FILTERS},
    }


def _groups(report: Report) -> list[dict[str, Any]]:
    return [
        {
            **group.as_json(),
            "labels": list(group.labels),
            **({} if group.opening is None else {"opening": _opening(group.opening)}),
        }
        for group in report.groups
    ]


def thaw(text: str) -> Frozen:
    """What a frozen text says."""
    told = json.loads(text)
    asked = told["question"]
    days = {name: date.fromisoformat(asked[name]) if asked[name] else None for name in ("from", "to")}
    # A text frozen before a filter was there does not name it
    slice_ = Slice(days["from"], days["to"], **{name: asked.get(name) for name in FILTERS})
    as_at, dimensions = datetime.fromisoformat(told["as_at"]), tuple(asked["by"])
    totals = _figures(told["totals"])

    def report(dims: tuple[str, ...], groups: Sequence[Mapping[str, Any]]) -> Report:
        own = [_group(group) for group in groups]
        return Report(as_at, slice_, dims, totals, own, exact=told["exact"], opening=_opening_of(told.get("opening")))

    return Frozen(
        title=told["title"],
        language=told["language"],
        time_zone=told["time_zone"],
        figure=asked["figure"],
        about=told["about"],
        definitions=told["definitions"],
        report=report(dimensions, told["groups"]),
        margins=tuple(report((name,), rows) for name, rows in zip(dimensions, told["margins"], strict=False)),
        note=told.get("note", ""),  # a text frozen before there were notes has none
    )


def _opening(opening: Opening) -> dict[str, Any]:
    declared = [{"name": one.name, "participants": one.participants} for one in opening.declared]
    return {**opening.as_json(), "declared": declared}


def _opening_of(told: Mapping[str, Any] | None) -> Opening | None:
    found = Opening.of_json(told)
    if found is None or told is None or "declared" not in told:
        return found
    return replace(found, declared=tuple(Declared(one["name"], one["participants"]) for one in told["declared"]))


def _figures(told: Mapping[str, Any]) -> Figures:
    return Figures(**{name: told[name] for name in FIGURES})


def _group(told: Mapping[str, Any]) -> Group:
    keys = tuple(told["key"]) if isinstance(told["key"], list) else (told["key"],)
    labels, opening = tuple(told["labels"]), _opening_of(told.get("opening"))
    return Group(keys, labels, _figures(told), folded=told.get("folded", False), opening=opening)


def of_totals(then: Report, now: Report) -> list[Difference]:
    """Every figure of the whole, changed or not."""
    return _differences((), (), then.totals, now.totals)


def of_groups(then: Report, now: Report) -> list[Difference]:
    """The figures that changed, group by group: in the order of then, what is new at the end.

    A frozen group that is gone is compared with nothing, a new one likewise. Where small groups were put together,
    nobody can tell them apart any more: that group, and those which may have been in it, are left out.
    """
    before = {group.keys: group for group in then.groups if not group.folded}
    after = {group.keys: group for group in now.groups if not group.folded}
    has_folded = len(before) < len(then.groups)
    found: list[Difference] = []
    for keys in [*before, *(keys for keys in after if keys not in before and not has_folded)]:
        one, other = before.get(keys), after.get(keys)
        labels = (one or after[keys]).labels
        figures = (one.figures if one else Figures(), other.figures if other else Figures())
        found += [row for row in _differences(keys, labels, *figures) if row.change]
    return found


def _differences(
    keys: tuple[str | None, ...], labels: tuple[str, ...], then: Figures, now: Figures
) -> list[Difference]:
    before, after = then.as_json(), now.as_json()
    return [Difference(keys, labels, name, before[name], after[name]) for name in FIGURES]

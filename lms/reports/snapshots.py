"""A report frozen as text, read back, and compared with a later one: no database, no clock.

The text is JSON, written once when the report is published and never again: the question, what each figure counts, the
figures and groups, with all names in the language in which it was published. Its SHA-256 is its checksum.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from lms.core.time.durations import nearest_whole
from lms.reports.queries.figures import FigureReport
from lms.reports.rules import FIGURES, FILTERS, Declared, Figures, Group, Opening, Slice

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
    report: FigureReport
    margins: tuple[FigureReport, ...]
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
    payload = {
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
    return json.dumps(payload, ensure_ascii=False, indent=2) + "\n"


def checksum(text: str) -> str:
    """The SHA-256 of a frozen report, equal to `sha256sum` of the file."""
    return hashlib.sha256(text.encode()).hexdigest()


def question(report: FigureReport, figure: str) -> dict[str, Any]:
    """Returns what was asked, by the names of the parameters; `figure` is the one the report is about."""
    slice_ = report.slice
    return {
        "figure": figure,
        "by": list(report.dimensions),
        "from": None if slice_.from_day is None else slice_.from_day.isoformat(),
        "to": None if slice_.to_day is None else slice_.to_day.isoformat(),
        **{name: getattr(slice_, name) for name in FILTERS},
    }


def _groups(report: FigureReport) -> list[dict[str, Any]]:
    return [
        {
            **group.as_json(),
            "labels": list(group.labels),
            **({} if group.opening is None else {"opening": _opening(group.opening)}),
        }
        for group in report.groups
    ]


def thaw(text: str) -> Frozen:
    """Returns what a frozen text says."""
    payload = json.loads(text)
    question = payload["question"]
    days = {name: date.fromisoformat(question[name]) if question[name] else None for name in ("from", "to")}
    # A text frozen before a filter was there does not name it
    slice_ = Slice(days["from"], days["to"], **{name: question.get(name) for name in FILTERS})
    as_at, dimensions = datetime.fromisoformat(payload["as_at"]), tuple(question["by"])
    totals = _figures(payload["totals"])

    def report(dims: tuple[str, ...], groups: Sequence[Mapping[str, Any]]) -> FigureReport:
        groups_read = [_group(group) for group in groups]
        return FigureReport(
            as_at,
            slice_,
            dims,
            totals,
            groups_read,
            exact=payload["exact"],
            opening=_opening_of(payload.get("opening")),
        )

    return Frozen(
        title=payload["title"],
        language=payload["language"],
        time_zone=payload["time_zone"],
        figure=question["figure"],
        about=payload["about"],
        definitions=payload["definitions"],
        report=report(dimensions, payload["groups"]),
        margins=tuple(report((name,), rows) for name, rows in zip(dimensions, payload["margins"], strict=False)),
        note=payload.get("note", ""),  # a text frozen before there were notes has none
    )


def _opening(opening: Opening) -> dict[str, Any]:
    declared = [{"name": one.name, "participants": one.participants} for one in opening.declared]
    return {**opening.as_json(), "declared": declared}


def _opening_of(payload: Mapping[str, Any] | None) -> Opening | None:
    opening = Opening.of_json(payload)
    if opening is None or payload is None or "declared" not in payload:
        return opening
    return replace(opening, declared=tuple(Declared(one["name"], one["participants"]) for one in payload["declared"]))


def _figures(payload: Mapping[str, Any]) -> Figures:
    return Figures(**{name: payload[name] for name in FIGURES})


def _group(payload: Mapping[str, Any]) -> Group:
    keys = tuple(payload["key"]) if isinstance(payload["key"], list) else (payload["key"],)
    labels, opening = tuple(payload["labels"]), _opening_of(payload.get("opening"))
    return Group(keys, labels, _figures(payload), folded=payload.get("folded", False), opening=opening)


def of_totals(then: FigureReport, now: FigureReport) -> list[Difference]:
    """Every figure of the whole, changed or not."""
    return _differences((), (), then.totals, now.totals)


def of_groups(then: FigureReport, now: FigureReport) -> list[Difference]:
    """The figures that changed, group by group: in the order of then, what is new at the end.

    A frozen group that is gone is compared with nothing, a new one likewise. Where small groups were put together,
    nobody can tell them apart any more: that group, and those which may have been in it, are left out.
    """
    before = {group.keys: group for group in then.groups if not group.folded}
    after = {group.keys: group for group in now.groups if not group.folded}
    has_folded = len(before) < len(then.groups)
    differences: list[Difference] = []
    for keys in [*before, *(keys for keys in after if keys not in before and not has_folded)]:
        earlier, other = before.get(keys), after.get(keys)
        labels = (earlier or after[keys]).labels
        figures = (earlier.figures if earlier else Figures(), other.figures if other else Figures())
        differences += [row for row in _differences(keys, labels, *figures) if row.change]
    return differences


def _differences(
    keys: tuple[str | None, ...], labels: tuple[str, ...], then: Figures, now: Figures
) -> list[Difference]:
    before, after = then.as_json(), now.as_json()
    return [Difference(keys, labels, name, before[name], after[name]) for name in FIGURES]

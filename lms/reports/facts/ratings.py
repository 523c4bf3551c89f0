"""*Satisfaction* of a slice: a sum of what lectures have released. No database, no clock.

Without attributes of people it adds up whole lectures. By one attribute, such as the country, it adds up the cells of
lectures that were released for it, in periods of whole quarters. A slice that is no sum of these has none (ADR 126).
"""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from datetime import date, timedelta
from typing import Any, Final

from lms.reports.facts.selection import PEOPLE, FactSelection, Filters, value_of
from lms.reports.rules import Key, Ratings

Released = Mapping[str, Any]
"""Of one lecture the number, sum, and number of 4 and 5 of its ratings: as `total`, and by attribute and value."""
FINE: Final = frozenset({"month", "language"})
"""The dimensions in which lectures differ, and by which no attribute of people is given."""


def is_whole_quarters(first: date | None, last: date | None) -> bool:
    """Whether a period, both days included, begins and ends with a quarter, or is open."""
    return _begins_quarter(first) and (last is None or last == date.max or _begins_quarter(last + timedelta(days=1)))


def _begins_quarter(day: date | None) -> bool:
    return day is None or (day.day == 1 and day.month in (1, 4, 7, 10))


def ratings_by(selection: FactSelection, dimensions: Sequence[str] = ()) -> dict[Key, Ratings]:
    """*Satisfaction* by these dimensions; of the whole slice, under the empty key, without any."""
    attributes = PEOPLE.intersection({*selection.filters.among, *dimensions})
    if not attributes:
        return _sums(selection, dimensions, lambda released: [((), released["total"])])
    if not _can_be_by_people(selection.filters, attributes, dimensions):
        return {}
    (attribute,) = attributes
    name, values = _cells_of(selection.filters, attribute, is_grouped=attribute in dimensions)

    def cells(released: Released) -> Iterable[tuple[Key, Sequence[int]]]:
        for value, sums in released.get(name, {}).items():
            inner = _inner(name, value)
            if values is None or inner in values:
                yield (inner,), sums

    return _sums(selection, dimensions, cells)


def ratings_by_lecture(selection: FactSelection) -> dict[int, Ratings]:
    """*Satisfaction* of each lecture with some; none by attributes of people, which no single lecture has."""
    if selection.filters.by_people:
        return {}
    released = selection.facts.ratings
    return {one.id: Ratings(*released[one.id]["total"]) for one in selection.lectures() if one.id in released}


def _can_be_by_people(filters: Filters, attributes: frozenset[str], dimensions: Sequence[str]) -> bool:
    is_fine = not FINE.isdisjoint({*filters.among, *dimensions})
    return len(attributes) == 1 and not is_fine and is_whole_quarters(filters.from_day, filters.to_day)


def _cells_of(filters: Filters, attribute: str, *, is_grouped: bool) -> tuple[str, frozenset[Hashable] | None]:
    """The name of the cells that a slice adds up, and which values of theirs; null for all."""
    values = filters.among.get(attribute)
    if attribute == "country" and values is not None and len(values) > 1 and not is_grouped:
        return "region", frozenset({filters.region})  # a region is released as one, or not at all
    return attribute, values


def _inner(name: str, value: str) -> Hashable:
    if name == "partner":
        return value == "true"
    return (int(value) if name == "country" else value) if value else None


def _sums(selection: FactSelection, dimensions: Sequence[str], cells: Any) -> dict[Key, Ratings]:
    sums: dict[Key, list[int]] = {}
    for lecture in selection.lectures():
        if lecture.id not in selection.facts.ratings:
            continue
        for inner, ratings in cells(selection.facts.ratings[lecture.id]):
            key = tuple(inner[0] if name in PEOPLE else value_of(lecture, name) for name in dimensions)
            sums[key] = [one + more for one, more in zip(sums.get(key, (0, 0, 0)), ratings, strict=True)]
    return {key: Ratings(*of_key) for key, of_key in sums.items()}

"""Facts in columns: who attended one lecture, one row a person, ready to be counted.

A stored form (a *blob*) is its columns one behind the other. Sector, gender and source share the column `traits`. No
database here.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lms.attendance.models.evidence import Source
from lms.people.models import Gender, Sector

# The stored form: new members are added at the end, none is ever moved or removed
SECTORS: Final[tuple[str | None, ...]] = (None, "government", "business", "academia", "civil_society", "other")
GENDERS: Final[tuple[str | None, ...]] = (None, "female", "male", "other")
SOURCES: Final[tuple[str | None, ...]] = (None, "live", "import", "group", "replay", "manual")
assert {*SECTORS} >= {*Sector} and {*GENDERS} >= {*Gender} and {*SOURCES} >= {*Source}  # noqa: PT018

Column = NDArray[Any]
Columns = dict[str, Column]
"""Columns of one length by name. Columns read from a blob are shared: never change them."""

Layout = Mapping[str, str]
"""The names of the columns of a blob in their order, each with the type of its numbers."""

ATTENDANCES: Final[Layout] = {"person": "<u4", "country": "<u2", "traits": "<u2", "ms": "<u4"}
"""The person (canonical id), the country (0: not stated), `traits_of` and the milliseconds, sorted by person."""

TRAITS: Final = 1 << 12
"""Every number of traits is below this one."""

_SECTOR = {value: index << 8 for index, value in enumerate(SECTORS)}
_GENDER = {value: index << 4 for index, value in enumerate(GENDERS)}
_SOURCE = {value: index for index, value in enumerate(SOURCES)}


class Attended(NamedTuple):
    """One attendance: the person (canonical id), what they were at the time, and the milliseconds present."""

    person: int
    country: int | None
    sector: str | None
    gender: str | None
    source: str
    ms: int


def traits_of(sector: str | None, gender: str | None, source: str | None = None) -> int:
    """Sector, gender and source as one number."""
    return _SECTOR[sector] | _GENDER[gender] | _SOURCE[source]


def sector_of(traits: int) -> str | None:
    """The sector of a number of traits; None is not stated, and what no number of traits is."""
    return _member(SECTORS, traits >> 8)


def gender_of(traits: int) -> str | None:
    """The gender of a number of traits."""
    return _member(GENDERS, traits >> 4 & 15)


def source_of(traits: int) -> str | None:
    """The source of a number of traits."""
    return _member(SOURCES, traits & 15)


def _member(values: tuple[str | None, ...], index: int) -> str | None:
    return values[index] if index < len(values) else None


def columns_of(rows: Iterable[Attended]) -> Columns:
    """The columns of a lecture's attendances; each person has one."""
    lines = sorted((row.person, row.country or 0, traits_of(*row[2:5]), row.ms) for row in rows)
    return columns_from(ATTENDANCES, lines)


def columns_from(layout: Layout, lines: Collection[tuple[int, ...]]) -> Columns:
    """Columns from lines of numbers in the order of a layout. A number too large for its column is an OverflowError."""
    listed = list(zip(*lines, strict=True)) if lines else [()] * len(layout)
    return {name: np.array(values, dtype=form) for (name, form), values in zip(layout.items(), listed, strict=True)}


def changed(columns: Columns, people: Collection[int], rows: Iterable[Attended]) -> Columns:
    """The columns of a lecture in which `rows` take the place of what these people had."""
    unchanged = ~np.isin(columns["person"], np.fromiter(people, dtype="<u4"))
    fresh = columns_of(rows)
    joined = {name: np.concatenate([column[unchanged], fresh[name]]) for name, column in columns.items()}
    order = np.argsort(joined["person"], kind="stable")
    return {name: column[order] for name, column in joined.items()}


def pack(layout: Layout, columns: Columns) -> bytes:
    """The stored form of columns."""
    return b"".join(columns[name].astype(form, copy=False).tobytes() for name, form in layout.items())


def unpack(layout: Layout, content: bytes) -> Columns:
    """The columns of a stored form."""
    types = {name: np.dtype(form) for name, form in layout.items()}
    length = len(content) // sum(one.itemsize for one in types.values())
    columns: Columns = {}
    at = 0
    for name, dtype in types.items():
        columns[name] = np.frombuffer(content, dtype, length, at)
        at += length * dtype.itemsize
    return columns

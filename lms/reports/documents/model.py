"""What a read-out is made of. Values stand in it bare; whoever shows it writes them in the reader's language."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Literal

Value = str | int | float | date | datetime | None
Kind = Literal["text", "number", "decimal", "percent", "change", "day", "moment"]
PictureKind = Literal["bars", "columns", "curve", "funnel"]


@dataclass(frozen=True)
class Figure:
    """A headline: `name` as in the API, `definition` the anchor that says what is counted (none: it is plain)."""

    name: str
    label: str
    value: int | float
    note: str | None = None
    url: str | None = None
    definition: str | None = None


@dataclass(frozen=True)
class Mark:
    """One bar, column, step or point of a picture; `partial`: a year that is not over."""

    label: str
    value: int | float
    note: str | None = None
    partial: bool = False


@dataclass(frozen=True)
class Picture:
    """A picture of numbers that stand in the table beside it. `told` says for who does not see it what it shows.

    `axis`: what stands beneath a curve, at even steps.
    """

    kind: PictureKind
    marks: tuple[Mark, ...]
    told: str
    axis: tuple[str, ...] = ()
    partial_note: str | None = None


@dataclass(frozen=True)
class Column:
    """A column of a table; `definition` the anchor of what it counts."""

    name: str
    kind: Kind = "number"
    definition: str | None = None


@dataclass(frozen=True)
class Table:
    """The first column names the row. `urls`: where the row's name leads, by index of the row; `links`: where a cell
    does, by (row, column), the foot being the row behind the last. `thin`: on paper only each so-manieth row stands."""

    columns: tuple[Column, ...]
    rows: tuple[tuple[Value, ...], ...]
    foot: tuple[Value, ...] | None = None
    urls: dict[int, str] = field(default_factory=dict)
    links: dict[tuple[int, int], str] = field(default_factory=dict)
    thin: int = 1


@dataclass(frozen=True)
class Section:
    """A part of a read-out. `note` stands beneath; `empty` in place of what there is not; `more` is a name and where
    it leads, on pages only."""

    anchor: str
    title: str
    text: str | None = None
    picture: Picture | None = None
    table: Table | None = None
    note: str | None = None
    empty: str | None = None
    more: tuple[str, str] | None = None


@dataclass(frozen=True)
class ReadOut:
    """A whole report. `name` begins the names of its files, `over` says what kind it is; `asked` are the filters in
    words, `footnotes` what is to be said of all of it."""

    name: str
    over: str
    title: str
    lede: str
    as_at: datetime
    figures: tuple[Figure, ...]
    sections: tuple[Section, ...]
    asked: tuple[tuple[str, str], ...]
    footnotes: tuple[str, ...] = ()

"""The parts of a report document. Values are raw; renderers format them in the reader's language."""

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Literal

Value = str | int | float | date | datetime | None
Kind = Literal["text", "number", "decimal", "percent", "change", "day", "moment", "year"]
PictureKind = Literal["bars", "columns", "curve"]


@dataclass(frozen=True)
class Figure:
    """A total. `name` as in the API; `definition` is the anchor of its definition, if any. Files have all totals, pages
    and paper only those in the headline. `text`: the value as it is written there, where it is not a whole number.
    """

    name: str
    label: str
    value: int | float
    note: str | None = None
    url: str | None = None
    definition: str | None = None
    in_headline: bool = True
    text: str | None = None


@dataclass(frozen=True)
class Mark:
    """One bar, column, step or point of a picture; `partial`: a year that is not over."""

    label: str
    value: int | float
    note: str | None = None
    partial: bool = False


@dataclass(frozen=True)
class Picture:
    """A chart of the numbers in the table next to it.

    `description` is for screen readers. `axis`: the labels under a curve, at even steps.
    """

    kind: PictureKind
    marks: tuple[Mark, ...]
    description: str
    axis: tuple[str, ...] = ()


@dataclass(frozen=True)
class Column:
    """A column of a table; `definition` the anchor of what it counts."""

    name: str
    kind: Kind = "number"
    definition: str | None = None


@dataclass(frozen=True)
class Table:
    """A table whose first column names the row.

    `urls`: the link of a row's name, by index of the row; `links`: the link of a cell, by (row, column), where the foot
    is the row after the last. `thin`: on paper only every nth row is shown.
    """

    columns: tuple[Column, ...]
    rows: tuple[tuple[Value, ...], ...]
    foot: tuple[Value, ...] | None = None
    urls: dict[int, str] = field(default_factory=dict)
    links: dict[tuple[int, int], str] = field(default_factory=dict)
    thin: int = 1

    @property
    def lines(self) -> list[tuple[Value, ...]]:
        """The rows, and the foot if there is one."""
        return [*self.rows, *([self.foot] if self.foot else [])]


@dataclass(frozen=True)
class Point:
    """A sentence of a list; `url` is where to act on it, on pages only."""

    text: str
    url: str | None = None


@dataclass(frozen=True)
class Section:
    """A section of a report document: a picture, a table, or a picture with its table, or a list of sentences. `note`
    goes below it, `empty` replaces missing content, and `more` is a link with its name, on pages only.
    """

    anchor: str
    title: str
    text: str | None = None
    picture: Picture | None = None
    table: Table | None = None
    points: tuple[Point, ...] = ()
    note: str | None = None
    empty: str | None = None
    more: tuple[str, str] | None = None

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to show but `empty`."""
        return not (self.points or (self.table and self.table.rows) or (self.picture and self.picture.marks))


@dataclass(frozen=True)
class ReportDocument:
    """A whole report document. `name` starts the names of its files, `over` is its kind, and `answer` replaces the
    title as heading where the report can be put in a sentence. `points` are what the reader learns first, below `lede`.
    `filters` are the filters in words, `note` is what its publisher wrote for readers, and `footnotes` apply to all of
    it. The first `lead` sections are on one page with the figures; the others are the annex, which begins on a new
    sheet. 0: no annex.
    """

    name: str
    over: str
    title: str
    lede: str
    as_at: datetime
    figures: tuple[Figure, ...]
    sections: tuple[Section, ...]
    filters: tuple[tuple[str, str], ...]
    footnotes: tuple[str, ...] = ()
    note: str = ""
    answer: str = ""
    points: tuple[str, ...] = ()
    lead: int = 0

    @property
    def headline(self) -> tuple[Figure, ...]:
        """The figures at the top of a page."""
        return tuple(figure for figure in self.figures if figure.in_headline)

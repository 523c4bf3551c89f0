"""Parts of a list: its columns, its files, the figures and choices that filter it, the rows that a form is about."""

import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter
from typing import Any, TypeAlias

from flask import Response, request, stream_with_context
from flask_babel.speaklater import LazyString

from lms.core.storage.tables import MIME, Workbook, write_csv
from lms.core.text.i18n import _, _l, _lp, name_key
from lms.web.pages.time import viewer_zone

Text: TypeAlias = str | LazyString


@dataclass(frozen=True)
class Column:
    """A column of a list: its heading, the class of its cells, and how the list is sorted by it.

    `first` and `last` are the order in words, sorted once and the other way round; a column without them does not sort.
    `descending`: the largest value comes first when it is pressed once.
    """

    name: str
    label: Text
    first: Text = ""
    last: Text = ""
    descending: bool = False
    numeric: bool = False
    place: str = ""


NAME = Column("name", _lp("person", "Name"), _l("A to Z"), _l("Z to A"))
COUNTRY = Column("country", _l("Country"), _l("A to Z"), _l("Z to A"), place="under")
ORGANISATION = Column("organisation", _l("Organisation"), _l("A to Z"), _l("Z to A"), place="wide")
SERIES = Column("series", _l("Series"), _l("A to Z"), _l("Z to A"), place="wide")
MINUTES = Column("minutes", _l("Minutes"), _l("most first"), _l("fewest first"), True, True, place="wide")


@dataclass(frozen=True)
class FileColumn:
    """A column of the files of a list, and a field of its API page. `value` is the path of an attribute of the row, by
    default the name, or a function of the row. `width` counts characters."""

    name: str
    value: str | Callable[[Any], object] = ""
    width: int = 12
    type: "type[str | int | datetime]" = str

    def read(self, row: object) -> object:
        """The value of a row."""
        return self.value(row) if callable(self.value) else attrgetter(self.value or self.name)(row)


@dataclass(frozen=True)
class Chip:
    """A figure above a list that filters it: the number, a word, and the value of the filter."""

    value: str
    number: int | None
    label: str
    url: str | None = None
    """Where it leads instead, for a figure that is not a part of the list."""
    name: str = ""
    """Its `data-testid`, where that is not its value, or `all`."""


def counted_chips(counts: Mapping[Any, int], words: Mapping[Any, str]) -> list[Chip]:
    """A figure for all rows, and one for each value."""
    every = Chip("", sum(counts.values()), _("All"))
    return [every, *(Chip(str(value), counts.get(value, 0), word) for value, word in words.items())]


@dataclass(frozen=True)
class Choice:
    """One value of a filter in the form; `number` is how many rows it holds, where that is known.

    Choices that follow each other with the same `optgroup` are shown under it.
    """

    value: str
    label: str
    number: int | None = None
    optgroup: str | None = None


@dataclass(frozen=True)
class Select:
    """A filter in the form. `every` is the word for all choices, by default “All”."""

    name: str
    label: str
    choices: Sequence[Choice]
    every: str = ""


def counted_choices(
    counts: Mapping[str, int], chosen: str | None, names: Mapping[str, str] | None = None, *, shows_numbers: bool = True
) -> list[Choice]:
    """The values that rows of a list have, by name, each with its number, and the chosen one where no row has it.
    Without `shows_numbers` where the list holds other rows than were counted."""
    labels = names or {}
    values = sorted({*counts, *([chosen] if chosen else [])}, key=lambda value: name_key(labels.get(value, value)))
    return [
        Choice(value, labels.get(value, value), counts.get(value, 0) if shows_numbers else None) for value in values
    ]


@dataclass(frozen=True)
class Selection:
    """The rows that a form of a list is about: those ticked, or everybody that its filter holds."""

    everybody: bool
    ids: list[str]


def read_selection() -> Selection:
    """Returns what was ticked in a list: rows (`people`), all rows of the page (`page`, which are sent along as
    `shown`), or everybody that the filter holds (`all`)."""
    form = request.form
    if form.get("all"):
        return Selection(True, [])
    ids = form.getlist("shown") if form.get("page") else form.getlist("people")
    return Selection(False, list(dict.fromkeys(ids)))


FILES = ("csv", "xlsx")


def table_file(
    kind: str,
    name: str,
    title: str,
    headings: Sequence[str],
    rows: Iterable[Sequence[object]],
    *,
    widths: Sequence[int] = (),
) -> Response:
    """A table as an answer to download: `kind` is csv or xlsx, `name` the file's without its ending, `title` the
    sheet's. No cache keeps it."""
    if kind == "csv":
        answer = Response(stream_with_context(write_csv(list(headings), rows)), mimetype="text/csv")
    else:
        content = io.BytesIO()
        with Workbook(content, zone=viewer_zone()) as book:
            book.add_sheet(title, headings, rows, widths=widths)
        answer = Response(content.getvalue(), mimetype=MIME)
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}.{kind}"'
    answer.headers["Cache-Control"] = "private, no-store"
    return answer

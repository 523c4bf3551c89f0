"""The request for a long list: text, filters, order and page, as plain values. `view` reads them from an address and
writes them into one; queries take them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

Row = TypeVar("Row")

SIZES = (20, 50, 100, 250)
"""How many rows a page of a list can have."""
SIZE = 50
"""The default number of rows."""
EVERY_ROW = 1_000_000
"""The size of a page that has all rows, for files."""
TEXT_LENGTH = 200
"""Characters of the text to look for; more are cut off."""
FEW = 2
"""Up to this many more rows are shown rather than left out."""


@dataclass(frozen=True)
class ListRequest:
    """The request for a list. `filters` are those that are set, by name; `sort` is the name of a column; `columns` are
    the chosen ones among those that a list shows on demand."""

    q: str = ""
    filters: Mapping[str, str] = field(default_factory=dict)
    sort: str = ""
    descending: bool = False
    page: int = 1
    size: int = SIZE
    columns: tuple[str, ...] = ()

    @property
    def is_filtered(self) -> bool:
        """Whether anything is left out of the list."""
        return bool(self.q or self.filters)

    @property
    def offset(self) -> int:
        """How many rows come before the page."""
        return (self.page - 1) * self.size

    def pages(self, total: int) -> int:
        """How many pages a list of `total` rows has, at least one."""
        return max(1, -(-total // self.size))

    def rows_of_page(self, rows: Sequence[Row]) -> Sequence[Row]:
        """The rows of the page among all of a short list; of the last page where there are fewer pages."""
        page = self.within(len(rows))
        return rows[page.offset : page.offset + page.size]

    def within(self, total: int) -> "ListRequest":
        """The same, on the last page where the list of `total` rows has fewer."""
        return replace(self, page=min(self.page, self.pages(total)))


def rows_shown(total: int, first: int) -> int:
    """How many rows a page shows before a link to the rest: the first ones, or all where few more follow."""
    return total if total <= first + FEW else first

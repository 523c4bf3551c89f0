"""Rows of a table of what somebody has to do: what, about what, why, and the buttons that do it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from markupsafe import Markup

from lms.core.i18n import _, _n
from lms.dashboards.texts import passage

_NEVER = datetime.max.replace(tzinfo=UTC)
_NAMED = 2
"""How many titles a row names before it counts the others."""


@dataclass(frozen=True)
class TodoStep:
    """A button or link of a row. `is_post`: a form that is sent at once."""

    label: str
    url: str
    is_post: bool = False
    testid: str = ""


@dataclass(frozen=True)
class TodoRow:
    """One thing to do. `links` are further steps, shown as text; `since` is since when it waits."""

    what: str
    url: str
    about: str | Markup
    steps: Sequence[TodoStep]
    why: str = ""
    links: Sequence[TodoStep] = ()
    since: datetime | None = None
    testid: str = ""


def oldest_first(rows: Iterable[TodoRow]) -> list[TodoRow]:
    """Those that wait longest first, those of unknown age last."""
    return sorted(rows, key=lambda row: row.since or _NEVER)


def titles_in_words(titles: Sequence[tuple[str, str]]) -> Markup:
    """The first titles of (title, language), and how many more there are."""
    named = Markup(", ").join(passage(title, language) for title, language in titles[:_NAMED])
    more = len(titles) - _NAMED
    return named if more <= 0 else Markup(" ").join([named, _n("and %(num)s more", "and %(num)s more", more)])


def view(url: str) -> TodoStep:
    """A button that only opens the page where it is done."""
    return TodoStep(_("View"), url)

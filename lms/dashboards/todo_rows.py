"""Rows of a table of what somebody has to do: what, about what, why, and the buttons that do it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from flask import url_for
from markupsafe import Markup

from lms.attendance.queries.appeals import LectureAppeals
from lms.core.text.i18n import _, _n, _p
from lms.dashboards.queries.waiting import UnmatchedIn
from lms.dashboards.texts import translated

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


def titles_in_words(items: Sequence[Any]) -> Markup:
    """The first titles of series or lectures, and how many more there are."""
    named = Markup(", ").join(translated(item) for item in items[:_NAMED])
    more = len(items) - _NAMED
    return named if more <= 0 else Markup(" ").join([named, _n("and %(num)s more", "and %(num)s more", more)])


def appeal_rows(appeals: Sequence[LectureAppeals]) -> Iterable[TodoRow]:
    """A row for all open appeals, if there are any."""
    if not appeals:
        return
    count = sum(row.count for row in appeals)
    url = url_for("attendance.appeals")
    if count == 1:
        url = url_for("attendance.appeal_page", appeal_id=appeals[0].public_id)
    yield TodoRow(
        _n("One appeal", "%(num)s appeals", count),
        url,
        titles_in_words(appeals),
        [TodoStep(_p("verb", "Answer"), url)],
        since=appeals[0].oldest,
        testid="appeals",
    )


def unmatched_rows(lectures: Sequence[UnmatchedIn]) -> Iterable[TodoRow]:
    """A row for all attendees whom nobody has identified, if there are any."""
    if not lectures:
        return
    url = url_for("dashboards.unmatched")
    yield TodoRow(
        _n("%(num)s attendee to identify", "%(num)s attendees to identify", sum(row.count for row in lectures)),
        url,
        titles_in_words(lectures),
        [TodoStep(_("Identify"), url)],
        since=min((row.began for row in lectures if row.began is not None), default=None),
    )


def drafts_row(slug: str, title: Markup, count: int, since: datetime | None = None) -> TodoRow:
    """A public series with lectures that are not published."""
    url = url_for("dashboards.publish", slug=slug)
    what = _n("One lecture to publish", "%(num)s lectures to publish", count)
    return TodoRow(what, url, title, [TodoStep(_("Review"), url)], since=since)

"""Search: one page for all that a reader may see."""

from __future__ import annotations

from flask import render_template, request
from flask.typing import ResponseReturnValue
from markupsafe import Markup

from lms.core.base.lists import rows_shown
from lms.core.database.search import Match, compared, excerpt_of, pieces_of
from lms.core.text.i18n import _, _p
from lms.core.text.typed_text import clean_line
from lms.core.time import clock
from lms.dashboards.queries.search import LONGEST, Found, ResultKind, find_all, kinds_for
from lms.dashboards.texts import passage, plain
from lms.dashboards.views.blueprint import bp
from lms.web.pages.locale import reader_locale
from lms.web.request.guards import ANYONE, allow
from lms.web.request.identity import current_actor
from lms.web.request.limits import throttle_reads

SHOWN, SHOWN_OF_TWO = 3, 8
"""The number of results of each kind on the page of all, and where only one or two kinds have results."""


@bp.get("/search")
@allow(ANYONE)
@throttle_reads("search")
def search() -> ResponseReturnValue:
    """Finds series, lectures, files and help, and for staff people, organisations and certificates they may see."""
    by, at = current_actor(), clock.now()
    typed = request.args.get("q", "")
    is_too_long = len(typed) > LONGEST
    q = clean_line(typed[:LONGEST])
    kinds = kinds_for(by)
    kind_name = request.args.get("kind", "")
    kind = ResultKind(kind_name) if kind_name in kinds else None
    by_organisation = "by" in request.args and kind is ResultKind.PEOPLE
    results = (
        Found(()) if is_too_long else find_all(q, by_organisation=by_organisation, locale=reader_locale(), by=by, at=at)
    )
    page = render_template(
        "dashboards/search.html",
        q=q,
        longest=LONGEST if is_too_long else None,
        found=results,
        kinds=kinds,
        kind=kind,
        by_organisation=by_organisation,
        shown={one: len(results.of(one)) if kind else _shown(results, one) for one in kinds},
        is_one_letter=len("".join(results.words)) == 1,
        reason=_reason,
        marked=lambda text, language=None: marked(text, _marks(results, text), language),
        excerpt=lambda text, language=None: _excerpt(results, plain(text), language),
    )
    return page, 400 if is_too_long else 200


def _shown(results: Found, kind: ResultKind) -> int:
    of_each = SHOWN if sum(bool(results.of(one)) for one in ResultKind) > 2 else SHOWN_OF_TWO
    return rows_shown(len(results.of(kind)), of_each)


def _marks(results: Found, text: str) -> tuple[str, ...]:
    """What is marked in a text: signs that follow each other where they do so in it, otherwise each word."""
    phrases = tuple(phrase.replace(" ", "") for phrase in results.phrases)
    return phrases if all(phrase in compared(text) for phrase in phrases) else results.words


def _excerpt(results: Found, text: str, language: str | None) -> Markup:
    marks = _marks(results, text)
    return marked(excerpt_of(text, marks), marks, language)


def marked(text: str, words: tuple[str, ...], language: str | None = None) -> Markup:
    """A text in its own direction, with the search words marked; with its language where that is another."""
    mark = Markup("<mark>{}</mark>")
    return passage(
        Markup().join(mark.format(piece) if fits else piece for piece, fits in pieces_of(text, words)), language
    )


def _reason(field: str | None, match: Match | None) -> str:
    """What of a result fits the search text."""
    if field is None:
        return _("Name of a merged record")
    if field == "email":
        return _("E-mail address")
    fields = {
        "native_name": _("Name in native script"),
        "organisation": _("Organisation"),
        "title": _("Title"),
    }
    kinds = (
        _("%(field)s: exact match"),
        _("%(field)s: contains the word"),
        _("%(field)s: a word begins with it"),
        _("%(field)s: part of a word"),
    )
    return kinds[Match.PART if match is None else match] % {"field": fields.get(field, _p("person", "Name"))}

"""Search and lists of all: one page for all that a reader may see, the administrators' list of series, and the sitemap.

Also the pictures for shared links, and the templates' filters for texts of the catalogue.
"""

from datetime import datetime
from xml.sax.saxutils import escape

from flask import Flask, Response, current_app, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from markupsafe import Markup

from lms.catalogue.public_pages import list_public_pages
from lms.catalogue.queries.lectures import get_lecture, list_lectures
from lms.catalogue.queries.series import get_series
from lms.core.base.lists import rows_shown
from lms.core.base.roles import ANONYMOUS, Role
from lms.core.database.search import Match, compared, excerpt_of, pieces_of
from lms.core.text.i18n import _, _p
from lms.core.text.typed_text import clean_line
from lms.core.text.typesetting import CannotRender
from lms.core.time import clock
from lms.dashboards import cards, texts
from lms.dashboards.lists import AllSeries
from lms.dashboards.queries.search import LONGEST, Found, ResultKind, find_all, kinds_for
from lms.dashboards.texts import passage, plain
from lms.dashboards.views.blueprint import bp
from lms.reports.queries.snapshots import list_public_reports
from lms.web.api.discovery import base_url, pages_without_arguments
from lms.web.lists.routes import list_files, list_page
from lms.web.pages.locale import reader_locale
from lms.web.request.guards import ANYONE, allow
from lms.web.request.identity import current_actor
from lms.web.request.limits import throttle_reads


def init_app(app: Flask) -> None:
    """Registers the filters of this module."""
    app.add_template_filter(texts.markdown, "markdown")
    app.add_template_filter(texts.passage, "passage")
    app.add_template_filter(texts.holiday_name, "holiday_name")
    app.add_template_filter(texts.email_address, "email_address")
    app.add_template_filter(texts.translated, "translated")
    app.add_template_filter(texts.translated_inline, "translated_inline")
    app.add_template_filter(texts.translation, "translation")
    app.add_template_filter(texts.lang_attributes, "lang_attributes")
    app.add_template_filter(texts.summary, "summary")
    app.add_template_filter(texts.beyond, "beyond")
    app.add_template_filter(texts.without_class_name, "without_class_name")


list_page(bp, "/admin/series", Role.ADMINISTRATOR)(AllSeries)
list_files(bp, "/admin/series", Role.ADMINISTRATOR)(AllSeries)


READS = "found"  # the scope in which reading by strangers is limited
MOST_PAGES = 50_000
"""The maximum number of addresses of a sitemap (sitemaps.org)."""
SITEMAP_SECONDS = 3600
YEAR = 31_536_000


@bp.get("/sitemap.xml")
@allow(ANYONE)
@throttle_reads(READS)
def sitemap() -> ResponseReturnValue:
    """Returns the sitemap: all public pages, with the time of their last change if known."""
    public, base = list_public_pages(), base_url()
    pages: list[tuple[str, datetime | None]] = [(path, None) for path in pages_without_arguments(current_app)]
    pages += [(url_for("dashboards.series", slug=slug), at) for slug, at in public.series]
    pages += [(url_for("dashboards.lecture", lecture_id=key), at) for key, at in public.lectures]
    pages += [(url_for("reports.snapshot", public_id=key), at) for key, at in list_public_reports(limit=MOST_PAGES)]
    lines = "".join(
        f"<url><loc>{escape(base + path)}</loc>"
        + (f"<lastmod>{at.isoformat(timespec='seconds')}</lastmod>" if at is not None else "")
        + "</url>\n"
        for path, at in pages[:MOST_PAGES]
    )
    body = '<?xml version="1.0" encoding="UTF-8"?>\n<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">\n'
    answer = Response(f"{body}{lines}</urlset>\n", mimetype="application/xml")
    answer.cache_control.public, answer.cache_control.max_age = True, SITEMAP_SECONDS
    answer.add_etag()
    return answer.make_conditional(request)


@bp.get("/picture.png")
@allow(ANYONE, indexed=True)
@throttle_reads(READS)
def site_picture() -> ResponseReturnValue:
    """Returns the picture of the programme for shared links."""
    return _picture(cards.site_card())


@bp.get("/series/<slug>/picture.png")
@allow(ANYONE, indexed=True)
@throttle_reads(READS)
def series_picture(slug: str) -> ResponseReturnValue:
    """Returns the picture of a series for shared links, the same for everyone."""
    series = get_series(slug, by=ANONYMOUS)
    return _picture(cards.series_card(series, list_lectures(series.id, by=ANONYMOUS)))


@bp.get("/lectures/<int:lecture_id>/picture.png")
@allow(ANYONE, indexed=True)
@throttle_reads(READS)
def lecture_picture(lecture_id: int) -> ResponseReturnValue:
    """Returns the picture of a lecture for shared links, the same for everyone."""
    lecture = get_lecture(lecture_id, by=ANONYMOUS)
    return _picture(cards.lecture_card(lecture, list_lectures(lecture.series_id, by=ANONYMOUS)))


def _picture(card: cards.Card) -> ResponseReturnValue:
    """The picture; where the fonts lack most of its title, that of the programme."""
    is_site = request.endpoint == "dashboards.site_picture"
    try:
        drawn = card if is_site else cards.drawable_card(card)
        if drawn is None:
            return redirect(url_for("dashboards.site_picture"))
        png = cards.draw_card(drawn)
    except CannotRender:
        if is_site:
            raise
        return redirect(url_for("dashboards.site_picture"))
    answer = Response(png, mimetype="image/png")
    answer.cache_control.public = True
    answer.cache_control.max_age = YEAR if request.args.get("v") == cards.mark_of(card) else SITEMAP_SECONDS
    answer.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    answer.add_etag()
    return answer.make_conditional(request)


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
    """Returns what is marked in a text: signs that follow each other where they do so in it, otherwise each word."""
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
    """Returns what of a result fits the search text."""
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

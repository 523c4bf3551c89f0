"""What search engines and shared links ask for: the sitemap, and pictures of the programme, a series and a lecture."""

from __future__ import annotations

from datetime import datetime
from xml.sax.saxutils import escape

from flask import Response, current_app, redirect, request, url_for
from flask.typing import ResponseReturnValue

from lms.catalogue.public_pages import list_public_pages
from lms.catalogue.queries.lectures import get_lecture, list_lectures
from lms.catalogue.queries.series import get_series
from lms.core.base.roles import ANONYMOUS
from lms.core.text.typesetting import CannotRender
from lms.dashboards import cards
from lms.dashboards.views.blueprint import bp
from lms.reports.queries.snapshots import list_public_reports
from lms.web.api.discovery import base_url, pages_without_arguments
from lms.web.request.guards import ANYONE, allow
from lms.web.request.limits import throttle_reads

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
    """The picture; where the fonts lack a character of it, that of the programme: nothing is printed as a box."""
    is_site = request.endpoint == "dashboards.site_picture"
    try:
        if not is_site and not cards.can_be_drawn(card):
            return redirect(url_for("dashboards.site_picture"))
        png = cards.draw_card(card)
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

"""Public pages: figures and definitions."""

from typing import Any

from flask import make_response, render_template, request
from flask.typing import ResponseReturnValue

from lms.catalogue.queries.policies import slugs_without_certificate
from lms.core.base.errors import NotFound
from lms.core.base.roles import ANONYMOUS
from lms.core.text.i18n import _, translated
from lms.core.time import clock
from lms.reports import shapes
from lms.reports.documents import report_files as files
from lms.reports.documents.files import file_answer
from lms.reports.documents.wording import satisfaction
from lms.reports.queries.definitions import figure_names, further_terms
from lms.reports.queries.figures import count
from lms.reports.queries.public import Headline, Overview, public_overview
from lms.reports.rules import DIMENSIONS, Slice
from lms.reports.views.blueprint import bp
from lms.web.pages import pictures
from lms.web.pages.locale import accepted, reader_locale, speaking
from lms.web.pages.whole_pages import same_for_strangers
from lms.web.request.guards import ANYONE, allow
from lms.web.request.identity import current_actor

FIRST_COUNTRIES = 12
FIRST_SERIES = 10
EMBED_SECONDS = 600
"""How long the figures in a frame may be kept by who reads them."""
EMBED_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors *"
)


@bp.get("/impact")
@allow(ANYONE, indexed=True)
@same_for_strangers
def impact() -> ResponseReturnValue:
    """The public figures, with map, years, regions and countries."""
    at, locale = clock.now(), reader_locale()
    overview = public_overview(("year", "region", "country", "series"), at=at, locale=locale)
    countries = len(overview.groups["country"])
    shown = countries if request.args.get("countries") == "all" else min(FIRST_COUNTRIES, countries)
    return render_template("reports/impact.html", overview=overview, shown=shown)


@bp.get("/impact/embed")
@allow(ANYONE)
def embed() -> ResponseReturnValue:
    """The public figures and the map, for embedding in any site.

    It is the same for everyone, signed in or not. `lang` sets its language, otherwise the browser does.
    """
    language = request.args.get("lang")
    with speaking(language if language in translated() else accepted(translated()), None):
        overview = public_overview(("country",), at=clock.now(), locale=reader_locale())
        answer = make_response(render_template("reports/embed.html", overview=overview))
    answer.headers["Content-Security-Policy"] = EMBED_POLICY
    answer.vary.add("Accept-Language")
    if not current_actor().is_signed_in:
        answer.cache_control.public = True
        answer.cache_control.max_age = EMBED_SECONDS
    return answer


@bp.app_template_filter("map_scale")
def map_scale(overview: Overview) -> list[tuple[int, float]]:
    """The scale of the participants map."""
    return pictures.scale(shapes.mapped(overview.headline.places))


bp.add_app_template_filter(shapes.opening_words)
bp.add_app_template_filter(satisfaction)


@bp.app_template_filter("bubbles")
def bubbles(headline: Headline) -> list[pictures.Bubble]:
    """The bubbles on the participants map."""
    return pictures.bubbles(shapes.mapped(headline.places))


@bp.app_template_filter("laid_out")
def laid_out(overview: Overview, shown: int) -> dict[str, Any]:
    """The content of the impact page, with the given number of countries."""
    headline, by = overview.headline, overview.groups
    countries = by["country"]
    return {
        "bubbles": bubbles(headline),
        "scale": pictures.scale(shapes.mapped(headline.places)),
        "years": by["year"],
        "partial_year": str(clock.day_of(headline.as_at, clock.reporting_zone()).year),
        "regions": by["region"],
        "countries": countries[:shown],
        "all_countries": len([group for group in countries if group.keys[0] and not group.folded]),
        "more_countries": len(countries) > shown,
        "overlap": shapes.overlap(headline.figures, countries),
        "years_overlap": shapes.overlap(headline.figures, by["year"]) > 0,
        "has_folded": any(group.folded for group in countries),
        "partners": {place.code for place in headline.places if place.partner},
        "series": by["series"][:FIRST_SERIES],
        "all_series": len(by["series"]),
        "uncertified": overview.uncertified,
        "satisfaction": [("satisfaction", _("Satisfaction (answers)"))] if headline.figures.ratings.answers else [],
    }


@bp.get("/impact.csv")
@allow(ANYONE)
def impact_csv() -> ResponseReturnValue:
    """The public figures by one dimension as CSV. `by` defaults to the country.

    The number of certificates is empty for series that give none.
    """
    name = request.args.get("by", "country")
    if name not in DIMENSIONS:
        raise NotFound
    report = count(Slice(), (name,), by=ANONYMOUS, at=clock.now(), locale=reader_locale())
    uncertified = slugs_without_certificate() if name == "series" else frozenset()
    return file_answer(
        files.as_csv(report, uncertified), "text/csv; charset=utf-8", f"impact-by-{name}-{report.as_at:%Y-%m-%d}.csv"
    )


@bp.get("/definitions")
@allow(ANYONE, indexed=True)
@same_for_strangers
def definitions() -> ResponseReturnValue:
    """The definition of each figure."""
    return render_template(
        "reports/definitions.html",
        names=figure_names(),
        definitions=files.definitions(),
        terms=further_terms(),
    )

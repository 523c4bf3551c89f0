"""The API reference: an index with search, and a page for each resource."""

from flask import render_template, request
from flask.typing import ResponseReturnValue

from lms.catalogue.queries.policies import find_examples
from lms.core.base.errors import NotFound
from lms.core.base.roles import ANONYMOUS
from lms.core.base.settings import settings
from lms.core.text.typed_text import clean_line
from lms.dashboards.api.tasks import bp
from lms.dashboards.api_examples import Site, example, first_call, preparation, sign_in
from lms.dashboards.api_reference import list_sections, search_calls, who
from lms.web.pages.whole_pages import same_for_strangers
from lms.web.request.guards import ANYONE, allow

LONGEST = 100


def _site() -> Site:
    config, examples = settings(), find_examples(by=ANONYMOUS)
    address = f"{config.base_url}/api/v1"
    return Site(address, examples.series, examples.lecture, examples.nominated, config.is_demonstration)


@bp.get("/docs")
@allow(ANYONE)
@bp.doc(hide=True)
@same_for_strangers
def docs() -> ResponseReturnValue:
    """Shows the API reference: its resources, how to begin, or the calls that a search finds."""
    q = clean_line(request.args.get("q", "")[:LONGEST])
    return render_template(
        "dashboards/api.html",
        q=q,
        sections=search_calls(q) if q else list_sections(),
        sign_in=sign_in(_site()),
        first_call=first_call(_site()),
        is_demonstration=settings().is_demonstration,
    )


@bp.get("/docs/<resource>")
@allow(ANYONE)
@bp.doc(hide=True)
@same_for_strangers
def resource_docs(resource: str) -> ResponseReturnValue:
    """Shows the calls of one resource of the API, with examples."""
    sections = list_sections()
    place = next((n for n, section in enumerate(sections) if section.resource.slug == resource), None)
    if place is None:
        raise NotFound
    site = _site()
    return render_template(
        "dashboards/api_resource.html",
        section=sections[place],
        following=sections[place + 1].resource if place + 1 < len(sections) else None,
        example=lambda call: example(call, site),
        preparation=preparation(sections[place].calls, site),
        who=who,
    )

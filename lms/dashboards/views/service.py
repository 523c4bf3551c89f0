"""Help and contact, accessibility: what the foot of every page leads to. Metrics, for those who run the service."""

from __future__ import annotations

from flask import Response, render_template, request, url_for
from flask.typing import ResponseReturnValue
from markupsafe import Markup

from lms.core.base.errors import NotFound
from lms.core.base.settings import settings
from lms.core.time import clock
from lms.dashboards.queries.help import ACCESSIBILITY, QUESTIONS, STEPS, HelpTopic
from lms.dashboards.queries.operation import collect_operation
from lms.dashboards.views.blueprint import bp
from lms.web.pages.whole_pages import same_for_strangers
from lms.web.request.guards import ANYONE, allow
from lms.web.request.request_log import may_read_metrics, render_metrics


@bp.get("/help")
@allow(ANYONE, indexed=True)
@same_for_strangers
def help() -> ResponseReturnValue:
    """Shows how to take part, how to get help, and the accessibility statement."""
    return render_template(
        "dashboards/help.html", steps=STEPS, questions=QUESTIONS, accessibility=ACCESSIBILITY, words=_words_of
    )


def _words_of(topic: HelpTopic) -> Markup:
    """The text of a topic, with its links."""
    links = {name: url_for(endpoint) for name, endpoint in topic.links.items()}
    return Markup(str(topic.text)) % links  # noqa: S704 - our own words


@bp.get("/metrics")
@allow(ANYONE, allow_without_mfa=True)
def metrics() -> ResponseReturnValue:
    """Returns metrics for Prometheus, to this machine and to holders of `LMS_METRICS_TOKEN` only."""
    config = settings()
    if not may_read_metrics(request, config):
        raise NotFound
    text, media_type = render_metrics(collect_operation(config, at=clock.now()))
    return Response(text, content_type=media_type, headers={"Cache-Control": "no-store"})

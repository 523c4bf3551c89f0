"""Every task that can run has a title on its page."""

from __future__ import annotations

from apiflask import APIFlask

from lms.core.background.jobs import REGISTRY
from lms.dashboards.work import task_titles

OF_DEMONSTRATIONS = {"demo_recording", "demo_recording_repeat"}


def test_every_kind_of_task_has_a_title(app: APIFlask) -> None:
    with app.test_request_context():
        titles = task_titles()
    assert {kind for kind in REGISTRY if kind.isidentifier()} - OF_DEMONSTRATIONS == set(titles)

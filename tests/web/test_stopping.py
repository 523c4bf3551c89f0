"""What a server answers between the signal to stop and its end."""

from __future__ import annotations

import pytest
from apiflask import APIFlask
from werkzeug.test import Client

from lms.web.request.hosts import HandOver, StopMark


@pytest.fixture
def mark() -> StopMark:
    return StopMark()


@pytest.fixture
def browser(app: APIFlask, mark: StopMark) -> Client:
    return Client(HandOver(app.wsgi_app, mark))


RETRYING = {"X-Next-Upstream": "yes"}


def test_a_running_server_answers_everything(browser: Client) -> None:
    assert browser.get("/readyz").status_code == 200
    assert browser.get("/healthz", headers=RETRYING).status_code == 200


def test_a_stopping_server_is_not_ready_and_goes_on(browser: Client, mark: StopMark) -> None:
    mark.set()
    assert browser.get("/readyz").status_code == 503
    assert browser.get("/healthz").status_code == 200


def test_a_stopping_server_leaves_what_can_be_asked_again_to_the_next(browser: Client, mark: StopMark) -> None:
    mark.set()
    answer = browser.get("/healthz", headers=RETRYING)
    assert (answer.status_code, answer.headers["Cache-Control"]) == (502, "no-store")
    assert browser.post("/zone", headers=RETRYING).status_code == 422  # the application read it: no zone

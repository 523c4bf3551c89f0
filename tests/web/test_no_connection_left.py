"""Where PostgreSQL has no connection left for a request, its reader is told to come back, and when."""

from __future__ import annotations

from contextlib import ExitStack

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient

from lms.core.database.session import db, engine_options

pytestmark = pytest.mark.databases("postgresql")


def test_a_request_without_a_connection_gets_503(
    app: APIFlask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    with app.app_context(), ExitStack() as stack:
        pool = db.engine.pool
        monkeypatch.setattr(pool, "_timeout", 0.05)
        size = pool.size() + pool._max_overflow  # type: ignore[attr-defined]
        for _number in range(size - pool.checkedout()):  # type: ignore[attr-defined]
            stack.enter_context(db.engine.connect())
        response = client.get("/series")
        call = client.get("/api/v1/series", headers={"Accept": "application/json"})
    for answer in (response, call):
        assert answer.status_code == 503
        assert answer.headers["Retry-After"] == "60"
        assert "Too many people are using the service at the moment" in answer.get_data(as_text=True)
    assert client.get("/series").status_code == 200


def test_the_setting_bounds_the_connections_of_a_process() -> None:
    for connections in (4, 5, 32):
        options = engine_options("postgresql+psycopg://", connections=connections)
        assert options["pool_size"] + options["max_overflow"] == connections
    assert engine_options("postgresql+psycopg://", is_prepared=False)["connect_args"] == {"prepare_threshold": None}

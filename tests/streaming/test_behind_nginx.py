"""A lecture that is given behind nginx, as it ships, while strangers send slowly."""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from werkzeug.serving import make_server

from lms.app import create_app
from lms.core.base.roles import SYSTEM
from lms.core.database.session import db
from lms.core.time import clock
from lms.operations.checks.machines import EXAMPLE_KEY
from lms.people.actions.countries import load_countries
from lms.streaming.webm import MAGIC
from tests.factories import Make
from tests.ports import free_port
from tests.proxy import HOST, SEEN_AS, Certificate, Proxy, proxy
from tests.relaxed import RelaxedConfig
from tests.streaming.test_views import Page
from tests.tables import create_tables

pytestmark = [pytest.mark.xdist_group("nginx"), pytest.mark.present]  # nginx looks at the time of addresses
STRANGERS = 40


def put(before: Proxy, page: Page, number: int, content: bytes, *, token: str = "") -> tuple[int, dict[str, Any]]:
    """What the page of a lecturer is answered to a chunk, behind the address of all colleagues."""
    digest = base64.b64encode(hashlib.sha256(content).digest()).decode()
    headers = {"Stream-Token": token or page.token, "Content-Digest": f"sha-256=:{digest}:", "X-Seen-As": "192.0.2.1"}
    line = http.client.HTTPSConnection(HOST, before.port, timeout=60, context=before.certificate.trusting())
    line.request("PUT", f"{page.address}/{number}", content, headers)
    answer = line.getresponse()
    status, text = answer.status, answer.read()
    line.close()
    return status, json.loads(text) if status == 200 else {}


def test_forty_slow_strangers_stop_no_lecture(tmp_path: Path, certificate: Certificate) -> None:
    holder: dict[str, Any] = {}
    server = make_server("127.0.0.1", 0, lambda *given: holder["app"](*given), threaded=True)
    port = free_port()
    with ExitStack() as stack:
        before = stack.enter_context(
            proxy(tmp_path / "nginx", certificate, backend=server.server_port, port=port, changes=SEEN_AS)
        )
        settings = {"base_url": before.address, "proxies": "1", "media_key": EXAMPLE_KEY, "log_level": "ERROR"}
        app = create_app(RelaxedConfig.load({}, data=str(tmp_path), secret_key="tests-only", **settings))
        with app.app_context():
            create_tables()
            load_countries(by=SYSTEM, at=clock.now())
            stack.callback(db.engine.dispose)
        holder["app"] = app
        threading.Thread(target=server.serve_forever, daemon=True).start()
        stack.callback(server.server_close)
        stack.callback(server.shutdown)
        client = app.test_client()
        client.environ_base["HTTP_REFERER"] = f"{before.address}/"
        page = Page(client, Make(app))
        assert page.begin().status_code == 200
        # As many as there is room for send to the address of the lecture and to those that anybody may use
        for number in range(STRANGERS):
            for path in (f"{page.address}/0", "/verify", "/lectures/1/files"):
                stack.enter_context(before.begin_upload(path, client=f"198.51.100.{number}"))
        until = time.monotonic() + 180
        while (refused := put(before, page, 0, b"x", token="not.the.token")[0]) != 429:
            assert (refused, time.monotonic() < until) == (403, True)
        for number in range(3):
            received = {"next_chunk": number + 1, "is_stopped": False, "is_sound_only": False}
            assert put(before, page, number, MAGIC + b"more") == (200, received)

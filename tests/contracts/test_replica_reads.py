"""Which routes may read from a replica: heavy reads that state nothing officially."""

from __future__ import annotations

from apiflask import APIFlask

MAY_BE_BEHIND = {"dashboards.search", "reports.totals", "reports.dossier", "reports.lecture"}


def test_only_these_routes_read_from_a_replica(app: APIFlask) -> None:
    marked = {name for name, view in app.view_functions.items() if getattr(view, "reads_replica", False)}
    assert marked == MAY_BE_BEHIND
    for rule in app.url_map.iter_rules():
        if rule.endpoint in marked:
            assert rule.methods is not None
            assert "POST" not in rule.methods, rule

"""Nothing is asked twice: how many statements the main walks through the product take at most."""

from __future__ import annotations

from pathlib import Path

from bench.site import Bench
from bench.topics.walks import walks

MOST = {
    "import a Zoom report": 75,
    "the same without a time zone": 91,
    "enrol in a series": 32,  # two look for questions: for the page, and once nobody else can change the series
    "issue one certificate": 42,
    "open the exact totals": 17,
    "open a series": 18,  # one looks for questions that a person who is enrolled has not answered
}


def test_a_walk_takes_no_more_statements_than_before(tmp_path: Path) -> None:
    bench = Bench(tmp_path, is_tiny=True)
    try:
        rows = {row.what: row.measured for row in walks(bench)}
    finally:
        bench.close()
    statements = {what.removesuffix(": statements"): n for what, n in rows.items() if what.endswith(": statements")}
    assert statements.keys() == MOST.keys()
    assert {what: n for what, n in statements.items() if n > MOST[what]} == {}, statements

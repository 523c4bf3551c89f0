"""Nothing is asked twice: how many statements the main walks through the product take at most."""

from __future__ import annotations

from pathlib import Path

from bench.site import Bench
from bench.topics.walks import walks

MOST = {
    "import a Zoom report": 90,
    "the same without a time zone": 110,
    "enrol in a series": 38,
    "issue one certificate": 50,
    "open the exact totals": 20,
    "open a series": 22,
}
"""A fifth above what each takes (docs/ARCHITECTURE.md): a statement for each row is more, one more feature is not."""


def test_a_walk_takes_no_statement_for_each_row(tmp_path: Path) -> None:
    bench = Bench(tmp_path, is_tiny=True)
    try:
        rows = {row.what: row.measured for row in walks(bench)}
    finally:
        bench.close()
    statements = {what.removesuffix(": statements"): n for what, n in rows.items() if what.endswith(": statements")}
    assert statements.keys() == MOST.keys()
    assert {what: n for what, n in statements.items() if n > MOST[what]} == {}, statements

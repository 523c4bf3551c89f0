"""The bench runs, at a size that says nothing: each topic yields rows."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from bench.__main__ import main
from bench.registry import topics
from bench.site import Bench
from bench.table import Aim, CannotMeasure, Row, as_text
from bench.topics.walks import check_document


@pytest.mark.long
def test_the_walks_take_what_the_document_says(tmp_path: Path) -> None:
    done = CliRunner().invoke(main, ["--tiny", "--data", str(tmp_path), "--only", "walks", "--json"])
    assert done.exit_code == 0, done.stderr
    assert all(row["measured"] > 0 for row in json.loads(done.stdout))


def test_a_missed_aim_is_said_and_what_cannot_be_measured_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    def misses(_bench: Bench) -> list[Row]:
        return [Row("page", 6, "CPU ms", aim=Aim(5)), Row("import", 16, "ms", baseline=4, aim=Aim(4, of_ratio=True))]

    def breaks(_bench: Bench) -> list[Row]:
        raise CannotMeasure("the server does not answer")

    topics()
    monkeypatch.setattr("bench.registry._topics", {"misses": misses, "breaks": breaks})
    done = CliRunner().invoke(main, ["--only", "misses"])
    assert done.exit_code == 0
    page, imported = done.stdout.splitlines()[2:]
    assert page.split() == ["page", "6", "CPU", "ms", "≤", "5", "CPU", "ms", "NOT", "MET"]
    assert imported.split() == ["import", "16", "ms", "4", "ms", "4", "×", "≤", "4", "×", "met"]
    done = CliRunner().invoke(main, ["--all"])
    assert done.exit_code == 1
    assert "breaks could not be measured: the server does not answer" in done.stderr
    assert "NOT MET" in done.stdout


def test_what_was_measured_is_told_when_a_later_topic_crashes(monkeypatch: pytest.MonkeyPatch) -> None:
    def crashes(_bench: Bench) -> list[Row]:
        raise KeyboardInterrupt

    topics()
    known_topics = {"works": lambda _bench: [Row("page", 6, "CPU ms")], "crashes": crashes}
    monkeypatch.setattr("bench.registry._topics", known_topics)
    done = CliRunner().invoke(main, ["--all", "--json"])
    assert done.exit_code == 1
    assert [row["what"] for row in json.loads(done.stdout)] == ["page"]


def test_an_unknown_topic_is_named() -> None:
    done = CliRunner().invoke(main, ["--only", "weather"])
    assert done.exit_code == 2
    assert "there is no topic weather" in done.stderr


def test_a_table_is_aligned() -> None:
    table = as_text([Row("a", 0.5, "CPU ms"), Row("longer", 1234.5, "CPU ms", baseline=10, rate=3.25)])
    assert table.splitlines()[2:] == [
        "a        0.50 CPU ms",
        "longer  1,234 CPU ms      3.25  10 CPU ms  123 ×",
    ]


def test_walks_are_compared_with_the_document_and_written_into_it(tmp_path: Path) -> None:
    document = tmp_path / "ARCHITECTURE.md"
    document.write_text("before\n<!-- walks -->\n<!-- end of walks -->\nafter\n", encoding="utf-8")
    rows = [Row("enrol: statements", 40, "statements"), Row("enrol: modules", 62, "modules")]
    assert check_document(rows, document, is_written=True) == [
        "enrol: modules: 62 in place of nothing",
        "enrol: statements: 40 in place of nothing",
    ]
    written = document.read_text(encoding="utf-8")
    assert "| enrol |  | 40 | 62 |  |  |  |\n<!-- end of walks -->\nafter\n" in written
    near, far = Row("enrol: statements", 44, "statements"), Row("enrol: statements", 35, "statements")
    assert check_document([near, rows[1]], document, is_written=False) == []
    assert check_document([far, rows[1]], document, is_written=False) == ["enrol: statements: 35 in place of 40"]
    assert document.read_text(encoding="utf-8") == written

"""Nothing depends on a session of PostgreSQL: behind a pool, each transaction may have another one."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
OF_A_SESSION = re.compile(
    r"pg_advisory_lock|pg_try_advisory_lock|pg_advisory_unlock|\bLISTEN\b|WITH HOLD|\bTEMP(?:ORARY)? TABLE\b"
    r"|[\"' ]SET (?!LOCAL |CONSTRAINTS |TRANSACTION )[a-z_]+ ?(?:=|TO) |\bDISCARD \b|\bPREPARE \b"
)
DIRECT = {"lms/core/background/signals.py"}
"""Modules whose connection goes past a pool (`LMS_DATABASE_DIRECT_URL`)."""


def uses_of_a_session(text: str) -> list[str]:
    statements = [line for line in text.splitlines() if "UPDATE" not in line]  # UPDATE … SET
    return [line.strip() for line in statements if OF_A_SESSION.search(line)]


@pytest.mark.parametrize(
    ("line", "is_of_a_session"),
    [
        ('text("SELECT pg_advisory_lock(1)")', True),
        ('text("SET lock_timeout = 1")', True),
        ('text("CREATE TEMP TABLE example (id int)")', True),
        ('text("SET LOCAL lock_timeout = 1")', False),
        ("func.pg_advisory_xact_lock(1)", False),
    ],
)
def test_the_check_tells_sessions_from_transactions(line: str, is_of_a_session: bool) -> None:
    assert bool(uses_of_a_session(line)) == is_of_a_session


def test_nothing_depends_on_a_session_of_the_database() -> None:
    found = {
        f"{path.relative_to(ROOT)}: {line}"
        for folder in ("lms", "migrations")
        for path in (ROOT / folder).rglob("*.py")
        if str(path.relative_to(ROOT)) not in DIRECT
        for line in uses_of_a_session(path.read_text(encoding="utf-8"))
    }
    assert found == set()

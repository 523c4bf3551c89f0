"""Evidence of older data folders that belongs to nobody known: it is told by appearances, and told back."""

from __future__ import annotations

from flask_migrate import downgrade, upgrade
from sqlalchemy import text

from lms.app import create_app
from lms.config import Config
from lms.core.db import db

BEFORE, AFTER = "b81d0c5f7a36", "4be17f0c93d6"
ROWS = [
    # lecture, person, name, email
    (1, 1, None, None),
    (1, None, "Ａda  Obi", "ADA@x.example"),
    (1, None, "Ada Obi", "ada@X.example"),
    (1, None, "Straße", None),
    (1, None, "STRASSE ", None),
    (2, None, "strasse", None),
    (3, None, "strasse", None),
    (1, None, None, None),
]


def fill() -> None:
    """Two series of two and one lectures, a person, and the rows."""
    at = "'2026-01-01 00:00:00'"
    with db.engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO person (id, public_id, full_name, sort_name, locale, created_at) "
                f"VALUES (1, 'p', 'P', 'p', 'en', {at})"
            )
        )
        for series in (1, 2):
            connection.execute(
                text(
                    "INSERT INTO series (id, slug, title, description, language, visibility, admission, taken, "
                    "created_at) "
                    f"VALUES ({series}, 's{series}', 'S', '', 'en', 'public', 'open', 0, {at})"
                )
            )
        for lecture, series in ((1, 1), (2, 1), (3, 2)):
            connection.execute(
                text(
                    "INSERT INTO lecture (id, series_id, title, abstract, state, local_start, time_zone, "
                    "duration_minutes, language, interpretation, delivery, materials, sequence, created_at) "
                    f"VALUES ({lecture}, {series}, 'L', '', 'held', {at}, 'UTC', 90, 'en', '[]', 'link', '[]', 0, {at})"
                )
            )
        for number, (lecture, person, name, email) in enumerate(ROWS):
            connection.execute(
                text(
                    "INSERT INTO presence (id, lecture_id, person_id, source, joined_ms, left_ms, evidence, name, "
                    "email) VALUES (:id, :lecture, :person, 'import', 0, 1, :evidence, :name, :email)"
                ),
                {"id": number + 1, "lecture": lecture, "person": person, "evidence": f"e{number}", "name": name,
                 "email": email},
            )  # fmt: skip


def rows(query: str) -> list[tuple[object, ...]]:
    with db.engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(query))]


def test_evidence_without_a_person_is_told_by_appearances_and_told_back(fresh: Config) -> None:
    app = create_app(fresh)
    with app.app_context():
        upgrade(revision=BEFORE)
        fill()
        upgrade(revision=AFTER)
        joined = "SELECT p.id, p.person_id, a.series_id, a.key, a.name, a.email FROM presence p "
        assert rows(f"{joined} LEFT JOIN appearance a ON a.id = p.appearance_id ORDER BY p.id") == [
            (1, 1, None, None, None, None),
            (2, None, 1, "ada@x.example", "Ａda  Obi", "ADA@x.example"),
            (3, None, 1, "ada@x.example", "Ａda  Obi", "ADA@x.example"),
            (4, None, 1, "name:strasse", "Straße", None),
            (5, None, 1, "name:strasse", "Straße", None),
            (6, None, 1, "name:strasse", "Straße", None),
            (7, None, 2, "name:strasse", "strasse", None),
            (8, None, 1, "row:e7", None, None),
        ]
        with db.engine.begin() as connection:  # ids go on where they were left
            connection.execute(text("INSERT INTO appearance (series_id, key) VALUES (1, 'new')"))
            connection.execute(text("UPDATE appearance SET person_id = 1, how = 'hand' WHERE key = 'row:e7'"))
        downgrade(revision=BEFORE)
        assert rows("SELECT id, person_id, name, email FROM presence ORDER BY id") == [
            (1, 1, None, None),
            (2, None, "Ａda  Obi", "ADA@x.example"),
            (3, None, "Ａda  Obi", "ADA@x.example"),
            (4, None, "Straße", None),
            (5, None, "Straße", None),
            (6, None, "Straße", None),
            (7, None, "strasse", None),
            (8, 1, None, None),
        ]
        db.engine.dispose()

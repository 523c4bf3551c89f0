"""The laws of the house that import-linter cannot see."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MODULES = sorted((ROOT / "lms").rglob("*.py"))
SLICES = {
    "people",
    "catalogue",
    "enrolment",
    "attendance",
    "attendance_imports",
    "viewing_groups",
    "live",
    "certificates",
    "reports",
    "dashboards",
}
DOORS = {"views", "api", "jobs"}


def room(path: Path) -> tuple[str, str] | None:
    """(slice, room) of a module; a room may be a folder."""
    parts = path.relative_to(ROOT / "lms").with_suffix("").parts
    return (parts[0], parts[1]) if len(parts) > 1 and parts[0] in SLICES else None


def rooms(*names: str) -> list[Path]:
    return [path for path in MODULES if (found := room(path)) and found[1] in names]


def imported(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return names


@pytest.mark.parametrize("path", rooms(*DOORS), ids=str)
def test_doors_never_touch_the_session(path: Path) -> None:
    assert "lms.core.db.db" not in imported(path)
    assert "db.session" not in path.read_text(encoding="utf-8")


@pytest.mark.parametrize("path", rooms("actions", "queries", "models", "rules"), ids=str)
def test_inner_rooms_import_no_flask_no_forms_no_web(path: Path) -> None:
    roots = {name.split(".")[0] for name in imported(path)}
    assert roots.isdisjoint({"flask", "flask_wtf", "wtforms", "flask_login"})
    assert not any(name.startswith("lms.web") for name in imported(path))


@pytest.mark.parametrize("path", rooms("rules"), ids=str)
def test_rules_know_neither_session_nor_clock(path: Path) -> None:
    names = imported(path)
    assert "lms.core.db.db" not in names
    assert "lms.core.clock.now" not in names
    text = path.read_text(encoding="utf-8")
    assert "clock.now(" not in text
    assert "datetime.now(" not in text


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_only_the_app_imports_views_api_and_handlers(path: Path) -> None:
    if path.relative_to(ROOT).as_posix() == "lms/app.py":
        return
    here = room(path) or ("", "")
    for name in imported(path):
        parts = name.split(".")
        if parts[0] == "lms" and len(parts) > 2 and parts[2] in {"views", "api", "handlers"} and parts[1] in SLICES:
            assert (parts[1], parts[2]) == here, f"{path} imports {name}"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_only_actions_commit(path: Path) -> None:
    if path.relative_to(ROOT).as_posix() == "lms/core/db.py":
        return
    assert "session.commit(" not in path.read_text(encoding="utf-8")


def test_there_is_no_room_for_everything() -> None:
    assert [path for path in MODULES if path.stem in {"utils", "util", "helpers", "misc", "common"}] == []


def test_a_package_holds_no_code_of_its_own() -> None:
    """Callers import from the module that defines a thing."""
    packages = [path for path in MODULES if path.name == "__init__.py" and path.parent != ROOT / "lms"]
    assert [path for path in packages if len(ast.parse(path.read_text(encoding="utf-8")).body) != 1] == []

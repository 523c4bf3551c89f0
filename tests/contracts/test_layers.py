"""The laws of the house that import-linter cannot see."""

from __future__ import annotations

import ast
import subprocess
import sys
from configparser import ConfigParser
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MODULES = sorted((ROOT / "lms").rglob("*.py"))
SLICES = {
    folder.name
    for folder in (ROOT / "lms").iterdir()
    if (folder / "queries.py").exists() or (folder / "queries" / "__init__.py").exists()
}
"""A package that reads rows is a slice."""
DOORS = {"views", "api", "jobs"}


def room(path: Path) -> tuple[str, str] | None:
    """(slice, room) of a module; a room may be a folder."""
    parts = path.relative_to(ROOT / "lms").with_suffix("").parts
    return (parts[0], parts[1]) if len(parts) > 1 and parts[0] in SLICES else None


def rooms(*names: str) -> list[Path]:
    return [path for path in MODULES if (of_path := room(path)) and of_path[1] in names]


@cache
def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8")


@cache
def imported(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(text_of(path))):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return names


def test_the_process_for_untrusted_files_imports_no_tables() -> None:
    """It has no connection to the database, and starts the sooner."""
    program = "import sys, lms.certificates.verification.file_reading; print('lms.certificates.models' in sys.modules)"
    printed = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert printed == "False\n"


def test_server_and_worker_know_no_slice() -> None:
    """What slices do in the background, they register (`recurring`, `signals`, `jobs`)."""
    for name in ("serve", "worker"):
        known = {module.split(".")[1] for module in imported(ROOT / "lms" / f"{name}.py") if module.startswith("lms.")}
        assert known <= {"app", "config", "core", "web", "web_process", "worker"}


def test_every_slice_has_a_contract_of_its_rooms() -> None:
    contracts = ConfigParser()
    contracts.read(ROOT / ".importlinter", encoding="utf-8")
    rooms_of = {
        section["containers"].strip()
        for name, section in contracts.items()
        if name.startswith("importlinter:contract:rooms") and section.getboolean("exhaustive")
    }
    assert len(SLICES) >= 14
    assert rooms_of == {f"lms.{name}" for name in SLICES}
    assert contracts["importlinter:contract:slices"].getboolean("exhaustive")


def test_doors_never_touch_the_session() -> None:
    doors = rooms(*DOORS)
    assert len(doors) > 50
    assert [
        path for path in doors if "lms.core.database.session.db" in imported(path) or "db.session" in text_of(path)
    ] == []


def test_inner_rooms_import_no_flask_no_forms_no_web() -> None:
    inner = rooms("actions", "queries", "models", "rules")
    assert len(inner) > 100
    for path in inner:
        roots = {name.split(".")[0] for name in imported(path)}
        assert roots.isdisjoint({"flask", "flask_wtf", "wtforms", "flask_login"}), path
        assert not any(name.startswith("lms.web") for name in imported(path)), path


def test_rules_know_neither_session_nor_clock() -> None:
    rules = rooms("rules", "state_changes")
    assert len(rules) > 5
    for path in rules:
        assert imported(path).isdisjoint({"lms.core.database.session.db", "lms.core.time.clock.now"}), path
        assert [call for call in ("clock.now(", "datetime.now(") if call in text_of(path)] == [], path


def test_only_the_app_imports_views_api_and_handlers() -> None:
    assert len(MODULES) > 500
    wrong = []
    for path in MODULES:
        if path.relative_to(ROOT).as_posix() == "lms/app.py":
            continue
        room_of_path = room(path) or ("", "")
        for name in imported(path):
            parts = name.split(".")
            if parts[0] == "lms" and len(parts) > 2 and parts[2] in {"views", "api", "handlers"} and parts[1] in SLICES:
                wrong += [f"{path} imports {name}"] if (parts[1], parts[2]) != room_of_path else []
    assert wrong == []


def test_only_actions_commit() -> None:
    committing = [path.relative_to(ROOT).as_posix() for path in MODULES if "session.commit(" in text_of(path)]
    assert committing == ["lms/core/database/session.py"]


def test_there_is_no_room_for_everything() -> None:
    assert [path for path in MODULES if path.stem in {"utils", "util", "helpers", "misc", "common"}] == []


def test_a_package_holds_no_code_of_its_own() -> None:
    """Callers import from the module that defines a thing."""
    packages = [path for path in MODULES if path.name == "__init__.py" and path.parent != ROOT / "lms"]
    assert [path for path in packages if len(ast.parse(text_of(path)).body) != 1] == []

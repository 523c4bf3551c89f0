"""`make serve`: what a change of a file begins, and that pages show it."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.ports import free_port

ROOT = Path(__file__).resolve().parents[2]
SPEC = importlib.util.spec_from_file_location("serve_checkout", ROOT / "tools" / "serve.py")
assert SPEC
assert SPEC.loader
serve = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(serve)


@pytest.mark.parametrize(
    ("changed", "prepared", "restarted"),
    [
        ("lms/web/templates/base.html", [], False),
        ("lms/web/views.py", [], True),
        ("static/scss/serai.scss", [["static/build.py"]], False),
        ("static/js/room.js", [["static/build.py"]], False),
        ("lms/translations/fr/LC_MESSAGES/messages.po", [["-m", "tools.catalogues", "--compile"]], True),
        ("migrations/versions/new.py", [["-m", "lms", "init"]], True),
    ],
)
def test_each_kind_of_file_is_prepared_as_it_needs(changed: str, prepared: list[list[str]], restarted: bool) -> None:
    paths = {ROOT / changed}
    assert serve.preparations(paths) == prepared
    assert serve.needs_restart(paths) == restarted


def test_sources_are_watched_and_builds_are_not() -> None:
    watched = {str(path.relative_to(ROOT)) for path in serve.changes_of_files()}
    assert {
        "lms/app.py",
        "lms/web/templates/base.html",
        "static/scss/serai.scss",
        "lms/translations/ar/LC_MESSAGES/messages.po",
    } <= watched
    assert [path for path in watched if "/build/" in path or "__pycache__" in path or path.endswith(".mo")] == []


@pytest.mark.long
def test_a_changed_template_and_a_changed_module_show(tmp_path: Path) -> None:
    left_out = shutil.ignore_patterns("__pycache__", ".build-*")
    for name in ("lms", "migrations", "seeds", "static", "tools"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=left_out)
    port = free_port()
    command = [sys.executable, "tools/serve.py", "--empty", "--port", str(port)]
    environment = {**os.environ, "LMS_DATA": str(tmp_path / "data"), "PYTHONPATH": str(tmp_path)}

    def shows(text: str) -> Callable[[], bool]:
        def answered() -> bool:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=60) as page:
                return text in page.read().decode()

        return answered

    def wait_for(condition: Callable[[], bool]) -> None:
        until = time.monotonic() + 180
        while True:
            try:
                if condition():
                    return
            except (OSError, urllib.error.URLError):
                pass
            assert running.poll() is None
            assert time.monotonic() < until
            time.sleep(0.2)

    running = subprocess.Popen(command, cwd=tmp_path, env=environment)
    try:
        wait_for(shows("<main"))
        base = tmp_path / "lms/web/templates/base.html"
        base.write_text(base.read_text(encoding="utf-8").replace("</body>", "Changed once.</body>"), encoding="utf-8")
        wait_for(shows("Changed once."))
        assets = tmp_path / "lms/web/pages/assets.py"
        lines = assets.read_text(encoding="utf-8")
        changed = lines.replace('return url_for("static", ', 'return "/changed" + url_for("static", ')
        assert changed != lines
        assets.write_text(changed, encoding="utf-8")
        wait_for(shows("/changed/static/"))
    finally:
        running.terminate()
        running.wait(30)

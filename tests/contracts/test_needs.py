"""Without Chromium, nginx and Java, `make test` says so first, says how to get them, and asks for nothing."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def needs(folder: Path, *parts: str, **more: str) -> subprocess.CompletedProcess[str]:
    """tools/needs.sh as somebody who is not root, on a machine that has a shell and little else."""
    (folder / "id").write_text("#!/bin/sh\necho 1000\n")
    (folder / "id").chmod(0o755)
    for name in ("sudo", "apt-get"):
        (folder / name).write_text(f"#!/bin/sh\ntouch {folder}/called\n")
        (folder / name).chmod(0o755)
    shell = shutil.which("sh")
    assert shell is not None
    # Programs of /usr/sbin are looked for too, so nginx and Chromium have names that no machine has
    names = {"NGINX": "no-such-nginx", "CHROMIUM": "no-such-browser"}
    command, environment = (
        [shell, str(ROOT / "tools/needs.sh"), "tests", *parts],
        {"PATH": str(folder), **names, **more},
    )
    return subprocess.run(
        command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=20
    )


def test_what_is_missing_is_named_with_the_tests_that_are_skipped(tmp_path: Path) -> None:
    ran = needs(tmp_path, "chromium", "nginx", "java")
    assert ran.stdout.splitlines() == [
        "Missing: a Chromium browser. Skipped without it: the tests in a browser (tests/journeys).",
        "Missing: nginx. Skipped without it: tests/web/test_nginx.py and tests/journeys/test_behind_tls.py.",
        "Missing: Java. Skipped without it: the validation of all pages (tests/contracts/test_html.py).",
        "To get what is missing, run this line as root, then try again:",
        "  apt-get install -y chromium nginx default-jre-headless",
    ]
    assert (ran.returncode, ran.stderr) == (0, "")
    assert not (tmp_path / "called").exists()


def test_in_ci_a_missing_part_is_an_error(tmp_path: Path) -> None:
    ran = needs(tmp_path, "nginx", CI="1")
    assert (ran.returncode, ran.stderr) == (1, "CI is set, so no test can be skipped.\n")


def test_nothing_is_said_of_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "java").write_text("#!/bin/sh\n")
    (tmp_path / "java").chmod(0o755)
    ran = needs(tmp_path, "java", CI="1")
    assert (ran.returncode, ran.stdout) == (0, "")


def test_make_says_it_before_anything_else() -> None:
    """The first prerequisite of a target is made first."""
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in ("test", "test-long", "test-tls"):
        assert f"\n{target}: needs-tests" in text


def test_a_wheel_is_built_without_what_only_tests_need(tmp_path: Path) -> None:
    command = ["make", "-n", "wheel", f"VENV={tmp_path}/venv"]
    printed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    assert "-r requirements-build.txt" in printed
    assert "-r requirements-dev.txt" not in printed


@pytest.mark.parametrize("ci", ["", "1"])
def test_a_test_without_its_program_is_skipped_and_fails_in_ci(monkeypatch: pytest.MonkeyPatch, ci: str) -> None:
    from tests.proxy import nginx

    monkeypatch.setenv("NGINX", "no-such-nginx")
    monkeypatch.setenv("CI", ci)
    kind = pytest.fail.Exception if ci else pytest.skip.Exception
    with pytest.raises(kind, match=r"nginx is missing: `sh tools/needs\.sh tests nginx` says how to get it"):
        nginx()

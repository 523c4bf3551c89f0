"""The commands that back up, restore and check."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from lms.cli.main import lms
from tests.operations.conftest import Installation, copied


def run(monkeypatch: pytest.MonkeyPatch, data: Path, *arguments: object) -> Result:
    monkeypatch.setenv("LMS_DATA", str(data))
    monkeypatch.setenv("LMS_LOG_LEVEL", "ERROR")
    return CliRunner().invoke(lms, [str(argument) for argument in arguments])


def test_a_backup_is_taken_restored_and_checked(
    sqlite_model: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copied(sqlite_model, tmp_path / "data").close()
    first, second = tmp_path / "first", tmp_path / "second"
    taken = run(monkeypatch, tmp_path / "data", "backup", first)
    assert (taken.exit_code, taken.stdout.startswith(f"{first}: 7 files, 0 of them linked, ")) == (0, True)
    taken = run(monkeypatch, tmp_path / "data", "backup", second, "--since", first)
    assert taken.stdout.startswith(f"{second}: 7 files, 4 of them linked, ")
    assert taken.stderr.splitlines()[0] == "Database: 100%"
    again = run(monkeypatch, tmp_path / "data", "backup", second)
    assert (again.exit_code, "already exists" in str(again.exception)) == (1, True)

    done = run(monkeypatch, tmp_path / "restored", "restore", second)
    assert done.exit_code == 0
    assert done.stdout.splitlines()[1:] == [
        "Not repeated: 0 e-mails, 0 jobs, 0 scheduled reports. Ended: 0 sessions, 0 API tokens.",
        "Journal: 0 entries, replayed: nothing.",
        "Next: `lms check`, then `lms serve`.",
    ]
    mark = tmp_path / "restored" / "restore-unfinished"
    mark.touch()
    for command in ("serve", "worker", "init", "check", "backup"):
        refused = run(
            monkeypatch, tmp_path / "restored", command, *([tmp_path / "third"] if command == "backup" else [])
        )
        assert (refused.exit_code, "was not finished. Run `lms restore` again" in str(refused.exception)) == (1, True)
    mark.unlink()
    checked = run(monkeypatch, tmp_path / "restored", "check")
    lines = checked.stdout.splitlines()
    assert checked.exit_code == 0
    at = lines.index("warning  worker: none is running yet on this restored copy")
    assert lines[at + 1] == "         → Start `lms worker`; on SQLite `lms serve` runs it."
    assert "ok       certificates: 4 certificates, 4 with a file" in lines
    assert lines[-1].startswith("faults 0, warnings ")


def test_a_command_imports_what_it_uses(sqlite_model: Installation, tmp_path: Path) -> None:
    """A mail server starts `lms mail bounces` for each returned e-mail."""
    copied(sqlite_model, tmp_path / "data").close()
    code = (
        "import sys, lms.cli.main as cli\n"
        "cli.lms(['--help'], standalone_mode=False)\n"
        "print('lms.app' in sys.modules)\n"
        "cli.lms(['mail', 'bounces'], standalone_mode=False)\n"
        "print('lms.app' in sys.modules)\n"
    )
    settings = {"LMS_DATA": str(tmp_path / "data"), "LMS_LOG_LEVEL": "ERROR", "PATH": os.environ["PATH"]}
    done = subprocess.run([sys.executable, "-c", code], env=settings, input=b"no mail", capture_output=True, check=True)
    assert done.stdout.decode().splitlines()[-3:] == ["False", "not_ours", "False"]

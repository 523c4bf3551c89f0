"""What goes wrong on the command line is one line on stderr, and the exit code says so."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lms.cli.main import main


@pytest.fixture(autouse=True)
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("LMS_DATA", str(tmp_path / "data"))
    mask = os.umask(0o022)
    yield tmp_path
    os.umask(mask)  # a command makes its files private, for the whole process


def wrong(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    monkeypatch.setattr(sys, "argv", ["lms", *arguments])
    with pytest.raises(SystemExit) as left:
        main()
    output = capsys.readouterr()
    assert output.err.startswith("lms: ")
    assert output.err.count("\n") == 1
    assert isinstance(left.value.code, int)
    return left.value.code, output.err


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["nonsense"], 2, "No such command"),
        (["import", "people"], 2, "Missing argument"),
        (["import", "people", "/nowhere.csv"], 2, "/nowhere.csv"),
        (["import", "attendance", "first", "/dev/null"], 2, "'first' is not a valid integer"),
        (["report", "totals", "--format", "xml"], 2, "'xml' is not one of"),
        (["report", "totals", "--from", "soon"], 2, "--from"),
        (["report", "totals"], 1, "Run `lms init`"),
        (["user", "create", "x@y.example", "--name", "X", "--role", "king"], 2, "'king' is not one of"),
        (["user", "create", "x\udcff@y.example", "--name", "X", "--role", "reporter"], 1, ""),
        (["serve", "--port", "99999"], 2, "--port"),
        (["serve", "--workers", "0"], 2, "--workers"),
        (["demo", "--people", "-1"], 2, "--people"),
    ],
)
def test_one_line(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    code: int,
    message: str,
) -> None:
    left, line = wrong(monkeypatch, capsys, *arguments)
    assert left == code
    assert message in line


NO_ADDRESS = (
    "lms: LMS_DATABASE_URL cannot be used: postgresql://user:password@host/database, percent-encoded, or nothing for "
    "SQLite\n"
)


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("nothing", NO_ADDRESS),
        ("mysql://x", NO_ADDRESS),
        ("postgresql://user:pass/word@127.0.0.1/x", NO_ADDRESS),
        (
            "postgresql+psycopg://nobody@127.0.0.1:1/x",
            'lms: cannot use the database: connection to server at "127.0.0.1", port 1 failed: Connection refused\n',
        ),
    ],
    ids=["junk", "mysql", "not encoded", "away"],
)
def test_a_database_that_cannot_be_used(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], address: str, message: str
) -> None:
    monkeypatch.setenv("LMS_DATABASE_URL", address)
    assert wrong(monkeypatch, capsys, "report", "totals") == (1, message)


def test_a_database_without_tables_is_to_be_prepared(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], data: Path
) -> None:
    (data / "data").mkdir()
    (data / "data" / "serai.db").touch()
    message = "lms: cannot use the database: no such table: partnership (run `lms init` to prepare it)\n"
    assert wrong(monkeypatch, capsys, "report", "totals") == (1, message)


def test_a_check_of_a_database_that_is_away_names_no_library(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LMS_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/x")
    monkeypatch.setattr(sys, "argv", ["lms", "check", "--quick"])
    with pytest.raises(SystemExit) as left:
        main()
    first = capsys.readouterr().out.splitlines()[0]
    refused = 'fault    schema: connection to server at "127.0.0.1", port 1 failed: Connection refused'
    assert (left.value.code, first) == (1, refused)


def test_a_file_that_cannot_be_written(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    monkeypatch.setenv("LMS_DATA", str(blocked / "data"))
    code, line = wrong(monkeypatch, capsys, "init")
    assert (code, str(blocked) in line) == (1, True)


def test_a_dimension_that_is_none(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["lms", "init"])
    assert main() is None
    capsys.readouterr()
    assert "Unknown dimension “colour”" in wrong(monkeypatch, capsys, "report", "totals", "--by", "colour")[1]


def test_a_port_in_use(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, line = wrong(monkeypatch, capsys, "serve", "--port", str(port))
    assert (code, f"127.0.0.1:{port}" in line) == (1, True)


@pytest.mark.parametrize("command", ["serve", "worker", "check", "report verify", "backup somewhere"])
def test_where_nothing_is_set_up_commands_work_with_nothing_and_leave_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], data: Path, command: str
) -> None:
    result = wrong(monkeypatch, capsys, *command.split())
    assert result == (1, "lms: The database is not set up yet. Run `lms init`.\n")
    assert list(data.rglob("*")) == []  # so that a backup can still be restored there


def test_what_a_command_writes_is_for_its_user_alone(monkeypatch: pytest.MonkeyPatch, data: Path) -> None:
    monkeypatch.setattr(sys, "argv", ["lms", "init"])
    assert main() is None
    made = [data / "data", *(data / "data").rglob("*")]
    assert {path.name for path in made} >= {"data", "serai.db", "secret.key", "keys"}
    assert {path.name: oct(path.stat().st_mode & 0o077) for path in made if path.stat().st_mode & 0o077} == {}


def test_a_demonstration_is_not_served_where_the_command_beside_it_fails(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    served: list[object] = []
    monkeypatch.setattr("lms.serve.run", lambda *arguments, **_options: served.append(arguments))
    with built_by_child(monkeypatch, exit_code=0):
        code, reason = wrong(monkeypatch, capsys, "demo", "--beside", "false")

    assert (code, served) == (1, [])
    assert "failed: false" in reason


def test_a_demonstration_is_not_served_where_building_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    served: list[object] = []
    monkeypatch.setattr("lms.serve.run", lambda *arguments, **_options: served.append(arguments))
    monkeypatch.setattr(sys, "argv", ["lms", "demo"])
    with built_by_child(monkeypatch, exit_code=3), pytest.raises(SystemExit) as left:
        main()

    assert (left.value.code, served) == (3, [])


@contextmanager
def built_by_child(monkeypatch: pytest.MonkeyPatch, *, exit_code: int) -> Iterator[None]:
    """Has the child process that builds end with this code at once."""
    child, waitpid = 1 << 30, os.waitpid

    def wait(pid: int, options: int) -> tuple[int, int]:
        return (pid, exit_code << 8) if pid == child else waitpid(pid, options)

    with monkeypatch.context() as patched:
        patched.setattr(os, "fork", lambda: child)
        patched.setattr(os, "waitpid", wait)
        yield

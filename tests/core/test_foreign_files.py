"""The process that foreign files are read in: what it may take, and what becomes of a file that takes more."""

from __future__ import annotations

import os
import signal
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from apiflask import APIFlask
from flask_babel import force_locale

from lms.core.base.errors import Busy, DomainError, Fault, Invalid, TooLarge
from lms.core.storage import foreign_files
from lms.core.storage.foreign_files import PICTURES, PROOFS, TABLES, Lane, read_foreign
from tests.rows import each_row

SMALL = Lane(memory_mb=256, cpu_seconds=1, clock_seconds=2, answer_mb=1, at_once=2, wait_seconds=20)
TOO_MUCH = "needs too much memory or time"


def read(name: str, content: bytes = b"", lane: Lane = SMALL, **options: Any) -> list[Any]:
    return read_foreign(lane, f"tests.core.readers:{name}", content, **options)


def test_content_and_options_go_in_and_values_come_back() -> None:
    text = "Zoë 王小明 \U0001f600"
    assert read("echo", text.encode(), zone="Asia/Shanghai", near=None) == [
        text,
        {"zone": "Asia/Shanghai", "near": None},
    ]


def test_each_file_has_a_process_of_its_own_and_all_come_from_one() -> None:
    (first,), (second,) = read("pid"), read("pid")
    assert first[0] != second[0]
    assert first[1] == second[1]
    assert os.getpid() not in (*first, *second)


def test_what_all_files_need_is_made_once_in_the_process_that_they_come_from() -> None:
    read("pid")
    for _time in range(2):
        ((where, parent),) = read("prepared")
        assert where == [parent]


def test_no_secret_and_no_open_file_of_the_server_reaches_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LMS_SECRET_KEY", "secret")
    monkeypatch.setattr(foreign_files, "_process", foreign_files._Process())
    environment, files = read("environment")
    assert [name for name in environment if name.startswith("LMS_")] == []
    assert files == ["/dev/null"] * 3  # beside the socket that the answer goes through


@each_row("lane", [TABLES, PICTURES, PROOFS])
def test_the_system_holds_the_limits(lane: Lane) -> None:
    (limits,) = read("limits", lane=lane)
    assert limits == {
        "RLIMIT_AS": [lane.memory_mb << 20] * 2,
        "RLIMIT_CPU": [lane.cpu_seconds] * 2,
        "RLIMIT_FSIZE": [0, 0],
        "RLIMIT_CORE": [0, 0],
    }


@each_row("reader", ["swell", "spin", "sleep", "die", "talk"])
def test_what_takes_too_much_is_refused_and_the_next_file_is_read(reader: str) -> None:
    lane = replace(SMALL, clock_seconds=30) if reader == "spin" else SMALL
    with pytest.raises(Invalid, match=TOO_MUCH) as refused:
        read(reader, lane=lane)
    assert refused.value.faults[0].field == "file"
    assert read("echo", b"next") == ["next", {}]


def test_errors_for_people_come_back_as_they_were() -> None:
    with pytest.raises(Invalid) as refused:
        read("refuse")
    assert refused.value.faults == (Fault("One.", row=1), Fault("Two.", field="email", row=2))
    with pytest.raises(TooLarge) as large:
        read("refuse_size")
    assert large.value.message == "x" * 2000


def test_a_mistake_of_ours_is_no_fault_of_the_file() -> None:
    with pytest.raises(RuntimeError, match="a mistake of ours"):
        read("fail")


def test_it_is_started_again_where_it_was_killed() -> None:
    ((_own, starter),) = read("pid")
    os.kill(starter, signal.SIGKILL)
    foreign_files._process._running.wait()  # type: ignore[union-attr]
    ((_own, other),) = read("pid")
    assert other != starter


def test_it_speaks_the_language_of_the_reader(app: APIFlask) -> None:
    with app.test_request_context("/"), force_locale("fr"):
        assert read("language") == ["fr"]


class _Asked(threading.Thread):
    """A file that is brought in a thread of its own; `got` is what came of it."""

    def __init__(self, lane: Lane, path: Path) -> None:
        super().__init__()
        self.lane, self.path = lane, path
        self.got: list[Any] = []
        self.start()

    def run(self) -> None:
        try:
            self.got = read("wait_for", lane=self.lane, path=str(self.path))
        except DomainError as error:
            self.got = [error]


def test_files_are_read_in_the_order_in_which_they_came(tmp_path: Path) -> None:
    lane = replace(SMALL, at_once=1, cpu_seconds=20, clock_seconds=20)
    threads = []
    for number in range(3):
        threads.append(_Asked(lane, tmp_path / "go"))
        while len(lane.turns._waiting) < number:
            threads[-1].join(0.01)
    (tmp_path / "go").touch()
    for thread in threads:
        thread.join(20)
    times = [one.got[0] for one in threads]
    assert times == sorted(times)


def test_who_waits_too_long_is_told_to_come_again(tmp_path: Path) -> None:
    lane = replace(SMALL, at_once=1, cpu_seconds=20, clock_seconds=20, wait_seconds=0)
    first = _Asked(lane, tmp_path / "go")
    while lane.turns._free:
        first.join(0.01)
    with pytest.raises(Busy):
        read("echo", lane=lane)
    (tmp_path / "go").touch()
    first.join(20)
    assert len(first.got) == 1
    assert read("echo", b"now", lane=lane) == ["now", {}]

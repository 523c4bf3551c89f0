"""Reads the files of the demonstration. Of a large one a second process reads them, while the first one imports those
before."""

from __future__ import annotations

import gc
import os
import pickle
import queue
import signal
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import IO, Any, Protocol

from flask import Flask

from lms.attendance_imports.actions.imports import Matched, match_staged
from lms.attendance_imports.actions.staging import StagedAttendance, stage_attendance
from lms.config import Config
from lms.core.db import db
from lms.core.roles import SYSTEM
from lms.demo.generate import Demonstration, LectureFile
from lms.people.actions.files import StagedPeople, stage_people

LARGE = 20_000
"""For so many people or more, a second process is worth its start."""
_AHEAD = 4
"""So many files are read before they are asked for."""
LectureIds = Mapping[tuple[str, int], int]
MakeApp = Callable[[Config], Flask]


class Files(Protocol):
    """The files of a demonstration, read and checked, in the order in which they are imported."""

    def people(self) -> Iterator[StagedPeople]:
        """The file of enrolments of each series that has one."""

    def lectures(self) -> list[LectureFile]:
        """The attendance of each held lecture, not read yet."""

    def attendance(self, lecture_ids: LectureIds) -> Iterator[tuple[StagedAttendance, Matched]]:
        """What was read in the file of each held lecture, and whom its rows mean."""


class FilesHere:
    """Reads the files when they are asked for."""

    def __init__(self, demonstration: Demonstration) -> None:
        self._demonstration = demonstration
        self._lectures: list[LectureFile] = []

    def people(self) -> Iterator[StagedPeople]:
        for plan in self._demonstration.series:
            if self._demonstration.enrolled(plan):
                yield stage_people(self._demonstration.people_file(plan))

    def lectures(self) -> list[LectureFile]:
        series = self._demonstration.series
        self._lectures = [file for plan in series for file in self._demonstration.attendance_files(plan)]
        return self._lectures

    def attendance(self, lecture_ids: LectureIds) -> Iterator[tuple[StagedAttendance, Matched]]:
        for file in self._lectures:
            lecture_id = lecture_ids[file.lecture.series, file.lecture.number]
            name = f"{file.lecture.series}-{file.lecture.number}.csv"
            staged = stage_attendance(lecture_id, file.content, file_name=name, by=SYSTEM)
            matched = match_staged(staged, by=SYSTEM)
            db.session.rollback()
            yield staged, matched


class FilesBeside:
    """Has a second process read the files."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._requests, self._answers = process.stdin, process.stdout

    def people(self) -> Iterator[StagedPeople]:
        _write(self._requests, None)  # the database is there
        return self._answer_each()

    def lectures(self) -> list[LectureFile]:
        files: list[LectureFile] = self._answer()
        return files

    def attendance(self, lecture_ids: LectureIds) -> Iterator[tuple[StagedAttendance, Matched]]:
        _write(self._requests, dict(lecture_ids))
        return self._answer_each()

    def _answer_each(self) -> Iterator[Any]:
        while (answer := self._answer()) is not None:
            yield answer

    def _answer(self) -> Any:
        answer, error = pickle.load(self._answers)  # noqa: S301  our own process
        if error is not None:
            raise RuntimeError(f"the process that reads files failed:\n{error}")
        return answer


@contextmanager
def reading(make_app: MakeApp, config: Config, demonstration: Demonstration) -> Iterator[Files]:
    """The files of a demonstration, to be asked for in the order of `Files`."""
    if demonstration.people < LARGE:
        yield FilesHere(demonstration)
        return
    command = [sys.executable, "-m", "lms.demo.reading"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:  # noqa: S603  our own
        assert process.stdin is not None
        _write(process.stdin, (make_app, config, demonstration.now, demonstration.people))
        try:
            yield FilesBeside(process)
        finally:
            process.kill()


def _write(stream: IO[bytes], value: object) -> None:
    pickle.dump(value, stream, protocol=pickle.HIGHEST_PROTOCOL)
    stream.flush()


def main() -> None:
    """The second process: it ends when the first one does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what else is printed is no answer
    gc.disable()
    waiting: queue.Queue[tuple[object, str | None]] = queue.Queue(_AHEAD)
    threading.Thread(target=_send, args=(waiting, answers), daemon=True).start()
    try:
        for value in _read(sys.stdin.buffer):
            waiting.put((value, None))
    except EOFError:
        return
    except Exception:
        waiting.put((None, traceback.format_exc()))
    waiting.join()


def _send(waiting: queue.Queue[tuple[object, str | None]], answers: IO[bytes]) -> None:
    while True:
        try:
            _write(answers, waiting.get())
        except OSError:  # nobody reads on
            os._exit(1)
        waiting.task_done()


def _read(requests: IO[bytes]) -> Iterator[object]:
    make_app: MakeApp
    now: datetime
    make_app, config, now, people = pickle.load(requests)  # noqa: S301  our own process
    files = FilesHere(Demonstration(now, people))
    with make_app(config).app_context():
        pickle.load(requests)  # noqa: S301
        yield from files.people()
        yield None
        yield files.lectures()
        for staged, matched in files.attendance(pickle.load(requests)):  # noqa: S301
            staged.report.rows = []  # all that is written of them is in `matched`, and nobody else changes anything
            yield staged, matched
        yield None


if __name__ == "__main__":
    main()

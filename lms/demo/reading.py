"""Reads the files of the demonstration. Of a large one a second process reads them, while the first one imports those
before."""

import multiprocessing
import os
import queue
import threading
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from lms.attendance_imports.actions.imports import Matched, match_staged
from lms.attendance_imports.actions.staging import StagedAttendance, stage_attendance
from lms.core.base.roles import SYSTEM
from lms.core.database.session import db
from lms.core.storage.tables import Table
from lms.demo.generate import AttendanceFile, Demonstration
from lms.people.people_files import StagedPeople, stage_people

LARGE = 20_000
"""From this many people on, a second process reads."""
LectureIds = Mapping[tuple[str, int], int]


class Files:
    """The files of a demonstration, read and checked, to be asked for in this order."""

    def __init__(self, demonstration: Demonstration) -> None:
        self._demonstration = demonstration
        self._lectures: list[AttendanceFile] = []

    def people(self) -> Iterator[StagedPeople]:
        """The file of enrolments of each series that has one."""
        for plan in self._demonstration.series:
            if self._demonstration.enrolled(plan):
                yield stage_people(self._demonstration.people_file(plan))

    def lectures(self) -> list[AttendanceFile]:
        """The attendance of each held lecture, not read yet."""
        series = self._demonstration.series
        self._lectures = [file for plan in series for file in self._demonstration.attendance_files(plan)]
        return self._lectures

    def attendance(self, lecture_ids: LectureIds) -> Iterator[tuple[StagedAttendance, Matched]]:
        """Yields what was read in the file of each held lecture, and whom its rows mean."""
        for file in self._lectures:
            lecture_id = lecture_ids[file.lecture.series, file.lecture.number]
            name = f"{file.lecture.series}-{file.lecture.number}.csv"
            staged = stage_attendance(lecture_id, file.content, file_name=name, by=SYSTEM)
            matched = match_staged(staged, by=SYSTEM)
            db.session.rollback()
            yield staged, matched


class _FilesBeside(Files):
    """Has a second process read the files: a fork of this one, made before either uses the database."""

    def __init__(self, demonstration: Demonstration) -> None:
        super().__init__(demonstration)
        _ = demonstration.crowd  # before the fork, so that it is made once
        fork = multiprocessing.get_context("fork")
        self._requests: multiprocessing.Queue[Any] = fork.Queue()
        self._answers: multiprocessing.Queue[Any] = fork.Queue()  # read as far ahead as it can be
        self._process = fork.Process(target=self._read, args=(os.getpid(),), daemon=True)
        self._process.start()

    def people(self) -> Iterator[StagedPeople]:
        self._requests.put(None)  # the database is there
        return self._answer_each()

    def lectures(self) -> list[AttendanceFile]:
        files: list[AttendanceFile] = self._answer()
        return files

    def attendance(self, lecture_ids: LectureIds) -> Iterator[tuple[StagedAttendance, Matched]]:
        self._requests.put(dict(lecture_ids))
        return self._answer_each()

    def stop(self) -> None:
        """Ends the second process."""
        self._process.kill()

    def _answer_each(self) -> Iterator[Any]:
        while (answer := self._answer()) is not None:
            yield answer

    def _answer(self) -> Any:
        while True:
            try:
                answer, error = self._answers.get(timeout=5)
            except queue.Empty:
                if not self._process.is_alive():
                    raise RuntimeError("the process that reads files ended") from None
                continue
            if error is not None:
                raise RuntimeError(f"the process that reads files failed:\n{error}")
            return answer

    def _read(self, parent: int) -> None:
        """Reads files in the second process; it ends when the first one does."""
        threading.Thread(target=_stop_without, args=(parent,), daemon=True).start()
        try:
            for value in self._values():
                self._answers.put((value, None))
        except Exception:
            self._answers.put((None, traceback.format_exc()))

    def _values(self) -> Iterator[object]:
        self._requests.get()
        for people in super().people():
            people.table = Table([], [])  # nobody looks at the cells again
            yield people
        yield None
        yield super().lectures()
        for staged, matched in super().attendance(self._requests.get()):
            staged.report.rows = []  # all that is written of them is in `matched`, and nobody else changes anything
            yield staged, matched
        yield None


def _stop_without(parent: int) -> None:
    wait = threading.Event()
    while os.getppid() == parent:
        wait.wait(1)
    os._exit(1)


@contextmanager
def reading(demonstration: Demonstration) -> Iterator[Files]:
    """The files of a demonstration, for the running application."""
    if demonstration.people < LARGE:
        yield Files(demonstration)
        return
    files = _FilesBeside(demonstration)
    try:
        yield files
    finally:
        files.stop()

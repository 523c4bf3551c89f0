"""The content of an uploaded file, stored with it until it is imported, so that it is read and matched once."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from lms.attendance_imports.actions.staging import LectureTimes, StagedAttendance
from lms.attendance_imports.queries.imports import keys_of
from lms.attendance_imports.queries.matching import NameMatches
from lms.attendance_imports.readers.child_process import column_preview_from, packed, unpacked
from lms.attendance_imports.readers.mapping import ColumnPreview
from lms.core import files


@dataclass(frozen=True)
class StagedFile:
    """The result of reading with `options`: the report and its matched names, or None where the file leaves questions
    open; and the columns to ask about, where their meaning is a question.
    """

    options: Mapping[str, Any]
    staged: StagedAttendance | None = None
    names: NameMatches | None = None
    column_preview: ColumnPreview | None = None


def store_staged(file_key: str, staged_file: StagedFile) -> None:
    """Stores the result next to the uploaded file, replacing an earlier one."""
    staged, names, columns = staged_file.staged, staged_file.names, staged_file.column_preview
    packed_up = {
        "options": dict(staged_file.options),
        "columns": asdict(columns) if columns is not None else None,
        "names": asdict(names) if names is not None else None,
        "staged": None
        if staged is None
        else {
            "lecture_id": staged.lecture_id,
            "file_name": staged.file_name,
            "digest": staged.digest,
            "times": asdict(staged.times),
            "mapping": staged.mapping,
            "recalled": staged.recalled,
            "signature": staged.signature,
            "report": list(packed(staged.report)),
        },
    }
    files.store(keys_of(file_key)[1], json.dumps(packed_up, ensure_ascii=False, separators=(",", ":")).encode())


def find_staged(file_key: str, options: Mapping[str, Any]) -> StagedFile | None:
    """What was found in the file with these options; None where that is not known."""
    content = files.find(keys_of(file_key)[1])
    saved = json.loads(content) if content is not None else {}
    if saved.get("options") != dict(options):
        return None
    columns = column_preview_from(saved["columns"]) if saved["columns"] is not None else None
    names = NameMatches(**saved["names"]) if saved["names"] is not None else None
    staged = _staged_from(saved["staged"]) if saved["staged"] is not None else None
    return StagedFile(options, staged, names, columns)


def _staged_from(value: dict[str, Any]) -> StagedAttendance:
    times = value.pop("times")
    report = unpacked(value.pop("report"))
    return StagedAttendance(
        report=report, times=LectureTimes(times["start"], times["length"], tuple(times["window"])), **value
    )


def delete_files(file_key: str) -> None:
    """Deletes an uploaded file and what was found in it."""
    for key in keys_of(file_key):
        files.delete(key)

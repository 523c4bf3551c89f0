"""The content of an uploaded file, stored with it until it is imported, so that it is read and matched once."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lms.attendance_imports.actions.staging import StagedAttendance
from lms.attendance_imports.queries.imports import keys_of
from lms.attendance_imports.queries.matching import NameMatches
from lms.attendance_imports.readers.mapping import ColumnPreview
from lms.core.storage import files
from lms.core.storage.staged import restored_as, to_json


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
    files.store(keys_of(file_key)[1], to_json(staged_file))


def find_staged(file_key: str, options: Mapping[str, Any]) -> StagedFile | None:
    """The result of reading the file with these options; None if it is not stored."""
    content = files.find(keys_of(file_key)[1])
    saved = json.loads(content) if content is not None else {}
    return restored_as(StagedFile, saved) if saved.get("options") == dict(options) else None


def delete_files(file_key: str) -> None:
    """Deletes an uploaded file and its result."""
    for key in keys_of(file_key):
        files.delete(key)

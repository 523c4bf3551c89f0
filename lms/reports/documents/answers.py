"""Files as answers: to keep, or long ones piece by piece."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, BinaryIO

from flask import Response

from lms.core import files
from lms.core.errors import NotFound
from lms.core.workbooks import MIME

PIECE = 64 * 1024


def file_answer(content: Any, kind: str, name: str) -> Response:
    """A file to keep."""
    answer = Response(content, content_type=kind)
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer


def rows_answer(key: str, name: str) -> Response:
    """The file of exported rows, however long it is. Raises NotFound once it is gone."""
    opened = files.reading(key)
    if opened is None:
        raise NotFound
    file, size = opened
    answer = file_answer(_pieces(file), MIME if name.endswith("xlsx") else "text/csv; charset=utf-8", name)
    answer.content_length = size
    answer.headers["Cache-Control"] = "no-store"
    return answer


def _pieces(file: BinaryIO) -> Iterator[bytes]:
    with file:
        while piece := file.read(PIECE):
            yield piece

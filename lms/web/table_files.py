"""Tables as files to download: CSV as a stream, or a workbook."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence

from flask import Response, stream_with_context

from lms.core.tables import write_csv
from lms.core.workbooks import MIME, Workbook
from lms.web.time import viewer_zone

FILES = ("csv", "xlsx")


def table_file(
    kind: str,
    name: str,
    title: str,
    headings: Sequence[str],
    rows: Iterable[Sequence[object]],
    *,
    widths: Sequence[int] = (),
) -> Response:
    """A table as an answer to download: `kind` is csv or xlsx, `name` the file's without its ending, `title` the
    sheet's. No cache keeps it."""
    if kind == "csv":
        answer = Response(stream_with_context(write_csv(list(headings), rows)), mimetype="text/csv")
    else:
        content = io.BytesIO()
        with Workbook(content, zone=viewer_zone()) as book:
            book.add_sheet(title, headings, rows, widths=widths)
        answer = Response(content.getvalue(), mimetype=MIME)
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}.{kind}"'
    answer.headers["Cache-Control"] = "private, no-store"
    return answer

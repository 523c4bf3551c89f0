"""Scheduled reports as e-mail: figures in the text, CSV and XLSX attached, all from the frozen content."""

from collections.abc import Mapping
from typing import Any

from lms.core.storage import tables
from lms.mail.outbox import SECRET
from lms.mail.rendering import Attachment, More
from lms.reports import shapes
from lms.reports.documents import report_files as exports
from lms.reports.queries.definitions import figure_names
from lms.reports.rules import FIGURES
from lms.reports.snapshots import thaw

GROUPS_TOLD = 25
"""The number of groups in the text; the files have all of them."""


def prepared(payload: Mapping[str, Any]) -> More:
    """Returns what a mail shows of its payload: no database is asked, and nothing is counted again."""
    frozen = thaw(payload["report"])
    report, figure = frozen.report, frozen.figure
    names = figure_names()
    dimensions = {name: str(label) for name, label in shapes.DIMENSION_NAMES}
    groups = [
        (" · ".join(group.labels), shapes.value_of(group.figures, figure)) for group in report.groups[:GROUPS_TOLD]
    ]
    words = {
        "title": frozen.title,
        "period": shapes.period(report.slice),
        "sentence": shapes.sentence(report, figure, frozen.about).striptags(),
        "figures": [(names[name], shapes.value_of(report.totals, name)) for name in FIGURES],
        "figure": names[figure],
        "by": [dimensions[name] for name in report.dimensions],
        "groups": groups,
        "further": len(report.groups) - len(groups),
        "opening": shapes.opening_words(report.opening),
        "as_at": report.as_at,
    }
    cross = shapes.cross(report, frozen.margins, figure)
    name = exports.file_name(report, figure)
    csv = "".join(exports.as_csv(report)).encode()
    files = (
        Attachment(f"{name}.csv", "text/csv", csv),
        Attachment(f"{name}.xlsx", tables.MIME, exports.as_xlsx(report, frozen.definitions, cross=cross)),
    )
    return More(words, files, unsubscribe=f"/unsubscribe/{payload[SECRET]}")

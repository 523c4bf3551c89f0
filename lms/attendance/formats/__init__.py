"""The formats in which reports of attendance come: each a module that recognises its own by content, and reads it.

A module has `NAME`, `recognises(document) -> bool` and `read(document, asked) -> Report`, raising Invalid. All of it is
pure: nothing is looked up and nothing is written.
"""

from __future__ import annotations

from typing import Protocol, cast

from lms.attendance.formats import bbb, meet, plain, teams, voov, webex, zoom
from lms.attendance.formats.report import Asked, Report, ReportRow, SumRow
from lms.attendance.formats.sheets import Document, open_document
from lms.core.errors import Invalid
from lms.core.words import _


class Format(Protocol):
    """What every module of a format offers."""

    NAME: str

    def recognises(self, document: Document) -> bool:
        """Whether a file is of this format, by its content."""

    def read(self, document: Document, asked: Asked) -> Report:
        """What the file says."""


SYSTEMS = cast("tuple[Format, ...]", (zoom, teams, webex, bbb, voov, meet))
"""The meeting systems; a plain table is what none of them wrote."""
PLAIN = cast(Format, plain)
FORMATS: dict[str, Format] = {one.NAME: one for one in (*SYSTEMS, PLAIN)}


def recognise(document: Document) -> Format | None:
    """The one format that a file is of; None where it is of none. Raises Invalid (`format`) where it may be several."""
    found = [one for one in SYSTEMS if one.recognises(document)]
    if len(found) > 1:
        names = ", ".join(one.NAME for one in found)
        raise Invalid("format", _("The file may be of several formats: %(names)s. Say which.", names=names))
    if found:
        return found[0]
    return PLAIN if PLAIN.recognises(document) else None


__all__ = [
    "FORMATS",
    "Asked",
    "Document",
    "Format",
    "Report",
    "ReportRow",
    "SumRow",
    "open_document",
    "recognise",
]

"""The formats in which reports of attendance come: each a module that recognises its own by content, and reads it.

A module has `NAME`, `recognises(document) -> bool` and `read(document, asked) -> Report`, raising Invalid. All of it is
pure: nothing is looked up and nothing is written.
"""

from collections.abc import Iterator
from typing import Protocol, cast

from lms.attendance_imports.readers import bigbluebutton, meet, plain, teams, voov, webex, zoom
from lms.attendance_imports.readers.report import ReadingOptions, Report
from lms.attendance_imports.readers.sheets import Document, open_document
from lms.core.base.errors import Invalid
from lms.core.storage.tables import is_workbook
from lms.core.text.i18n import _
from lms.core.text.punctuation import gap, listed


class Format(Protocol):
    """The interface of each module of a format."""

    NAME: str

    def recognises(self, document: Document) -> bool:
        """Whether a file is of this format, by its content."""

    def read(self, document: Document, options: ReadingOptions) -> Report:
        """Reads the file."""


SYSTEMS = cast("tuple[Format, ...]", (zoom, teams, webex, bigbluebutton, voov, meet))
"""The meeting systems; a plain table is what none of them wrote."""
PLAIN = cast(Format, plain)
FORMATS: dict[str, Format] = {one.NAME: one for one in (*SYSTEMS, PLAIN)}


def recognise(document: Document) -> Format | None:
    """The one format that a file is of; None where it is of none. Raises Invalid (`format`) where it may be several."""
    formats = [one for one in SYSTEMS if one.recognises(document)]
    if len(formats) > 1 and not meet.is_certain(document):  # others too write times of the day only
        formats = [one for one in formats if one.NAME != meet.NAME]
    if len(formats) > 1:
        names = listed(reader.NAME for reader in formats)
        raise Invalid("format", _("The file matches several formats: %(names)s. Select one.", names=names))
    if formats:
        return formats[0]
    return PLAIN if PLAIN.recognises(document) else None


_SHEETS = 4
"""The maximum number of sheets of a workbook to examine."""


def read_file(content: bytes, format: str, options: ReadingOptions) -> Report:
    """The report in a file of a format, or of any (`auto`). Of the sheets of a workbook, the most detailed one is read.

    Raises Invalid (`format`, `file`, and what a reader raises), WrongKind, TooLarge.
    """
    document = open_document(content)
    if options.mapping or format == PLAIN.NAME:
        return PLAIN.read(document, options)
    recognised = [
        (sheet, format_) for sheet in _sheets(content, document) if (format_ := _format_of(sheet, format)) is not None
    ]
    recognised = [(sheet, one) for sheet, one in recognised if one is recognised[0][1]]
    if not recognised:
        if format == "auto":
            return PLAIN.read(document, options)
        other = recognise(document)
        reason = _("The headings of this file do not match the format “%(name)s”.", name=format)
        if other is not None:
            reason += gap() + _("It looks like the format “%(name)s”.", name=other.NAME)
        raise Invalid("format", reason)
    reports: list[Report] = []
    faults: list[Invalid] = []
    for sheet, format_ in recognised:
        try:
            reports.append(format_.read(sheet, options))
        except Invalid as error:
            faults.append(error)
    if not reports:
        raise faults[0]
    best = min(reports, key=lambda report: (len(report.sums), -len(report.rows)))  # the first of equals
    if len(reports) > 1:
        best.notes.append(
            _("The workbook contains %(n)s lists of people. The most detailed one is used.", n=len(reports))
        )
    return best


def _format_of(document: Document, format: str) -> Format | None:
    if format == "auto":
        return recognise(document)
    return FORMATS[format] if FORMATS[format].recognises(document) else None


def _sheets(content: bytes, first: Document) -> Iterator[Document]:
    """The file; of a workbook also its next sheets, since some systems put the list of people behind another one."""
    yield first
    for sheet in range(1, _SHEETS) if is_workbook(content) else ():
        try:
            document = open_document(content, sheet)
        except Invalid:  # empty, or there is none
            continue
        document.notes.append(_("Read from sheet %(n)s of the workbook.", n=sheet + 1))
        yield document

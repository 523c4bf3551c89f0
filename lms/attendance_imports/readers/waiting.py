"""Rows from the waiting room, which do not count as presence. Unclear values are rejected."""

from collections.abc import Sequence
from dataclasses import dataclass

from lms.attendance_imports.readers.headings import Heading
from lms.attendance_imports.readers.report import Report
from lms.attendance_imports.readers.times import is_blank
from lms.attendance_imports.readers.vocabulary import is_yes
from lms.core.base.errors import Fault
from lms.core.text.i18n import _, _n


@dataclass
class WaitingColumn:
    """The rows of the waiting room in one table or more."""

    report: Report
    heading: Heading
    count: int = 0

    def leaves_out(self, line: int, row: Sequence[str]) -> bool:
        """Whether a row is of the waiting room, or cannot be known not to be."""
        status = self.heading.cell(row, "waiting")
        if is_blank(status):
            return False
        answer = is_yes(status)
        if answer is None:
            reason = _(
                "“%(column)s” is “%(said)s”, which is neither yes nor no.",
                column=self.heading.words("waiting"),
                said=status[:40],
            )
            self.report.rejected.append(Fault(row=line, reason=reason))
        self.count += answer is True
        return answer is not False

    def say(self) -> None:
        """A note about them."""
        if self.count:
            self.report.notes.append(
                _n(
                    "%(num)s row is from the waiting room and does not count as presence.",
                    "%(num)s rows are from the waiting room and do not count as presence.",
                    self.count,
                )
            )

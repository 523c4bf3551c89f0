"""The list of who took a check. `views` and `api` register it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from lms.catalogue.queries.series import get_series
from lms.checks.queries.checks import get_check
from lms.checks.queries.results import (
    PersonResult,
    ResultCounts,
    analyse_items,
    check_can_read,
    count_results,
    learning_gains,
    list_results,
)
from lms.core.base.lists import ListRequest
from lms.core.text.i18n import _, _l
from lms.web.lists.parts import COUNTRY, NAME, Chip, Column, FileColumn
from lms.web.lists.view import ListView


class CheckResults(ListView[PersonResult]):
    """Lists the people who handed in a knowledge check, each with their best attempt."""

    endpoint, template, title = "checks.results", "checks/results.html", _l("Results")
    testid = "results"
    filters = {"state": frozenset({"passed", "failed"})}
    order = "name"
    columns = (
        NAME,
        Column("country", COUNTRY.label, place="under"),
        Column("attempts", _l("Attempts"), numeric=True, place="wide"),
        Column("percent", _l("Right"), _l("most first"), _l("fewest first"), True, True, "fig"),
        Column("state", _l("State"), place="state"),
        Column("submitted", _l("Handed in"), _l("newest first"), _l("oldest first"), True, place="wide"),
    )
    chips_filter = "state"
    file_columns = (
        FileColumn("person", width=24),
        FileColumn("name", width=30),
        FileColumn("country", width=9),
        FileColumn("attempts", width=10, type=int),
        FileColumn("percent", width=10),
        FileColumn("passed", lambda row: "yes" if row.passed else "no", 8),
        FileColumn("submitted_at", width=18, type=datetime),
    )

    def __init__(self, slug: str, check_id: int) -> None:
        super().__init__(slug=slug, check_id=check_id)
        self.series = get_series(slug, by=self.by)
        check_can_read(self.series, self.by)
        self.check = get_check(self.series, check_id, by=self.by)
        self.file_name = f"check-{check_id}"

    def query(self, request: ListRequest) -> tuple[Sequence[PersonResult], int]:
        return list_results(self.series, self.check, request, by=self.by)

    @property
    def counts(self) -> ResultCounts:
        """How many people handed it in."""
        return count_results(self.series, by=self.by).get(self.check.id, ResultCounts())

    def chips(self) -> list[Chip]:
        counts = self.counts
        return [
            Chip("", counts.people, _("All")),
            Chip("passed", counts.passed, _("Passed")),
            Chip("failed", counts.people - counts.passed, _("Not passed")),
        ]

    def context(self) -> dict[str, Any]:
        gains = [one for one in learning_gains(self.series, by=self.by) if self.check.id in (one.pre.id, one.post.id)]
        return {
            "series": self.series,
            "check": self.check,
            "items": analyse_items(self.series, self.check, by=self.by),
            "gains": gains,
        }

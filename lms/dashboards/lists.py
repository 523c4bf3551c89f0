"""Lists that have a page, files and an API page. `views` and `api` register them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from lms.core.base.lists import ListRequest
from lms.core.text.i18n import _, _l, _lp
from lms.dashboards.queries.all_series import TO_ISSUE, SeriesRow, SeriesState, list_all_series
from lms.web.lists.parts import Chip, Column, FileColumn
from lms.web.lists.view import ListView


class AllSeries(ListView[SeriesRow]):
    """Lists all series with state, people enrolled, lectures held, certificates earned and to issue; drafts apart."""

    endpoint, template, title = "dashboards.admin_series", "dashboards/admin_series.html", _lp("several", "Series")
    text_label = _l("Title or web address")
    filters = {"state": frozenset({*SeriesState, TO_ISSUE})}
    order = "state"
    columns = (
        Column("title", _l("Series"), _l("A to Z"), _l("Z to A")),
        Column("instructors", _l("Instructors"), place="under"),
        Column("state", _l("State"), _l("running ones first"), _l("finished ones first"), place="state"),
        Column("enrolled", _l("Enrolled"), _l("most first"), _l("fewest first"), True, True, "fig"),
        Column(
            "held", _lp("number", "Held"), _l("most first"), _l("fewest first"), True, True, "wide"
        ),
        Column(
            "earned", _l("Earned"), _l("most first"), _l("fewest first"),
            True, True, "wide",
        ),
        Column(
            "issue", _l("To issue"), _l("most first"), _l("fewest first"),
            True, True, "wide",
        ),
    )  # fmt: skip
    chips_filter = "state"
    file_columns = (
        FileColumn("slug", width=24),
        FileColumn("title", width=40),
        FileColumn("language", width=9),
        FileColumn("state", "state.value"),
        FileColumn("instructors", lambda row: ", ".join(row.instructors), 32),
        FileColumn("enrolled", width=10, type=int),
        FileColumn("lectures_held", "held", type=int),
        FileColumn("lectures", "planned", 10, int),
        FileColumn("certificates_earned", "totals.earned", type=int),
        FileColumn("certificates_to_issue", "totals.to_issue", type=int),
        FileColumn("latest_lecture", "latest", 18, datetime),
    )

    def __init__(self) -> None:
        super().__init__()
        self.file_name = "series"

    def query(self, request: ListRequest) -> tuple[Sequence[SeriesRow], int]:
        self.series_list = list_all_series(request, by=self.by)
        return self.series_list.rows, self.series_list.total

    def chips(self) -> list[Chip]:
        words = {
            "": _("All"),
            SeriesState.OPEN.value: _("Open for enrolment"),
            SeriesState.RUNNING.value: _("Running"),
            SeriesState.FINISHED.value: _("Finished"),
            TO_ISSUE: _("To issue"),
        }
        chips = [Chip(value, self.series_list.counts[value], word) for value, word in words.items()]
        if self.series_list.drafts:
            chips.append(Chip("drafts", len(self.series_list.drafts), _("Drafts"), url="#drafts"))
        return chips

    def context(self) -> dict[str, Any]:
        return {"found": self.series_list}

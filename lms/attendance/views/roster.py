"""Pages for the roster of a lecture and for corrections."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue

from lms.attendance.actions import corrections
from lms.attendance.actions.correction_batches import CORRECTIONS, preview_batch
from lms.attendance.forms import CorrectionForm
from lms.attendance.models.credits import Outcome
from lms.attendance.models.evidence import Source
from lms.attendance.outcomes import INVITED
from lms.attendance.presence import span_of
from lms.attendance.queries import roster as roster_queries
from lms.attendance.queries.appeals import open_appeals_by_person
from lms.attendance.queries.closings import view_of
from lms.attendance.queries.roster import RosterRow, get_roster_page, get_row
from lms.attendance.queries.roster_query import RosterFilter
from lms.attendance.views.lecture import bp
from lms.batches.views import preview_or_return
from lms.catalogue.models import LectureState
from lms.catalogue.rules import marks_of, may_edit_lecture
from lms.core.base.errors import Invalid, Refused
from lms.core.base.lists import ListRequest
from lms.core.text.i18n import _, _l, _n
from lms.core.time import clock
from lms.people.queries.countries import country_names, known_codes
from lms.web.lists.parts import (
    COUNTRY,
    MINUTES,
    NAME,
    ORGANISATION,
    Chip,
    Choice,
    Column,
    FileColumn,
    Select,
    counted_choices,
    read_selection,
)
from lms.web.lists.routes import list_files
from lms.web.lists.view import ListView
from lms.web.pages.locale import reader_locale
from lms.web.request.guards import SIGNED_IN, allow
from lms.web.request.identity import current_actor

PRINTED = 1000
"""Rows of one printable page, some twenty sheets; what is more follows on the next."""


@list_files(bp, "/lectures/<int:lecture_id>/roster", SIGNED_IN)
class Roster(ListView[RosterRow]):
    """The list of who attended a lecture, with the evidence."""

    endpoint, template, title = "attendance.roster", "attendance/roster.html", _l("Roster")
    anchor = "people"
    text_label = _l("Name, e-mail or organisation")
    filters = {
        "outcome": frozenset({*Outcome, INVITED}),
        "country": known_codes,
        "source": frozenset(Source),
        "organisation": None,
    }
    columns: tuple[Column, ...] = (
        NAME,
        COUNTRY,
        ORGANISATION,
        MINUTES,
        Column(
            "short",
            _l("Short by"),
            _l("fewest first"),
            _l("most first"),
            numeric=True,
            place="fig",
        ),
        Column("source", _l("Source"), place="wide"),
        Column("result", _l("Result"), place="state"),
    )
    chips_filter = "outcome"
    bulk_endpoint = "attendance.preview_corrections"
    file_columns = (
        FileColumn("email", width=28),
        FileColumn("full_name", lambda row: row.shown_name or "", 28),
        FileColumn("native_name", width=20),
        FileColumn("country", width=8),
        FileColumn("organisation", width=28),
        FileColumn("minutes", width=9),
        FileColumn("percent", width=9),
        FileColumn("outcome", "result", 10),
        FileColumn("sources", lambda row: " ".join(row.sources), 14),
        FileColumn("explanation", width=48),
    )

    def __init__(self, lecture_id: int) -> None:
        super().__init__(lecture_id=lecture_id)
        self.lecture_id = lecture_id
        self.names = country_names(reader_locale())
        self.file_name = f"roster-{lecture_id}"

    @property
    def people(self) -> RosterFilter:
        """The filter, for actions on everybody whom the list has."""
        filters = self.request.filters
        outcome = filters.get("outcome")
        return RosterFilter(
            q=self.request.q,
            outcome=Outcome(outcome) if outcome and outcome != INVITED else None,
            country=filters.get("country"),
            source=Source(filters["source"]) if "source" in filters else None,
            organisation=filters.get("organisation"),
            is_invited=outcome == INVITED,
        )

    def query(self, request: ListRequest) -> tuple[Sequence[RosterRow], int]:
        self.roster = get_roster_page(
            self.lecture_id, by=self.by, request=request, filters=self.people, country_names=self.names, at=self.at
        )
        self.is_held = self.roster.lecture.state is LectureState.HELD
        if not self.is_held:
            self._leave_out_results()
        return self.roster.rows, self.roster.matching

    def _leave_out_results(self) -> None:
        """Leaves out filters and orders by results, which nobody has before the end."""
        self.filters = {name: values for name, values in self.filters.items() if name != "outcome"}
        self.columns = tuple(
            replace(column, first="") if column.name in ("minutes", "short") else column for column in self.columns
        )
        self.hidden.add("short")
        self.request = self.read(request.args)

    def file_query(self, request: ListRequest) -> Iterable[RosterRow]:
        people = self.people if "outcome" in request.filters else replace(self.people, is_invited=None)
        return roster_queries.roster(self.lecture_id, by=self.by, limit=None, filters=people, at=self.at)

    def chips(self) -> list[Chip]:
        if not self.is_held:
            return []
        totals = self.roster.totals
        chips = [
            Chip("", totals.people, _("All")),
            Chip(Outcome.ATTENDED, totals.attended, _("attended")),
            Chip(Outcome.PARTIAL, totals.partial, _("partial")),
            Chip(Outcome.ABSENT, totals.absent, _("absent")),
            Chip(Outcome.EXCUSED, totals.excused, _("excused")),
        ]
        if totals.unmatched:
            url = url_for("attendance_imports.review", lecture_id=self.lecture_id)
            chips.append(Chip("unmatched", totals.unmatched, _("Unmatched"), url))
        if totals.invited:
            chips.append(Chip(INVITED, totals.invited, _("Invited")))
        return chips

    def selects(self) -> list[Select]:
        chosen = self.request.filters
        countries = counted_choices(self.roster.countries, chosen.get("country"), self.names)
        every = _n("The only country", "All %(num)s countries", len(countries)) if countries else ""
        organisations = counted_choices(self.roster.organisations, chosen.get("organisation"))
        sources = [
            Choice(Source.LIVE, _("Live room")),
            Choice(Source.IMPORT, _("Meeting report")),
            Choice(Source.GROUP, _("Group viewing")),
            Choice(Source.MANUAL, _("Correction")),
        ]
        return [
            Select("country", _("Country"), countries, every),
            *([Select("organisation", _("Organisation"), organisations)] if organisations else []),
            Select("source", _("Source"), sources),
        ]

    def context(self) -> dict[str, Any]:
        lecture = self.roster.lecture
        return {
            "lecture": lecture,
            "page": self.roster,
            "span": span_of(lecture, clock.to_ms(self.at)),
            "countries": self.names,
            "at": self.at,
        }


class PrintedRoster(Roster):
    """The roster for paper: all rows that the filter has."""

    endpoint, template, size = "attendance.roster_print", "attendance/roster_print.html", PRINTED

    def __init__(self, lecture_id: int) -> None:
        super().__init__(lecture_id)
        self.request = replace(self.request, size=PRINTED)


@bp.get("/lectures/<int:lecture_id>/roster")
@allow(SIGNED_IN)
def roster(lecture_id: int) -> ResponseReturnValue:
    """Shows who attended, with the evidence."""
    return _roster_page(lecture_id, request.args.get("open"), None)


def _roster_page(lecture_id: int, opened: str | None, form: CorrectionForm | None) -> str:
    view = Roster(lecture_id).load()
    by, lecture = view.by, view.roster.lecture
    row = next((row for row in view.rows if row.public_id == opened), None)
    if form is None and row is not None:
        form = CorrectionForm(formdata=None, outcome=row.outcome.value)
    may_edit = may_edit_lecture(lecture, by)
    closing = view_of(lecture_id) if view.is_held else None
    may_correct = may_edit and closing is None
    if may_correct and view.is_held:
        view.selectable = [row.public_id for row in view.rows]
    return view.render(
        marks=marks_of(lecture),
        opened=opened,
        form=form,
        may_edit=may_edit,
        may_correct=may_correct,
        closing=closing,
        batches=CORRECTIONS.list_batches(lecture, by=by, limit=1) if view.is_held and may_edit else [],
        appeals=open_appeals_by_person(lecture_id, by=by) if view.is_held and may_edit else {},
        from_ms=clock.from_ms,
    )


@bp.get("/lectures/<int:lecture_id>/roster/print")
@allow(SIGNED_IN)
def roster_print(lecture_id: int) -> ResponseReturnValue:
    """The printable roster: all rows that the filter holds, without controls."""
    return PrintedRoster(lecture_id).page()


@bp.get("/lectures/<int:lecture_id>/roster/<person_id>")
@allow(SIGNED_IN)
def person(lecture_id: int, person_id: str) -> ResponseReturnValue:
    """Redirects to one person on the roster."""
    row = get_row(lecture_id, person_id, by=current_actor(), at=clock.now())
    return redirect(
        url_for(
            ".roster",
            lecture_id=lecture_id,
            outcome=INVITED if row.is_invited else None,
            q=row.full_name,
            open=person_id,
            _anchor=f"p-{person_id}",
        )
    )


@bp.post("/lectures/<int:lecture_id>/roster/<person_id>")
@allow(SIGNED_IN)
def correct(lecture_id: int, person_id: str) -> ResponseReturnValue:
    """Saves or removes a correction."""
    form = CorrectionForm()
    if form.validate_on_submit():
        try:
            corrections.correct(
                lecture_id,
                person_id,
                outcome=form.wanted,
                reason=form.reason.data or "",
                by=current_actor(),
                at=clock.now(),
            )
        except Invalid as error:
            form.take(error)
        except Refused as error:
            form.form_errors.append(error.message)
        else:
            removed, saved = _("Correction removed."), _("Correction saved. The evidence is kept.")
            flash(removed if form.wanted is None else saved, "done")
            return redirect(Roster(lecture_id).here(open=person_id, _anchor=f"p-{person_id}"))
    return _roster_page(lecture_id, person_id, form), 422


@bp.post("/lectures/<int:lecture_id>/roster")
@allow(SIGNED_IN)
def preview_corrections(lecture_id: int) -> ResponseReturnValue:
    """Previews a correction of the selected people, or of all that the filter holds. Nothing is corrected yet."""
    selection, outcome = read_selection(), request.form.get("outcome", "")
    if outcome and outcome not in set(Outcome):
        raise Invalid("outcome", _("Choose an option from the list."))
    view = Roster(lecture_id)
    people = view.people if selection.everybody else selection.ids
    new_outcome = Outcome(outcome) if outcome else None
    return preview_or_return(
        lambda: preview_batch(lecture_id, people, outcome=new_outcome, by=current_actor(), at=clock.now()),
        page=lambda batch: url_for("dashboards.corrections", lecture_id=lecture_id, batch=batch),
        back=view.here(),
    )

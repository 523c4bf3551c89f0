"""Pages for the roster of a lecture and for corrections."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from flask import Response, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from lms.attendance.actions import corrections
from lms.attendance.actions.correction_batches import preview_batch
from lms.attendance.forms import CorrectionForm
from lms.attendance.models.credits import Outcome
from lms.attendance.models.evidence import Source
from lms.attendance.presence import span_of
from lms.attendance.queries import roster as roster_queries
from lms.attendance.queries.appeals import open_appeals_by_person
from lms.attendance.queries.closings import view_of
from lms.attendance.queries.correction_batches import list_batches
from lms.attendance.queries.roster import RosterPage, get_roster_page, get_row
from lms.attendance.queries.roster_filters import RosterFilter
from lms.attendance.views.blueprint import bp
from lms.catalogue.models import LectureState
from lms.catalogue.rules import marks_of, may_edit_lecture
from lms.core import clock
from lms.core.errors import Invalid, Refused
from lms.core.i18n import _, _l, _n
from lms.core.roles import Actor
from lms.people.queries.countries import country_names
from lms.web.guards import SIGNED_IN, allow
from lms.web.identity import current_actor
from lms.web.lists import (
    AskedList,
    Choice,
    Column,
    ListDefinition,
    ListPage,
    Select,
    Sifted,
    counted_choices,
    read_list,
    read_selection,
)
from lms.web.locale import reader_locale
from lms.web.table_files import table_file

LIST = ListDefinition(
    size=15,
    filters={
        "outcome": frozenset(Outcome),
        "country": None,
        "organisation": None,
        "source": frozenset(Source) - {Source.REPLAY},
    },
    columns=(
        Column("name", _l("Name"), first=_l("by name"), last=_l("by name, the last first")),
        Column(
            "organisation",
            _l("Organisation"),
            first=_l("by organisation"),
            last=_l("by organisation, the last first"),
        ),
        Column("country", _l("Country"), first=_l("by country"), last=_l("by country, the last first")),
        Column(
            "minutes", _l("Minutes"), first=_l("most minutes first"), last=_l("fewest minutes first"), descending=True
        ),
        Column(
            "short",
            _l("Short by"),
            first=_l("fewest minutes short first"),
            last=_l("most minutes short first"),
            numeric=True,
        ),
    ),
)
_OF_HELD = ("minutes", "short")
PRINTED = 1000
"""Rows of one printable page, some twenty sheets; what is more follows on the next."""


@dataclass(frozen=True)
class _Shown:
    """What the address asks of a roster."""

    asked: AskedList
    names: Mapping[str, str]

    @property
    def people(self) -> RosterFilter:
        """Who is asked for."""
        wanted, filters = self.asked.wanted, self.asked.wanted.filters
        return RosterFilter(
            q=wanted.q,
            outcome=Outcome(filters["outcome"]) if "outcome" in filters else None,
            country=filters.get("country"),
            source=Source(filters["source"]) if "source" in filters else None,
            organisation=filters.get("organisation"),
        )

    def page(self, lecture_id: int, *, by: Actor, at: datetime, size: int | None = None) -> RosterPage:
        """The page that is asked for."""
        asked = self.asked.wanted if size is None else replace(self.asked.wanted, size=size)
        return get_roster_page(lecture_id, by=by, asked=asked, wanted=self.people, country_names=self.names, at=at)

    def list_of(self, page: RosterPage) -> ListPage:
        """The list for its template. Before a lecture was held, nobody has a result."""
        held = page.lecture.state is LectureState.HELD
        asked = self.asked
        if not held:
            asked = _read(LIST.without(["outcome"], _OF_HELD), self.names)
        return ListPage(
            asked, page.matching, endpoint="attendance.roster", values={"lecture_id": page.lecture.id}, anchor="people"
        )


def read_roster_list() -> _Shown:
    """What the address of the current request asks of a roster."""
    names = country_names(reader_locale())
    return _Shown(_read(LIST, names), names)


def _read(definition: ListDefinition, names: Mapping[str, str]) -> AskedList:
    return read_list(replace(definition, filters={**definition.filters, "country": names.keys()}))


@bp.get("/lectures/<int:lecture_id>/roster")
@allow(SIGNED_IN)
def roster(lecture_id: int) -> ResponseReturnValue:
    """Shows who attended, with the evidence."""
    return _roster_page(lecture_id, request.args.get("open"), None)


def _roster_page(lecture_id: int, opened: str | None, form: CorrectionForm | None) -> str:
    by, at, shown = current_actor(), clock.now(), read_roster_list()
    page = shown.page(lecture_id, by=by, at=at)
    row = next((one for one in page.rows if one.public_id == opened), None)
    if form is None and row is not None:
        form = CorrectionForm(formdata=None, outcome=row.outcome.value)
    may_edit = may_edit_lecture(page.lecture, by)
    held = page.lecture.state is LectureState.HELD
    closing = view_of(lecture_id) if held else None
    listed = shown.list_of(page)
    return render_template(
        "attendance/roster.html",
        marks=marks_of(page.lecture),
        opened=opened,
        form=form,
        may_edit=may_edit,
        may_correct=may_edit and closing is None,
        closing=closing,
        batches=list_batches(page.lecture, by=by, limit=1) if held and may_edit else [],
        appeals=open_appeals_by_person(lecture_id, by=by) if held and may_edit else {},
        from_ms=clock.from_ms,
        list=listed,
        sifted=_sifted(page) if held else [],
        selects=_selects(page, shown),
        **_context(page, shown, at),
    )


def _sifted(page: RosterPage) -> list[Sifted]:
    """The figures above the list of a held lecture."""
    totals = page.totals
    found = [
        Sifted("", totals.people, _("all")),
        Sifted(Outcome.ATTENDED, totals.attended, _("attended")),
        Sifted(Outcome.PARTIAL, totals.partial, _("partial")),
        Sifted(Outcome.ABSENT, totals.absent, _("absent")),
        Sifted(Outcome.EXCUSED, totals.excused, _("excused")),
    ]
    if totals.unmatched:
        url = url_for("attendance_imports.review", lecture_id=page.lecture.id)
        found.append(Sifted("unmatched", totals.unmatched, _("unmatched"), url))
    return found


def _selects(page: RosterPage, shown: _Shown) -> list[Select]:
    """The filters of the form: the countries and organisations of the people on the roster, and what saw them."""
    countries = counted_choices(page.countries, shown.people.country, shown.names)
    sources = [
        Choice(Source.LIVE, _("Live room")),
        Choice(Source.IMPORT, _("Meeting report")),
        Choice(Source.GROUP, _("Group viewing")),
        Choice(Source.MANUAL, _("Correction")),
    ]
    every = _n("The only country", "All %(num)s countries", len(countries)) if countries else _("All")
    named = counted_choices(page.organisations, shown.people.organisation)
    organisations = [Select("organisation", _("Organisation"), named)] if named else []
    return [
        Select("country", _("Country"), countries, every),
        *organisations,
        Select("source", _("Source"), sources),
    ]


def _context(page: RosterPage, shown: _Shown, at: datetime) -> dict[str, Any]:
    """The context shared by the roster on screen and on paper."""
    return {
        "lecture": page.lecture,
        "page": page,
        "q": shown.people.q,
        "span": span_of(page.lecture, clock.to_ms(at)),
        "needed_percent": page.needed_percent,
        "countries": shown.names,
        "at": at,
    }


@bp.get("/lectures/<int:lecture_id>/roster/print")
@allow(SIGNED_IN)
def roster_print(lecture_id: int) -> ResponseReturnValue:
    """The printable roster: all rows that the filter holds, without controls."""
    at, shown = clock.now(), read_roster_list()
    page = shown.page(lecture_id, by=current_actor(), at=at, size=PRINTED)
    asked = replace(shown.asked, wanted=replace(shown.asked.wanted, size=PRINTED))
    return render_template(
        "attendance/roster_print.html",
        list=ListPage(asked, page.matching, endpoint="attendance.roster_print", values={"lecture_id": lecture_id}),
        **_context(page, shown, at),
    )


def _kept() -> dict[str, Any]:
    """The part of the roster that was shown."""
    asked = read_roster_list().asked
    page = asked.wanted.page
    return asked.parameters | ({"page": page} if page > 1 else {})


@bp.get("/lectures/<int:lecture_id>/roster/<person_id>")
@allow(SIGNED_IN)
def person(lecture_id: int, person_id: str) -> ResponseReturnValue:
    """Redirects to one person on the roster."""
    row = get_row(lecture_id, person_id, by=current_actor(), at=clock.now())
    return redirect(
        url_for(".roster", lecture_id=lecture_id, q=row.full_name, open=person_id, _anchor=f"p-{person_id}")
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
            said = _("Correction removed.") if form.wanted is None else _("Correction saved. The evidence is kept.")
            flash(said, "done")
            values: dict[str, Any] = {"lecture_id": lecture_id, "open": person_id, "_anchor": f"p-{person_id}"}
            return redirect(url_for(".roster", **values, **_kept()))
    return _roster_page(lecture_id, person_id, form), 422


@bp.post("/lectures/<int:lecture_id>/roster")
@allow(SIGNED_IN)
def preview_corrections(lecture_id: int) -> ResponseReturnValue:
    """Previews a correction of the selected people, or of all that the filter holds. Nothing is corrected yet."""
    selection, outcome = read_selection(), request.form.get("outcome", "")
    if outcome and outcome not in set(Outcome):
        raise Invalid("outcome", _("Choose a result from the list."))
    people = read_roster_list().people if selection.everybody else selection.ids
    wanted = Outcome(outcome) if outcome else None
    try:
        batch = preview_batch(lecture_id, people, outcome=wanted, by=current_actor(), at=clock.now())
    except (Invalid, Refused) as error:
        flash(error.message, "wrong")
        return redirect(url_for(".roster", lecture_id=lecture_id, **_kept(), _anchor="people"), 303)
    return redirect(url_for("dashboards.corrections", lecture_id=lecture_id, batch=batch.public_id), 303)


@bp.get("/lectures/<int:lecture_id>/roster.csv")
@allow(SIGNED_IN)
def roster_csv(lecture_id: int) -> ResponseReturnValue:
    """The roster, or what the filter holds of it, as CSV."""
    return _file("csv", lecture_id)


@bp.get("/lectures/<int:lecture_id>/roster.xlsx")
@allow(SIGNED_IN)
def roster_xlsx(lecture_id: int) -> ResponseReturnValue:
    """The roster, or what the filter holds of it, as a workbook."""
    return _file("xlsx", lecture_id)


def _file(kind: str, lecture_id: int) -> Response:
    return table_file(kind, _file_name(lecture_id), _("Roster"), HEADINGS, _cells(lecture_id), widths=_WIDTHS)


HEADINGS = [
    "email", "full_name", "native_name", "country", "organisation", "minutes", "percent", "outcome", "sources",
    "explanation",
]  # fmt: skip
_WIDTHS = [28, 28, 20, 8, 28, 9, 9, 10, 14, 48]


def _cells(lecture_id: int) -> Iterator[tuple[object, ...]]:
    """The rows of a file: all that the filter of the address holds, by name."""
    wanted = read_roster_list().people
    rows = roster_queries.roster(lecture_id, by=current_actor(), limit=None, wanted=wanted, at=clock.now())
    return (
        (
            row.email, "" if row.is_hidden else row.full_name, row.native_name, row.country, row.organisation,
            row.minutes, row.percent, row.outcome.value, " ".join(row.sources), row.explanation,
        )
        for row in rows
    )  # fmt: skip


def _file_name(lecture_id: int) -> str:
    """What a file is called: the lecture, and what it is filtered by."""
    wanted = read_roster_list().people
    chosen = ["organisation" if wanted.organisation else None, "search" if wanted.q else None]
    parts = [wanted.outcome, wanted.country, wanted.source, *chosen]
    return "-".join(["roster", str(lecture_id), *(str(part).lower() for part in parts if part)])

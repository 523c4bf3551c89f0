"""The dashboard of a focal point."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from flask import render_template, request, url_for
from flask.typing import ResponseReturnValue

from lms.catalogue.models import Admission, LectureState
from lms.certificates.queries.behind import list_behind
from lms.core.base.lists import ListRequest
from lms.core.base.roles import Role
from lms.core.text.i18n import _, _n
from lms.core.time import clock
from lms.dashboards.queries.country import CountryDashboard, get_country_dashboard, list_open_series
from lms.dashboards.texts import translated
from lms.dashboards.views.blueprint import bp
from lms.dashboards.work import TodoRow, TodoStep, titles_in_words
from lms.enrolment.models import EnrolmentSource
from lms.nominations.models import NominationState
from lms.nominations.queries.listing import NominationFilter
from lms.nominations.queries.of_country import CountrySeries, list_nominations, list_series_to_nominate
from lms.reports.queries.figures import count
from lms.reports.rules import Slice
from lms.viewing_groups.queries import list_country_groups, list_lectures_to_watch
from lms.web.api.api import integer_cursor
from lms.web.pages.time import brief_moment, number
from lms.web.request.guards import allow
from lms.web.request.identity import current_actor

SOME, LATEST = 2, 3
"""The number of people falling behind, and of nominations, on the page."""


@dataclass(frozen=True)
class PlaceLine:
    """A part of the places of a country. `url` leads to the people who have them."""

    label: str
    number: int
    url: str | None = None


@bp.get("/country")
@allow(Role.FOCAL_POINT)
def country() -> ResponseReturnValue:
    """Shows a focal point what there is to do, and the people, places and totals of their country."""
    by, at = current_actor(), clock.now()
    q, cursor = request.args.get("q", "").strip()[:100], integer_cursor(request.args.get("after"))
    dashboard = get_country_dashboard(request.args.get("country"), q=q or None, cursor=cursor, by=by, at=at)
    seeks = bool(q) or cursor is not None  # a search for a person need not wait for the figures
    open_series = list_open_series(dashboard.country, dashboard.places, by=by)
    return render_template(
        "dashboards/country.html",
        dashboard=dashboard,
        q=q,
        at=at,
        open_series=[row for row in open_series if row.series.admission is not Admission.NOMINATION],
        **({} if seeks else _work(dashboard)),
    )


def _work(dashboard: CountryDashboard) -> dict[str, Any]:
    """Returns what a search for a person leaves out: what there is to do, the latest rows of each list, and the
    figures."""
    by, at, code = current_actor(), clock.now(), dashboard.country.code
    nominated = list_series_to_nominate(dashboard.country.id, by=by, at=at)
    behind, behind_count = list_behind(dashboard.country.id, ListRequest(size=SOME), by=by, at=at)
    groups = list_country_groups(dashboard.country.id, by=by, at=at)
    latest = ListRequest(sort="nominated", descending=True, size=LATEST)
    main = find_series_with_work(nominated)
    return {
        "main": main,
        "drafts": main.counts.get(NominationState.DRAFTED, 0) if main is not None else 0,
        "nominated": nominated,
        "places_of": lambda row: list(_places_of(row, code)),
        "todo": [
            *_nomination_rows(nominated, main, code),
            *_behind_rows(behind_count, code),
            *(_sign_row(view) for view in groups if view.state == "open" and view.lecture.state is LectureState.HELD),
        ],
        "nominations": list_nominations(NominationFilter(country=code), latest, by=by).rows,
        "behind": behind,
        "behind_count": behind_count,
        "groups": groups,
        "to_watch": list_lectures_to_watch(dashboard.country, by=by, at=at),
        "report_of": count(Slice(country=code), by=by, at=at),
    }


def find_series_with_work(nominated: Sequence[CountrySeries]) -> CountrySeries | None:
    """The first series with drafts that can be submitted, else with places left, else with people who have not
    answered, else the first one."""
    return min(nominated, key=_rank, default=None)


def _rank(row: CountrySeries) -> int:
    if row.counts.get(NominationState.DRAFTED) and (row.left or not row.is_kept):
        return 0
    return 1 if row.left else 2 if row.counts.get(NominationState.INVITED) else 3


def _places_of(row: CountrySeries, code: str) -> Iterable[PlaceLine]:
    """Returns who has the places of a country in a series, and how many are left: the lines add up to all places."""
    assert row.quota is not None
    for source, seats in row.enrolled_directly.items():
        url = url_for(
            "enrolment.series_enrolments", slug=row.series.slug, status="enrolled", seat="quota", source=source.value,
            country=code,
        )  # fmt: skip
        yield PlaceLine(_source_words(source, row.series.admission), seats, url)
    words = {
        NominationState.ACCEPTED: _("Your nominations, confirmed"),
        NominationState.INVITED: _("Your nominations, invited, no answer yet"),
        NominationState.SUBMITTED: _("Your nominations, awaiting a decision"),
    }
    counted = sum(row.enrolled_directly.values())
    for state, label in words.items():
        seats = row.seats_taken.get(state, 0)
        counted += seats
        if seats:
            yield PlaceLine(
                label, seats, url_for("nominations.listing", country=code, series=row.series.slug, state=state.value)
            )
    if row.quota.used > counted:
        yield PlaceLine(_("Held for others"), row.quota.used - counted)
    yield PlaceLine(_("Left"), row.quota.seats - row.quota.used)


def _source_words(source: EnrolmentSource, admission: Admission) -> str:
    if source is EnrolmentSource.SELF:
        return _("Applied themselves") if admission is Admission.APPLICATION else _("Enrolled themselves")
    words = {EnrolmentSource.WALK_IN: _("Attended without enrolling"), EnrolmentSource.FILE: _("Enrolled from a file")}
    return words.get(source, _("Enrolled by staff"))


def _nomination_rows(nominated: Sequence[CountrySeries], main: CountrySeries | None, code: str) -> Iterable[TodoRow]:
    """Drafts, unanswered invitations, and places of other series."""
    drafted = [row for row in nominated if row.counts.get(NominationState.DRAFTED)]
    invited = [row for row in nominated if row.counts.get(NominationState.INVITED)]
    if drafted:
        url = url_for("nominations.listing", country=code, state="drafted")
        drafts = sum(row.counts[NominationState.DRAFTED] for row in drafted)
        what = _n("%(num)s draft to submit", "%(num)s drafts to submit", drafts)
        yield TodoRow(what, url, _titles(drafted), [TodoStep(_("View"), url)], why=_until(drafted))
    if invited:
        people = sum(row.counts[NominationState.INVITED] for row in invited)
        yield TodoRow(
            _n("%(num)s person without an answer", "%(num)s people without an answer", people),
            url_for("nominations.listing", country=code, state="invited", sort="answer_by"),
            _titles(invited),
            [TodoStep(_("Send again"), url_for("nominations.remind_all", country=code), True, "remind")],
            why=_("every 3 days"),
        )
    for row in nominated:
        if row is not main and row.left:
            url = url_for("nominations.nominate_one", country=code, series=row.series.slug)
            what = _n("%(num)s place left", "%(num)s places left", row.left)
            yield TodoRow(what, url, _titles([row]), [TodoStep(_("Nominate"), url)], why=_until([row]))


def _behind_rows(people: int, code: str) -> Iterable[TodoRow]:
    if people:
        url = url_for("dashboards.behind", country=code)
        what = _n("%(n)s person is falling behind", "%(n)s people are falling behind", people, n=number(people))
        yield TodoRow(what, url, _("They can still earn their certificate."), [TodoStep(_("View"), url)])


def _sign_row(view: Any) -> TodoRow:
    """The list of a group that nobody has signed."""
    url = url_for("viewing_groups.group", group_id=view.group.public_id)
    what = _n("Sign the list: %(num)s person", "Sign the list: %(num)s people", view.listed)
    return TodoRow(what, url, view.place, [TodoStep(_("Review and sign"), url)], why=_("they count once you sign"))


def _titles(rows: Sequence[CountrySeries]) -> str:
    if len(rows) == 1:
        return translated(rows[0].series)
    return titles_in_words([row.series for row in rows])


def _until(rows: Sequence[CountrySeries]) -> str:
    """Until when the first of these quotas is kept."""
    moments = [row.quota.kept_until for row in rows if row.quota is not None and row.is_kept]
    return brief_moment(min(moments)) if moments else ""

"""Previews of the changes that another policy, or other times, would make to what was counted: looked at before it is
done."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import render_template, request
from flask.typing import ResponseReturnValue

from lms.attendance.queries.change_preview import PAGE, ChangeKind, OutcomeDifference, list_changes, preview_policy
from lms.attendance.queries.roster import get_editable_lecture
from lms.attendance.queries.times import Proposal, preview_times, propose_times
from lms.catalogue.forms.times import TimesForm, local_of, near
from lms.catalogue.models import Lecture, LectureState
from lms.catalogue.queries.policies import list_ended_pauses
from lms.catalogue.rules import planned_end, resolve_local
from lms.certificates.queries.change_preview import CertificateChanges, preview_certificates
from lms.core.base.errors import Invalid, Refused
from lms.core.base.roles import Actor
from lms.core.text.translations import reader_text
from lms.core.time import clock
from lms.dashboards.views.blueprint import bp
from lms.web.forms.forms import whole
from lms.web.request.guards import SIGNED_IN, allow
from lms.web.request.identity import current_actor

GROUPS = ("gain", "lose", "earn", "unearn", "miss")


@dataclass(frozen=True)
class ShownChanges:
    """The affected people: how many in each group, and one page of one group."""

    counts: dict[str, int]
    group: str
    rows: Sequence[Any]
    page: int
    pages: int
    has_certificates: bool

    @property
    def total(self) -> int:
        """How many are affected in any way, each group counted."""
        return sum(self.counts.values())


def shown_of(
    series_id: int, differences: Sequence[OutcomeDifference], effects: CertificateChanges | None, *, by: Actor
) -> ShownChanges:
    """Returns what the address asks for: `show` a group (default: the first that has anybody), and its `page`."""
    counts = {kind.value: sum(len(difference.people(kind)) for difference in differences) for kind in ChangeKind}
    lists: Mapping[str, Sequence[Any]] = vars(effects) if effects is not None else {}
    counts |= {name: len(found) for name, found in lists.items()}
    group_name = request.args.get("show", "")
    group = (
        group_name
        if group_name in counts
        else next((name for name in GROUPS if counts.get(name)), ChangeKind.GAINED.value)
    )
    pages = max(1, -(-counts[group] // PAGE))
    page = min(max(1, request.args.get("page", 1, type=whole)), pages)
    if group in lists:
        rows = lists[group][(page - 1) * PAGE : page * PAGE]
    else:
        rows = list_changes(differences, ChangeKind(group), series_id=series_id, by=by, page=page)
    return ShownChanges(counts, group, rows, page, pages, effects is not None)


@bp.get("/series/<slug>/policy")
@allow(SIGNED_IN)
def policy(slug: str) -> ResponseReturnValue:
    """Previews what the newest policy of a series would change for lectures held under an earlier one."""
    by = current_actor()
    chosen = request.args.getlist("lecture", type=whole) if "chosen" in request.args else None
    preview = preview_policy(slug, chosen=chosen, by=by)
    effects = preview_certificates(preview.series.id, preview.changes, by=by)
    return render_template(
        "dashboards/policy.html",
        preview=preview,
        series=preview.series,
        titles={one.lecture.id: reader_text(one.lecture) for one in preview.lectures},
        shown=shown_of(preview.series.id, [one.difference for one in preview.taken], effects, by=by),
    )


@bp.get("/lectures/<int:lecture_id>/times")
@allow(SIGNED_IN)
def times(lecture_id: int) -> ResponseReturnValue:
    """Shows when a lecture was given according to its records, and previews what other times would change."""
    by, at = current_actor(), clock.now()
    lecture = get_editable_lecture(lecture_id, by=by)
    proposal = propose_times(lecture_id, by=by)
    form, preview, effects, status = _times_form(lecture, proposal), None, None, 200
    try:
        start, end = _typed(lecture, form, proposal)
        if form.errors:
            status = 422
        elif start is not None and end is not None:
            preview = preview_times(lecture_id, start, end, by=by, at=at)
            changes = {lecture_id: preview.difference.changes}
            effects = preview_certificates(lecture.series_id, changes, by=by)
    except Invalid as error:
        form.take(error)
        status = 422
    except Refused as error:
        form.form_errors.append(error.message)
        status = error.status
    return render_template(
        "dashboards/times.html",
        lecture=lecture,
        series=lecture.series,
        form=form,
        proposal=proposal,
        proposed=_local(lecture, proposal.start, proposal.end) if proposal is not None else {},
        preview=preview,
        pauses=list_ended_pauses(lecture),
        shown=shown_of(lecture.series_id, [preview.difference], effects, by=by) if preview is not None else None,
    ), status


def _times_form(lecture: Lecture, proposal: Proposal | None) -> TimesForm:
    """Returns what was typed; else the actual times, or while there are none what is proposed or was planned."""
    start, end = lecture.actual_start, lecture.actual_end
    if lecture.state is not LectureState.HELD:
        start, end = lecture.starts_at, planned_end(lecture)
        if proposal is not None:
            start, end = proposal.start, proposal.end
    sent = request.args if "actual_start" in request.args else None
    return TimesForm(formdata=sent, data=_local(lecture, start, end), meta={"csrf": False})


def _local(lecture: Lecture, start: datetime | None, end: datetime | None) -> dict[str, datetime | None]:
    """Two instants as the form shows them: in the lecture's zone, without offset."""
    return {"actual_start": local_of(start, lecture.time_zone), "actual_end": local_of(end, lecture.time_zone)}


def _typed(lecture: Lecture, form: TimesForm, proposal: Proposal | None) -> tuple[datetime | None, datetime | None]:
    """The instants that are asked about; what was not touched keeps its fractions of a second."""
    if "actual_start" in request.args:
        form.validate()
    known = [lecture.actual_start, lecture.actual_end]
    if proposal is not None:
        known += [proposal.start, proposal.end]
    moments: list[datetime | None] = []
    for field in (form.actual_start, form.actual_end):
        if field.data is None or field.errors:
            moments.append(None)
            continue
        moment = resolve_local(field.data, lecture.time_zone, field.name)
        moments.append(next((one for one in known if one is not None and near(one, moment)), moment))
    return moments[0], moments[1]

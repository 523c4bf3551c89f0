"""Merging two people: possible duplicates, the two side by side, and undoing it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from lms.core.base.errors import NotFound, Refused
from lms.core.base.lists import ListRequest
from lms.core.base.roles import Role
from lms.core.database.search import search_words
from lms.core.text.i18n import _, _l, _lp
from lms.core.text.punctuation import listed
from lms.core.time import clock
from lms.dashboards.forms import PersonMergeForm
from lms.dashboards.queries.merging import MergePreview, preview_merge, preview_undo
from lms.dashboards.views.blueprint import bp
from lms.enrolment.queries.rows import day_of
from lms.people.actions.duplicates import mark_different, unmark_different
from lms.people.actions.merging import DETAILS, merge_checked, undo_merge
from lms.people.forms import GENDERS, SECTORS
from lms.people.queries.duplicates import (
    PossiblePair,
    are_different,
    are_disabled,
    compare_people,
    find_duplicates,
    list_pairs,
)
from lms.people.queries.finding import find_people
from lms.people.queries.persons import Profile, person_id_of, profile_of
from lms.people.similarity import OFFERED
from lms.web.forms.forms import flash_refusal
from lms.web.lists.parts import Chip, Column
from lms.web.lists.routes import list_page
from lms.web.lists.view import ListView
from lms.web.request.guards import allow
from lms.web.request.identity import current_actor
from lms.web.request.limits import in_demonstration

WEAK = "weak"
FOUND = 25
LABELS = {
    "full_name": _lp("person", "Name"),
    "native_name": _l("Name in native script"),
    "email": _l("E-mail address"),
    "country": _l("Country or area"),
    "organisation": _l("Organisation"),
    "job_title": _l("Job title"),
    "sector": _l("Sector"),
    "gender": _l("Gender"),
    "locale": _l("Language"),
    "time_zone": _l("Time zone"),
}
assert set(LABELS) == set(DETAILS)
ROLE_WORDS = {
    Role.ADMINISTRATOR: _l("Administrator"),
    Role.INSTRUCTOR: _l("Instructor"),
    Role.FOCAL_POINT: _l("Focal point"),
    Role.REPORTER: _l("Reporter"),
}


@dataclass(frozen=True)
class Detail:
    """A line of the comparison: the two values, and whether the second is chosen."""

    name: str
    label: str
    first: Any
    second: Any
    takes_second: bool


@list_page(bp, "/admin/people/duplicates", Role.ADMINISTRATOR)
class Duplicates(ListView[PossiblePair]):
    """Lists pairs of people who may be one."""

    endpoint, template = "dashboards.duplicates", "dashboards/duplicates.html"
    title, size = _l("Possible duplicates, the most alike first"), 20
    filters = {"match": frozenset({WEAK})}
    columns = (
        Column("first", _l("Person")),
        Column("second", _l("The other")),
        Column("why", _l("Why")),
        Column("decide", _l("Decide")),
    )
    chips_filter = "match"

    def query(self, request: ListRequest) -> tuple[Sequence[PossiblePair], int]:
        self.weak = request.filters.get("match") == WEAK
        self.pairs = list_pairs(
            weak=self.weak, offset=request.offset, limit=request.size, day=day_of(self.at), by=self.by
        )
        return self.pairs.pairs, self.pairs.weak if self.weak else self.pairs.offered

    @property
    def has_filters(self) -> bool:
        return False

    def chips(self) -> list[Chip]:
        return [
            Chip("", self.pairs.offered, _("Possible duplicates")),
            Chip(WEAK, self.pairs.weak, _("Weak matches")),
        ]

    def context(self) -> dict[str, Any]:
        return {"found": self.pairs, "weak": self.weak}


@bp.get("/admin/people/<public_id>/merge")
@allow(Role.ADMINISTRATOR)
def choose_merge(public_id: str) -> ResponseReturnValue:
    """Finds the other person to merge somebody with."""
    by, at = current_actor(), clock.now()
    profile, day = profile_of(public_id, day=day_of(at), by=by), day_of(at)
    typed = request.args.get("q", "").strip()[:200]
    hits = find_people(tuple(search_words(typed)), typed=typed, day=day, by=by) if typed else []
    alike = find_duplicates(public_id, day=day, by=by)
    return render_template(
        "dashboards/choose_merge.html",
        person=profile.person,
        typed=typed,
        hits=[hit for hit in hits if hit.id != profile.person.id][:FOUND],
        possible=[other for other in alike if other.similarity.score >= OFFERED],
        namesakes=[other for other in alike if other.similarity.score < OFFERED],
    )


@bp.route("/admin/people/<public_id>/merge/<other>", methods=["GET", "POST"])
@allow(Role.ADMINISTRATOR)
def merge(public_id: str, other: str) -> ResponseReturnValue:
    """Compares two people, shows what a merge would change, and merges them with the details chosen."""
    by, at = current_actor(), clock.now()
    day = day_of(at)
    first, second = profile_of(public_id, day=day, by=by), profile_of(other, day=day, by=by)
    if first.person.id == second.person.id:
        return _merged_already(public_id, other)
    form, status = PersonMergeForm(), 200
    if request.method == "POST":
        keep = [name for name in DETAILS if request.form.get(name) == "second"]

        def work() -> None:
            merge_checked(
                public_id, other, reason=form.reason.data or "", keep=keep, enable=form.enable.data,
                password=form.current_password.data or "", otp=form.otp.data or "",
                demonstration=in_demonstration(), by=by, at=at, today=day,
            )  # fmt: skip

        failed = form.attempt(work)
        if failed is None:
            return redirect(url_for("dashboards.merged", public_id=public_id, other=other), 303)
        status, form.otp.data = failed, None
    preview: MergePreview | None = None
    obstacle = None
    try:
        preview = preview_merge(public_id, other, by=by, at=at)
    except Refused as error:
        obstacle = error.message
    page = render_template(
        "dashboards/merge.html",
        first=first,
        second=second,
        details=_details(first, second),
        similarity=compare_people(first.person.id, second.person.id, day=day) if preview else None,
        preview=preview,
        obstacle=obstacle,
        disabled=are_disabled([first.person.id, second.person.id], by=by),
        different=are_different(first.person.id, second.person.id),
        words={"sector": _words(SECTORS), "gender": _words(GENDERS)},
        roles=_role_words(preview.gained_roles) if preview else "",
        all_roles=_role_words(preview.after.roles) if preview else "",
        needs_code=by.has_second_factor,
        form=form,
    )
    return page, status


def _role_words(roles: Iterable[Role]) -> str:
    return listed(str(ROLE_WORDS[role]) for role in roles)


def _words(choices: Iterable[Any]) -> dict[str, str]:
    return {choice.value: str(choice.label) for choice in choices}


def _merged_already(public_id: str, other: str) -> ResponseReturnValue:
    """Leads to the merge of two who are one by now. Raises NotFound where it is one person with themselves."""
    if public_id == other:
        raise NotFound
    return redirect(url_for("dashboards.person", public_id=public_id, _anchor="merges"))


def _details(first: Profile, second: Profile) -> list[Detail]:
    """Returns what the two have, without what neither has. The second is chosen where only it says something."""

    def value(profile: Profile, name: str) -> Any:
        if name == "email":
            return profile.email
        if name == "country":
            return profile.country.code if profile.country else None
        return getattr(profile.person, name)

    details = []
    for name, label in LABELS.items():
        first_value, two = value(first, name), value(second, name)
        chosen = request.form.get(name) == "second" if request.method == "POST" else not first_value and bool(two)
        if first_value or two:
            details.append(Detail(name, str(label), first_value, two, chosen))
    return details


@bp.post("/admin/people/<public_id>/merge/<other>/different")
@allow(Role.ADMINISTRATOR)
def differ(public_id: str, other: str) -> ResponseReturnValue:
    """Keeps that two people are different, or with `undo` takes that back."""
    by, at = current_actor(), clock.now()
    with flash_refusal():
        if request.form.get("undo"):
            unmark_different(public_id, other, by=by, at=at)
            flash(_("They can be offered as possible duplicates again."), "done")
            return redirect(url_for("dashboards.merge", public_id=public_id, other=other), 303)
        mark_different(public_id, other, by=by, at=at)
        flash(_("Kept: these are different people. We will not ask again."), "done")
    if request.form.get("list"):
        return redirect(url_for("dashboards.duplicates"), 303)
    return redirect(url_for("dashboards.person", public_id=public_id), 303)


@bp.route("/admin/people/<public_id>/merged/<other>", methods=["GET", "POST"])
@allow(Role.ADMINISTRATOR)
def merged(public_id: str, other: str) -> ResponseReturnValue:
    """Shows what a merge united and what undoing it would change, and undoes it."""
    by, at = current_actor(), clock.now()
    if request.method == "POST":
        with flash_refusal():
            undo_merge(other, by=by, at=at)
            flash(_("The merge was undone. Each has their own record again."), "done")
        return redirect(url_for("dashboards.person", public_id=public_id), 303)
    preview = preview_undo(other, by=by, at=at)
    if preview.merge.kept_id != person_id_of(public_id):
        raise NotFound
    fields = [str(LABELS[name]) for name in preview.merge.fields]
    return render_template("dashboards/merged.html", preview=preview, merge=preview.merge, fields=fields)

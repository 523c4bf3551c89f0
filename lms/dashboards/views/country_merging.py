"""Merging two countries of the list, and undoing it."""

from __future__ import annotations

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from lms.core.base.errors import Invalid, Refused
from lms.core.base.roles import Role
from lms.core.text.i18n import _
from lms.core.time import clock
from lms.dashboards.forms import MergeForm
from lms.dashboards.queries.countries import get_country_merge, preview_country_merge, preview_country_undo
from lms.dashboards.views.blueprint import bp
from lms.dashboards.views.countries import find_country
from lms.people.actions.country_merging import merge_countries, undo_country_merge
from lms.people.forms import grouped_choices
from lms.people.queries.countries import country_names, list_countries, listed_country
from lms.web.forms.forms import flash_refusal
from lms.web.pages.locale import reader_locale
from lms.web.request.guards import allow
from lms.web.request.identity import current_actor


@bp.route("/admin/countries/<code>/merge", methods=["GET", "POST"])
@allow(Role.ADMINISTRATOR)
def merge_country(code: str) -> ResponseReturnValue:
    """Finds another country, shows what merging it into this one would change, and merges it."""
    country, by, at = find_country(code), current_actor(), clock.now()
    other = listed_country(request.values.get("other", ""))
    form, status, preview, obstacle = MergeForm(), 200, None, None
    if other is not None:
        given = other.code
        done = redirect(url_for("dashboards.merged_country", code=country.code, other=given), 303)
        if other.merged_into_id == country.id:
            return done
        if request.method == "POST":
            failed = form.attempt(
                lambda: merge_countries(country.code, given, reason=form.reason.data or "", by=by, at=at)
            )
            if failed is None:
                return done
            status = failed
        try:
            preview = preview_country_merge(country, other, by=by, at=at)
        except (Refused, Invalid) as error:
            obstacle = error.message
    names = country_names(reader_locale())
    offered = [one.code for one in list_countries() if one.merged_into_id is None and one.id != country.id]
    page = render_template(
        "dashboards/country_merge.html",
        country=country,
        other=other,
        choices=grouped_choices({code: names[code] for code in offered}, reader_locale()),
        preview=preview,
        obstacle=obstacle,
        form=form,
    )
    return page, status


@bp.route("/admin/countries/<code>/merged/<other>", methods=["GET", "POST"])
@allow(Role.ADMINISTRATOR)
def merged_country(code: str, other: str) -> ResponseReturnValue:
    """Shows a merge of two countries and what undoing it would change, and undoes it."""
    by, at = current_actor(), clock.now()
    if request.method == "POST":
        with flash_refusal():
            undo_country_merge(other, by=by, at=at)
            flash(_("The merge was undone. They are two countries again."), "done")
        return redirect(url_for("dashboards.edit_country", code=code), 303)
    merge = get_country_merge(code, other, by=by)
    preview = preview_country_undo(merge, by=by, at=at)
    return render_template("dashboards/country_merged.html", merge=merge, preview=preview)

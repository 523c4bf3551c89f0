"""The page on which a focal point nominates one person."""

from collections.abc import Sequence

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from lms.core.base.roles import Role
from lms.core.text.i18n import _
from lms.core.text.translations import reader_text
from lms.core.time import clock
from lms.nominations.actions.letters import read_letter
from lms.nominations.actions.one_person import NominationOutcome, nominate_person
from lms.nominations.forms import NominatePersonForm
from lms.nominations.models import NominationState
from lms.nominations.queries.checking import OwnPerson, find_own_person
from lms.nominations.queries.of_country import CountrySeries, list_series_to_nominate
from lms.nominations.rules import INVITATION_LASTS, MAX_LETTER_MB
from lms.nominations.views.profile_requests import bp
from lms.people.models import Country
from lms.people.queries.countries import own_countries, own_country
from lms.web.request.bodies import FORM_BYTES, body_limit
from lms.web.request.guards import allow
from lms.web.request.identity import current_actor


@bp.route("/country/nominations/new", methods=["GET", "POST"])
@allow(Role.FOCAL_POINT)
@body_limit(MAX_LETTER_MB * 1024 * 1024 + FORM_BYTES)
def nominate_one() -> ResponseReturnValue:
    """Nominates one person for one or several series. `do` is find (shows a profile), nominate, or draft."""
    by, at = current_actor(), clock.now()
    country = own_country(own_countries(by), request.args.get("country"))
    listed = list_series_to_nominate(country.id, by=by, at=at)
    form = NominatePersonForm()
    form.offer((one.series.slug, reader_text(one.series)) for one in listed)
    form.offer_languages(country)
    if request.method == "GET":
        only = request.args.get("series") or (listed[0].series.slug if len(listed) == 1 else "")
        form.series.data = [one.series.slug for one in listed if one.series.slug == only]
        return _page(form, country, listed)
    do = request.form.get("do")
    if do == "find":
        person = find_own_person(form.email.data or "", country_id=country.id, at=at) if form.validate() else None
        if person is not None:
            form.show(person)
        return _page(form, country, listed, person=person, status=422 if form.errors else 200)
    outcomes: list[NominationOutcome] = []

    def work() -> None:
        row = form.row()
        file = form.letter.data
        letter = read_letter(file.stream, file.filename or "") if file else None
        outcomes.extend(
            nominate_person(
                form.series.data or (),
                row,
                country_id=country.id,
                letter=letter,
                submit=do != "draft",
                by=by,
                at=at,
            )
        )

    status = form.attempt(work)
    if status is not None:
        return _page(form, country, listed, status=status)
    _tell(outcomes, is_draft=do == "draft")
    return redirect(url_for(".listing", country=country.code), 303)


def _tell(outcomes: Sequence[NominationOutcome], *, is_draft: bool) -> None:
    for outcome in outcomes:
        kind = "done"
        if outcome.state is NominationState.INVITED:
            message = _("Invited to “%(title)s”.", title=outcome.title)
        elif outcome.state is NominationState.SUBMITTED:
            message = _("“%(title)s”: the organiser decides first.", title=outcome.title)
        elif outcome.state is None:
            kind, message = "now", _("“%(title)s”: nominated already, nothing was changed.", title=outcome.title)
        elif is_draft:
            message = _("“%(title)s”: kept as a draft.", title=outcome.title)
        else:
            kind, message = (
                "now",
                _("“%(title)s”: no place is left. Kept as a draft until one is free.", title=outcome.title),
            )
        flash(message, kind)


def _page(
    form: NominatePersonForm,
    country: Country,
    listed: Sequence[CountrySeries],
    *,
    person: OwnPerson | None = None,
    status: int = 200,
) -> ResponseReturnValue:
    page = render_template(
        "nominations/nominate.html",
        form=form,
        country=country,
        countries=own_countries(current_actor()),
        listed={one.series.slug: one for one in listed},
        person=person,
        megabytes=MAX_LETTER_MB,
        answer_by=clock.now() + INVITATION_LASTS,
    )
    return page, status

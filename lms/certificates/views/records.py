"""Pages of learning records: what one would state now, those that were made, and their files."""

from flask import flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from lms.certificates.actions.records import make_record
from lms.certificates.pdf.record import figures_of, footnotes, sections_of, sum_of
from lms.certificates.queries import records
from lms.certificates.schemas import NUMBERS, drawable_language, pdf_answer
from lms.certificates.views.certificates import bp
from lms.core.base.errors import Refused
from lms.core.base.roles import Role
from lms.core.text.i18n import _
from lms.core.time import clock
from lms.people.queries.persons import get_person
from lms.web.request.guards import SIGNED_IN, allow
from lms.web.request.identity import current_actor
from lms.web.request.limits import throttle_guesses


@bp.get("/me/record")
@allow(SIGNED_IN)
def own_record() -> ResponseReturnValue:
    """Shows what the reader's learning record states today, and the records that were made."""
    return _page(current_actor().public_id or "")


@bp.post("/me/record")
@allow(SIGNED_IN)
def make_own_record() -> ResponseReturnValue:
    """Makes the reader's learning record as of today."""
    _make(current_actor().public_id or "")
    return redirect(url_for(".own_record", _anchor="records"), 303)


@bp.get("/admin/people/<public_id>/record")
@allow(Role.ADMINISTRATOR)
def record_of_person(public_id: str) -> ResponseReturnValue:
    """Shows an administrator what a person's learning record states today."""
    return _page(public_id)


@bp.post("/admin/people/<public_id>/record")
@allow(Role.ADMINISTRATOR)
def make_record_of_person(public_id: str) -> ResponseReturnValue:
    """Makes a person's learning record as of today, for an administrator."""
    _make(public_id)
    return redirect(url_for(".record_of_person", public_id=public_id, _anchor="records"), 303)


@bp.get("/records/<number>.pdf")
@allow(SIGNED_IN)
@throttle_guesses(NUMBERS)
def download_record(number: str) -> ResponseReturnValue:
    """Downloads a learning record, for its holder and administrators."""
    return pdf_answer(number, records.get_record_pdf(number, by=current_actor()))


def _page(public_id: str) -> str:
    by = current_actor()
    person = get_person(public_id, by=by)
    content = records.record_of(person.id, by=by)
    return render_template(
        "certificates/record.html",
        person=person,
        is_own=person.id == by.person_id,
        content=content,
        figures=figures_of(content),
        made=records.list_records(person.id, by=by),
        sections_of=sections_of,
        sum_of=sum_of,
        footnotes=footnotes(),
    )


def _make(public_id: str) -> None:
    by = current_actor()
    try:
        with drawable_language():
            make_record(get_person(public_id, by=by).id, by=by, at=clock.now())
    except Refused as refused:
        flash(refused.message, "wrong")
    else:
        flash(_("The learning record is ready to download."), "done")

"""The page on which staff choose what is shown as slides, turning pages, and the pages that viewers get."""

from typing import Any

from flask import Blueprint, Response, flash, jsonify, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from lms.core.base.errors import DomainError, Forbidden, Invalid, NotFound
from lms.core.base.roles import Role
from lms.core.text.i18n import _
from lms.core.time import clock
from lms.slides import actions
from lms.slides.models import DeckState
from lms.slides.panel import FOLDER, problem_words, throttle_turns
from lms.slides.queries import get_pdfs, read_page
from lms.slides.rules import MOST_PAGES
from lms.streaming.addresses import check_media_address
from lms.web.request.guards import ANYONE, allow
from lms.web.request.identity import current_actor

STAFF = (Role.ADMINISTRATOR, Role.INSTRUCTOR)
SHARED_SECONDS = 300
"""How long nginx and a CDN serve a page before they ask whether it is still there: it may have been removed."""
bp = Blueprint("slides", __name__, template_folder="templates")


@bp.get("/lectures/<int:lecture_id>/slides")
@allow(*STAFF)
def slides(lecture_id: int) -> ResponseReturnValue:
    """Shows the PDF files of a lecture, and which of them are shown in it."""
    lecture, pdfs = get_pdfs(lecture_id, by=current_actor())
    return render_template(
        "slides/slides.html",
        lecture=lecture,
        pdfs=pdfs,
        problems=problem_words(),
        is_working=any(pdf.deck is not None and pdf.deck.state is DeckState.WAITING for pdf in pdfs),
        most_pages=MOST_PAGES,
    )


@bp.post("/lectures/<int:lecture_id>/slides/<file_id>")
@allow(*STAFF)
def choose(lecture_id: int, file_id: str) -> ResponseReturnValue:
    """Shows a PDF file in its lecture (`do` is show), or no longer (hide)."""
    by, at = current_actor(), clock.now()
    try:
        if request.form.get("do") == "hide":
            actions.hide_file(lecture_id, file_id, by=by, at=at)
            flash(_("The file is no longer shown in the lecture."), "done")
        elif request.form.get("do") == "show":
            actions.show_file(lecture_id, file_id, by=by, at=at)
        else:
            raise Invalid("do", _("Choose an option from the list."))
    except (NotFound, Forbidden):
        raise
    except DomainError as error:
        flash(error.message, "wrong")
    return redirect(url_for(".slides", lecture_id=lecture_id), 303)


@bp.post("/lectures/<int:lecture_id>/slides/turn")
@allow(*STAFF)
@throttle_turns
def turn(lecture_id: int) -> ResponseReturnValue:
    """Turns to a `page` of a `deck`; `late_ms` after the presenter did, where it could not be sent at once."""
    given: dict[str, Any] = {
        "page": request.form.get("page", type=int),
        "late_ms": request.form.get("late_ms", 0, type=int),
    }
    try:
        actions.turn_page(lecture_id, request.form.get("deck", ""), **given, by=current_actor(), at=clock.now())
    except DomainError as error:
        return jsonify(detail=error.message), error.status
    return jsonify(page=given["page"])


@bp.get(f"/media/<mac>/<int:expires>/<int:lecture_id>/{FOLDER}<version>/<name>")
@allow(ANYONE)
def page(mac: str, expires: int, lecture_id: int, version: str, name: str) -> ResponseReturnValue:
    """Returns a picture or the text of a page, to anyone with its signed address. nginx asks once for each."""
    check_media_address(mac, expires, lecture_id, f"{FOLDER}{version}", at=clock.now())
    stored = read_page(lecture_id, version, name)
    answer = Response(status=404) if stored is None else Response(stored[0], mimetype=stored[1])
    answer.cache_control.public = True
    answer.cache_control.max_age = 1 if stored is None else 86_400
    answer.cache_control.s_maxage = None if stored is None else SHARED_SECONDS
    return answer

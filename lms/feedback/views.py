"""Pages of feedback: answering, with and without signing in, writing the questions, and the results."""

from collections.abc import Callable, Mapping
from typing import Any

from flask import Blueprint, current_app, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from lms.catalogue.queries.lectures import get_lecture
from lms.catalogue.queries.series import get_series
from lms.catalogue.rules import check_can_edit_lecture, check_can_edit_series
from lms.core.base.disclosure import FEWEST
from lms.core.base.errors import NotFound, Refused
from lms.core.base.roles import SYSTEM, Role
from lms.core.text.i18n import _
from lms.core.text.translations import main_language
from lms.core.time import clock
from lms.feedback import actions
from lms.feedback.queries import (
    AskedForm,
    FeedbackResults,
    OwnFeedback,
    form_of,
    form_of_series,
    list_templates,
    outdated_mails,
    own_feedback,
    questions_to_start_from,
    results_of,
)
from lms.feedback.rules import KINDS, MOST_QUESTIONS, make_link, read_link, way_names
from lms.mail import rendering
from lms.mail.outbox import SECRET
from lms.mail.stops import register_outdated
from lms.people.queries.countries import country_names
from lms.people.queries.persons import canonical, contact_of
from lms.questions.forms import QuestionsForm, answers_form, questions_data
from lms.web.lists.parts import table_file
from lms.web.pages.locale import reader_locale
from lms.web.request.guards import ANYONE, SIGNED_IN, allow
from lms.web.request.identity import current_actor
from lms.web.request.limits import throttle_guesses

STAFF = (Role.ADMINISTRATOR, Role.INSTRUCTOR)
READERS = (*STAFF, Role.REPORTER)
bp = Blueprint("feedback", __name__, template_folder="templates")


def init_app(app: Any) -> None:
    """Has the e-mail that asks carry a link of its reader's own."""
    rendering.register(app, actions.TEMPLATE, _with_link)
    register_outdated(app, [actions.TEMPLATE], outdated_mails)


def _with_link(payload: Mapping[str, Any]) -> rendering.More:
    person_id = payload["to_person_id"]
    if SECRET in payload:  # shown to somebody else than its reader
        return rendering.More({"link": f"/feedback/{rendering.STRUCK_OUT}"})
    if person_id is None:
        return rendering.More({"link": None})
    link = make_link(_secrets(), int(payload["lecture_id"]), canonical(person_id))
    return rendering.More({"link": f"/feedback/{link}"})


def _secrets() -> list[str]:
    return [current_app.config["SECRET_KEY"], *current_app.config["SECRET_KEY_FALLBACKS"]]


@bp.route("/lectures/<int:lecture_id>/feedback", methods=["GET", "POST"])
@allow(SIGNED_IN)
def feedback(lecture_id: int) -> ResponseReturnValue:
    """Asks the reader about a lecture that they were expected at."""
    by, at = current_actor(), clock.now()
    person_feedback = own_feedback(lecture_id, by.person_id or 0, by=by, at=at)
    after = url_for("dashboards.lecture", lecture_id=lecture_id)

    def save(sent: Mapping[str, Any]) -> None:
        actions.answer(lecture_id, by.person_id or 0, sent, by=by, at=at)

    return _answer(person_feedback, save, after, stored=person_feedback.answers)


@bp.route("/feedback/<secret>", methods=["GET", "POST"])
@allow(ANYONE, allow_without_mfa=True)
@throttle_guesses("feedback")
def feedback_by_link(secret: str) -> ResponseReturnValue:
    """Asks the reader of an e-mail about a lecture, without signing in. What they answered before is not shown."""
    at, link = clock.now(), read_link(_secrets(), secret)
    if link is None:
        raise NotFound
    lecture_id, person_id = link[0], canonical(link[1])
    person_feedback = own_feedback(lecture_id, person_id, by=SYSTEM, at=at)
    contact = contact_of([person_id]).get(person_id)

    def save(sent: Mapping[str, Any]) -> None:
        actions.answer(lecture_id, person_id, sent, by=SYSTEM, at=at)

    after = url_for("dashboards.lecture", lecture_id=lecture_id)
    return _answer(person_feedback, save, after, stored={}, for_address=_masked(contact.address) if contact else "")


def _masked(address: str | None) -> str:
    """An address that its owner recognises and nobody else learns: the link may be forwarded."""
    name, _at, domain = (address or "").rpartition("@")
    return f"{name[:1]}…@{domain}" if domain else ""


def _answer(
    person_feedback: OwnFeedback,
    save: Callable[[Mapping[str, Any]], object],
    after: str,
    *,
    stored: Mapping[str, Any],
    for_address: str = "",
) -> ResponseReturnValue:
    form, status = answers_form(person_feedback.form.questions, stored), 200
    if request.method == "POST" and person_feedback.is_open:
        failed = form.attempt(lambda: save(form.answers()))
        if failed is None:
            flash(_("Thank you. Your feedback was saved."), "done")
            return redirect(after, 303)
        status = failed
    elif request.method == "POST":
        raise Refused(_("Feedback on this lecture has ended. It was open for 14 days after the lecture."))
    page = render_template(
        "feedback/answer.html", own=person_feedback, form=form, for_address=for_address, after=after, few=FEWEST
    )
    return page, status


@bp.route("/lectures/<int:lecture_id>/feedback-form", methods=["GET", "POST"])
@allow(*STAFF)
def lecture_form(lecture_id: int) -> ResponseReturnValue:
    """Writes the questions that are asked about a lecture."""
    by = current_actor()
    lecture = get_lecture(lecture_id, by=by)
    check_can_edit_lecture(lecture, by)
    address, after = request.path, url_for("dashboards.lecture", lecture_id=lecture_id)

    def save(sent: list[dict[str, Any]]) -> None:
        actions.save_form(lecture_id, sent, by=by, at=clock.now())

    return _edit(form_of(lecture), main_language(lecture), save, address, after, lecture=lecture, series=lecture.series)


@bp.route("/series/<slug>/feedback-form", methods=["GET", "POST"])
@allow(*STAFF)
def series_form(slug: str) -> ResponseReturnValue:
    """Writes the questions that are asked about the lectures of a series that have none of their own."""
    by = current_actor()
    series = get_series(slug, by=by)
    check_can_edit_series(series, by)
    address, after = request.path, url_for("dashboards.series", slug=slug)

    def save(sent: list[dict[str, Any]]) -> None:
        actions.save_form_of_series(slug, sent, by=by, at=clock.now())

    return _edit(form_of_series(series), main_language(series), save, address, after, lecture=None, series=series)


def _edit(
    form_now: AskedForm,
    main: str,
    save: Callable[[list[dict[str, Any]]], object],
    address: str,
    after: str,
    **shown: Any,
) -> ResponseReturnValue:
    owner = shown["lecture"] or shown["series"]
    templates = [one for one in list_templates(by=current_actor()) if one.row is not owner]
    started = next((one for one in templates if str(one.id) == request.args.get("from")), None)
    questions = form_now.questions if started is None else questions_to_start_from(started)
    stored = {"questions": questions_data(questions)}
    more = {} if request.method == "POST" else {"data": stored}
    form, status = QuestionsForm(most=MOST_QUESTIONS, main=main, kinds=KINDS, **more), 200
    if "reset" in request.form:
        save([])
        flash(_("Saved."), "done")
        return redirect(address, 303)
    if request.method == "POST" and not form.use_step():
        failed = form.attempt(lambda: save(form.sent()))
        if failed is None:
            flash(_("Saved."), "done")
            return redirect(after, 303)
        status = failed
    page = render_template(
        "feedback/form.html",
        form=form,
        asked=form_now,
        here=address,
        after=after,
        templates=templates,
        started=started,
        **shown,
    )
    return page, status


@bp.get("/lectures/<int:lecture_id>/feedback-results")
@allow(*READERS)
def results(lecture_id: int) -> ResponseReturnValue:
    """Shows what people answered about a lecture, without names and without groups of fewer than five."""
    by = current_actor()
    shown = results_of(lecture_id, by=by, at=clock.now())
    return render_template(
        "feedback/results.html",
        results=shown,
        lecture=shown.lecture,
        names=country_names(reader_locale()),
        locale=reader_locale(),
        way_names=way_names(),
        few=FEWEST,
    )


@bp.get("/lectures/<int:lecture_id>/feedback-results.<kind>")
@allow(*READERS)
def results_file(lecture_id: int, kind: str) -> ResponseReturnValue:
    """Downloads the results of a lecture as CSV or XLSX."""
    if kind not in ("csv", "xlsx"):
        raise NotFound
    shown = results_of(lecture_id, by=current_actor(), at=clock.now())
    headings = ("section", "question", "value", "answers", "mean")
    return table_file(
        kind, f"feedback-{lecture_id}", _("Feedback"), headings, _lines(shown), widths=(12, 40, 40, 10, 10)
    )


def _lines(shown: FeedbackResults) -> list[tuple[object, ...]]:
    """Every number and comment of the results. Main texts, so that programs read the same in every language."""
    lines: list[tuple[object, ...]] = [("all", "", "", shown.answers, None)]
    for result in shown.questions:
        text = result.question.text
        lines.append(("question", text, "", result.answers, _rounded(result.mean)))
        lines += [("answer", text, value, count, None) for value, count in result.counts.items()]
        lines += [("comment", text, each.text, None, None) for each in result.comments if each.reason is None]
    texts = {result.question.key: result.question.text for result in shown.questions}
    for section, groups in (("country", shown.countries), ("source", shown.sources)):
        for key, group in groups.items():
            lines.append((section, "", key, group.answers, None))
            lines += [
                (section, texts[name], key, None, _rounded(mean))
                for name, mean in group.means.items()
                if mean is not None
            ]
    return lines


def _rounded(mean: float | None) -> float | None:
    return None if mean is None else round(mean, 2)


@bp.post("/lectures/<int:lecture_id>/feedback-results/hide")
@allow(*STAFF)
def hide(lecture_id: int) -> ResponseReturnValue:
    """Hides a comment with a reason, or, for administrators, shows it again."""
    by, at = current_actor(), clock.now()
    answer_id, _dash, key = request.form.get("comment", "").partition("-")
    if not answer_id.isdecimal() or len(answer_id) > 9:
        raise NotFound
    if "show" in request.form:
        actions.show_comment(lecture_id, int(answer_id), key, by=by, at=at)
    else:
        actions.hide_comment(lecture_id, int(answer_id), key, request.form.get("reason", ""), by=by, at=at)
    flash(_("Saved."), "done")
    return redirect(url_for(".results", lecture_id=lecture_id), 303)

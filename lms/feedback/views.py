"""Pages of feedback: answering, with and without signing in, writing the questions, and the results."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from lms.catalogue.models import Series
from lms.catalogue.queries.lectures import get_lecture
from lms.catalogue.queries.series import get_series, get_series_by_id
from lms.catalogue.rules import check_can_edit_lecture, check_can_edit_series
from lms.core.base.disclosure import FEWEST
from lms.core.base.errors import NotFound, Refused
from lms.core.base.roles import SYSTEM, Role
from lms.core.base.settings import signing_secrets
from lms.core.text.i18n import _
from lms.core.text.translations import main_language
from lms.core.time import clock
from lms.enrolment.queries.series import is_over
from lms.feedback import actions
from lms.feedback.queries import (
    AskedForm,
    OwnFeedback,
    Subject,
    form_of,
    form_of_series,
    list_templates,
    outdated_mails,
    outdated_series_mails,
    own_feedback,
    questions_to_start_from,
)
from lms.feedback.results import FeedbackResults, may_edit, results_of
from lms.feedback.rules import KINDS, MOST_QUESTIONS, PROPOSED, make_link, read_link, why_closed
from lms.mail import rendering
from lms.mail.outbox import SECRET
from lms.mail.stops import register_outdated
from lms.people.queries.countries import country_names
from lms.people.queries.persons import canonical, contact_of
from lms.questions.forms import QuestionsForm, answers_form, questions_data
from lms.web.api.api import rfc3339
from lms.web.lists.parts import table_file
from lms.web.pages.locale import reader_locale
from lms.web.request.guards import ANYONE, SIGNED_IN, allow
from lms.web.request.identity import current_actor
from lms.web.request.limits import throttle_guesses

STAFF = (Role.ADMINISTRATOR, Role.INSTRUCTOR)
READERS = (*STAFF, Role.REPORTER)
bp = Blueprint("feedback", __name__, template_folder="templates")


def init_app(app: Any) -> None:
    """Has the e-mails that ask carry a link of their reader's own."""
    rendering.register(app, actions.TEMPLATE, _with_link)
    rendering.register(app, actions.SERIES_TEMPLATE, _with_link)
    register_outdated(app, [actions.TEMPLATE], outdated_mails)
    register_outdated(app, [actions.SERIES_TEMPLATE], outdated_series_mails)


def _with_link(payload: Mapping[str, Any]) -> rendering.More:
    person_id = payload["to_person_id"]
    if SECRET in payload:  # shown to somebody else than its reader
        return rendering.More({"link": f"/feedback/{rendering.STRUCK_OUT}"})
    if person_id is None:
        return rendering.More({"link": None})
    is_series = "lecture_id" not in payload
    subject_id = int(payload["series_id" if is_series else "lecture_id"])
    link = make_link(signing_secrets(), subject_id, canonical(person_id), is_series=is_series)
    return rendering.More({"link": f"/feedback/{link}"})


def _page_of(subject: Subject) -> str:
    if isinstance(subject, Series):
        return url_for("dashboards.series", slug=subject.slug)
    return url_for("dashboards.lecture", lecture_id=subject.id)


@bp.route("/lectures/<int:lecture_id>/feedback", methods=["GET", "POST"])
@allow(SIGNED_IN)
def feedback(lecture_id: int) -> ResponseReturnValue:
    """Asks the reader about a lecture that they were expected at."""
    return _own_page(get_lecture(lecture_id, by=current_actor()))


@bp.route("/series/<slug>/feedback", methods=["GET", "POST"])
@allow(SIGNED_IN)
def feedback_on_series(slug: str) -> ResponseReturnValue:
    """Asks the reader about a series of which they attended a lecture."""
    return _own_page(get_series(slug, by=current_actor()))


def _own_page(subject: Subject) -> ResponseReturnValue:
    by, at = current_actor(), clock.now()
    person_feedback = own_feedback(subject, by.person_id or 0, at=at)

    def save(sent: Mapping[str, Any]) -> None:
        actions.answer(subject, by.person_id or 0, sent, by=by, at=at)

    return _answer(person_feedback, save, _page_of(subject), stored=person_feedback.answers)


@bp.route("/feedback/<secret>", methods=["GET", "POST"])
@allow(ANYONE, allow_without_mfa=True)
@throttle_guesses("feedback")
def feedback_by_link(secret: str) -> ResponseReturnValue:
    """Asks the reader of an e-mail about a lecture or series, without signing in. What they answered before is not
    shown, and only changed by who says so."""
    at, link = clock.now(), read_link(signing_secrets(), secret)
    if link is None:
        raise NotFound
    subject: Subject = (get_series_by_id if link.is_series else get_lecture)(link.subject_id, by=SYSTEM)
    person_id = canonical(link.person_id)
    person_feedback = own_feedback(subject, person_id, at=at)
    contact = contact_of([person_id]).get(person_id)

    def save(sent: Mapping[str, Any]) -> None:
        actions.answer(subject, person_id, sent, by=SYSTEM, at=at)

    address = _masked(contact.address) if contact else ""
    return _answer(person_feedback, save, _page_of(subject), stored={}, for_address=address)


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
    has_answered = bool(for_address) and person_feedback.answered_at is not None
    if request.method == "POST" and person_feedback.is_open and has_answered and "change" not in request.form:
        status = 409  # who answered, perhaps somebody else, did so since this page was opened; what was typed stays
    elif request.method == "POST" and person_feedback.is_open:
        failed = form.attempt(lambda: save(form.answers()))
        if failed is None:
            flash(_("Thank you. Your feedback was saved."), "done")
            return redirect(after, 303)
        status = failed
    elif request.method == "POST":
        raise Refused(why_closed(person_feedback.subject, person_feedback.closes_at))
    page = render_template(
        "feedback/answer.html",
        own=person_feedback,
        closed=why_closed(person_feedback.subject, person_feedback.closes_at),
        form=form,
        for_address=for_address,
        asks_first=has_answered and request.method == "GET" and "change" not in request.args,
        after=after,
        few=FEWEST,
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


@bp.route("/series/<slug>/end-feedback-form", methods=["GET", "POST"])
@allow(*STAFF)
def form_about_series(slug: str) -> ResponseReturnValue:
    """Writes the questions that are asked about a series as a whole, when it is over."""
    by = current_actor()
    series = get_series(slug, by=by)
    check_can_edit_series(series, by)

    def save(sent: list[dict[str, Any]]) -> None:
        actions.save_form_about_series(slug, sent, by=by, at=clock.now())

    form_now = form_of(series)
    after = url_for(".results_of_series", slug=slug)
    now_asked = len(actions.waiting_people(series)) if not form_now.questions and is_over(series.id) else 0
    return _edit(
        form_now if form_now.questions else AskedForm(None, PROPOSED), main_language(series), save, request.path, after,
        lecture=None, series=series, is_about_series=True, is_asked=bool(form_now.questions), now_asked=now_asked,
    )  # fmt: skip


def _edit(
    form_now: AskedForm,
    main: str,
    save: Callable[[list[dict[str, Any]]], object],
    address: str,
    after: str,
    **shown: Any,
) -> ResponseReturnValue:
    templates = [one for one in list_templates(by=current_actor()) if one.id != form_now.id]
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
    lecture = get_lecture(lecture_id, by=current_actor())
    address = partial(url_for, ".results_file", lecture_id=lecture_id)
    paper = url_for("reports.feedback_paper", lecture_id=lecture_id)
    return _results(lecture, lecture.series, address, paper, url_for(".hide", lecture_id=lecture_id), is_asked=True)


@bp.get("/series/<slug>/feedback-results")
@allow(*READERS)
def results_of_series(slug: str) -> ResponseReturnValue:
    """Shows what people answered about a series as a whole, as that about a lecture, and its lectures by year."""
    by = current_actor()
    series = get_series(slug, by=by)
    address = partial(url_for, ".series_results_file", slug=slug)
    paper = url_for("reports.series_feedback_paper", slug=slug)
    is_asked = bool(form_of(series).questions)
    return _results(series, series, address, paper, url_for(".hide_on_series", slug=slug), is_asked=is_asked)


def _results(
    subject: Subject, series: Series, address: Callable[..., str], paper: str, hide: str, *, is_asked: bool
) -> ResponseReturnValue:
    by = current_actor()
    return render_template(
        "feedback/results.html",
        results=results_of(subject, by=by, at=clock.now()),
        subject=subject,
        series=series,
        is_asked=is_asked,
        may_edit=may_edit(subject, by),
        files=[("PDF", paper), ("XLSX", address(kind="xlsx")), ("CSV", address(kind="csv"))],
        hide=hide,
        names=country_names(reader_locale()),
        locale=reader_locale(),
        few=FEWEST,
    )


@bp.get("/lectures/<int:lecture_id>/feedback-results.<kind>")
@allow(*READERS)
def results_file(lecture_id: int, kind: str) -> ResponseReturnValue:
    """Downloads the results of a lecture as CSV or XLSX."""
    return _file(get_lecture(lecture_id, by=current_actor()), kind)


@bp.get("/series/<slug>/feedback-results.<kind>")
@allow(*READERS)
def series_results_file(slug: str, kind: str) -> ResponseReturnValue:
    """Downloads the results of a series as CSV or XLSX."""
    return _file(get_series(slug, by=current_actor()), kind)


def _file(subject: Subject, kind: str) -> ResponseReturnValue:
    if kind not in ("csv", "xlsx"):
        raise NotFound
    shown = results_of(subject, by=current_actor(), at=clock.now())
    headings = ("section", "question", "value", "answers", "mean")
    return table_file(kind, shown.name, _("Feedback"), headings, _lines(shown), widths=(12, 40, 40, 10, 10))


def _lines(shown: FeedbackResults) -> list[tuple[object, ...]]:
    """Every number and comment of the results. Main texts, so that programs read the same in every language."""
    lines: list[tuple[object, ...]] = [("all", "", "", shown.answers, None)]
    if shown.released_at is not None:
        lines.append(("released_at", "", rfc3339(shown.released_at), None, None))
    for result in shown.questions:
        text = result.question.text
        lines.append(("question", text, "", result.answers, _rounded(result.mean)))
        lines += [("answer", text, value, count, None) for value, count in result.counts.items()]
        lines += [("comment", text, each.text, None, None) for each in result.comments if each.reason is None]
    texts = {result.question.key: result.question.text for result in shown.questions}
    for key, group in shown.countries.items():
        lines.append(("country", "", key, group.answers, None))
        lines += [
            ("country", texts[name], key, None, _rounded(mean))
            for name, mean in group.means.items()
            if mean is not None
        ]
    lines += [("year", "", year, group.answers, _rounded(group.mean)) for year, group in shown.years.items()]
    return lines


def _rounded(mean: float | None) -> float | None:
    return None if mean is None else round(mean, 2)


@bp.post("/lectures/<int:lecture_id>/feedback-results/hide")
@allow(*STAFF)
def hide(lecture_id: int) -> ResponseReturnValue:
    """Hides a comment with a reason, or, for administrators, shows it again."""
    return _hide(get_lecture(lecture_id, by=current_actor()), url_for(".results", lecture_id=lecture_id))


@bp.post("/series/<slug>/feedback-results/hide")
@allow(*STAFF)
def hide_on_series(slug: str) -> ResponseReturnValue:
    """Hides a comment on a series with a reason, or, for administrators, shows it again."""
    return _hide(get_series(slug, by=current_actor()), url_for(".results_of_series", slug=slug))


def _hide(subject: Subject, after: str) -> ResponseReturnValue:
    by, at = current_actor(), clock.now()
    token = request.form.get("comment", "")
    if "show" in request.form:
        actions.show_comment(subject, token, by=by, at=at)
    else:
        actions.hide_comment(subject, token, request.form.get("reason", ""), by=by, at=at)
    flash(_("Saved."), "done")
    return redirect(after, 303)

"""Pages on which the staff of a series write to the people enrolled."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from lms.catalogue.models import Series
from lms.core import clock
from lms.core.errors import Invalid, Refused
from lms.core.i18n import _
from lms.core.roles import Role
from lms.core.sorting import sort_key
from lms.enrolment.queries.series import count_countries
from lms.messages import actions, mailing, queries
from lms.messages.forms import MessageForm, audience_words
from lms.messages.models import Message, MessageState
from lms.messages.rules import MAX_SUBJECT, MAX_TEXT, NAME, WAIT, AudienceInput, can_stop, with_name
from lms.people.queries.countries import country_names
from lms.web.guards import allow
from lms.web.identity import current_actor
from lms.web.locale import reader_locale
from lms.web.numbers import whole

STAFF = (Role.ADMINISTRATOR, Role.INSTRUCTOR)
bp = Blueprint("messages", __name__, template_folder="templates")
init_app = mailing.init_app


@bp.get("/series/<slug>/messages")
@allow(*STAFF)
def messages(slug: str) -> ResponseReturnValue:
    """Messages of a series, the newest first."""
    series = queries.get_series_to_write(slug, by=current_actor())
    rows = queries.list_messages(series)
    return render_template("messages/messages.html", series=series, rows=rows, words=audience_words())


@bp.route("/series/<slug>/messages/new", methods=["GET", "POST"])
@allow(*STAFF)
def new_message(slug: str) -> ResponseReturnValue:
    """Writes a message. `to` and `lecture` in the address choose the readers beforehand."""
    series = queries.get_series_to_write(slug, by=current_actor())
    form = MessageForm(formdata=None) if request.method == "GET" else MessageForm()
    if request.method == "GET":
        form.to.data = request.args.get("to") or form.to.data
        form.lecture.data = request.args.get("lecture", "")
        form.text.data = _("Dear %(name)s,", name=NAME) + "\n\n"
    return _write(series, None, form)


@bp.route("/series/<slug>/messages/<message_id>/edit", methods=["GET", "POST"])
@allow(*STAFF)
def edit_message(slug: str, message_id: str) -> ResponseReturnValue:
    """Changes a draft."""
    series = queries.get_series_to_write(slug, by=current_actor())
    row = queries.get_message(series, message_id)
    if row.state is not MessageState.DRAFT:
        return redirect(url_for(".message", slug=slug, message_id=message_id))
    stored = {
        "to": row.audience.value,
        "lecture": str(row.lecture_id or ""),
        "country": row.country,
        "subject": row.subject,
        "text": row.text,
    }
    return _write(series, row, MessageForm(data=stored))


def _write(series: Series, row: Message | None, form: MessageForm) -> ResponseReturnValue:
    """The form: `step` is *count* where only the numbers are asked for anew, otherwise the draft is saved."""
    by, status = current_actor(), 200
    lectures = queries.held_lectures_of(series, by=by)
    if form.lecture.data not in {str(one.id) for one in lectures}:
        form.lecture.data = str(lectures[0].id) if lectures else ""
    chosen = form.audience()
    held = next((one for one in lectures if one.id == chosen.lecture_id), None)
    counts = queries.count_audiences(series, held, by=by)
    names = country_names(reader_locale())
    people = count_countries(series, by=by)
    form.offer(counts, lectures, [(c, names[c], people[c]) for c in sorted(people, key=lambda c: sort_key(names[c]))])
    if form.to.data not in {one.value for one in counts}:
        form.to.data = chosen.audience.EVERYONE.value
    if request.method == "POST" and request.form.get("step") != "count":
        saved: list[str] = []

        def work() -> None:
            public_id = None if row is None else row.public_id
            saved.append(actions.save_message(series.slug, public_id, form.message(), by=by, at=clock.now()))

        refusal = form.attempt(work)
        if refusal is None:
            return redirect(url_for(".message", slug=series.slug, message_id=saved[0]), 303)
        status = refusal
    readers = _count(series, form.audience())
    page = render_template(
        "messages/write.html",
        series=series,
        row=row,
        form=form,
        readers=readers,
        max_subject=MAX_SUBJECT,
        max_text=MAX_TEXT,
    )
    return page, status


def _count(series: Series, to: AudienceInput) -> queries.Readers | None:
    try:
        return queries.count_readers(series, to, by=current_actor())
    except (Invalid, Refused):
        return None


@bp.get("/series/<slug>/messages/<message_id>")
@allow(*STAFF)
def message(slug: str, message_id: str) -> ResponseReturnValue:
    """A draft as its readers will get it, before it is sent; afterwards, how far it is."""
    return _page(slug, message_id)


def _page(slug: str, message_id: str, refusal: str | None = None) -> ResponseReturnValue:
    by = current_actor()
    series = queries.get_series_to_write(slug, by=by)
    row = queries.get_message(series, message_id)
    shown: dict[str, Any] = {"series": series, "row": row, "words": audience_words(), "refusal": refusal}
    status = 409 if refusal else 200
    shown["country"] = country_names(reader_locale()).get(row.country, row.country)
    shown["lecture"] = next((o for o in queries.held_lectures_of(series, by=by) if o.id == row.lecture_id), None)
    if row.state is not MessageState.DRAFT:
        shown |= {"progress": queries.progress_of(row), "failures": queries.list_failures(row, by=by)}
        return render_template("messages/message.html", can_stop=can_stop(row), **shown), status
    to = AudienceInput(row.audience, row.lecture_id, row.country)
    readers = _count(series, to)
    examples = queries.list_examples(series, to, by=by) if readers is not None else []
    wanted = request.args.get("as")
    name = next((name for public_id, name in examples if public_id == wanted), None)
    name = name or (examples[0][1] if examples else by.full_name)
    shown |= {
        "readers": readers,
        "examples": examples,
        "reader": name,
        "subject": with_name(row.subject, name),
        "text": with_name(row.text, name),
        "wait": int(WAIT.total_seconds() // 60),
    }
    return render_template("messages/draft.html", **shown), status


@bp.post("/series/<slug>/messages/<message_id>/send")
@allow(*STAFF)
def send_message(slug: str, message_id: str) -> ResponseReturnValue:
    """Sends a draft to the number of readers that was shown (`readers`)."""
    readers = request.form.get("readers", default=0, type=whole)
    try:
        actions.confirm_message(slug, message_id, readers, by=current_actor(), at=clock.now())
    except Refused as error:
        return _page(slug, message_id, error.message)
    return redirect(url_for(".message", slug=slug, message_id=message_id), 303)


@bp.post("/series/<slug>/messages/<message_id>/test")
@allow(*STAFF)
def send_test(slug: str, message_id: str) -> ResponseReturnValue:
    """Sends a draft to whoever asks."""
    actions.send_to_author(slug, message_id, by=current_actor(), at=clock.now())
    flash(_("We have sent a test to your e-mail address."), "done")
    return redirect(url_for(".message", slug=slug, message_id=message_id), 303)


@bp.post("/series/<slug>/messages/<message_id>/stop")
@allow(*STAFF)
def stop_message(slug: str, message_id: str) -> ResponseReturnValue:
    """Keeps back what has not been sent."""
    actions.stop_message(slug, message_id, by=current_actor(), at=clock.now())
    return redirect(url_for(".message", slug=slug, message_id=message_id), 303)


@bp.post("/series/<slug>/messages/<message_id>/delete")
@allow(*STAFF)
def delete_message(slug: str, message_id: str) -> ResponseReturnValue:
    """Deletes a draft."""
    actions.delete_draft(slug, message_id, by=current_actor())
    flash(_("Draft deleted."), "done")
    return redirect(url_for(".messages", slug=slug), 303)

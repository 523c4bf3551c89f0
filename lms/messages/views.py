"""Pages on which the staff of a series write to the people enrolled, and focal points to those of their countries."""

from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from lms.catalogue.models import Series
from lms.certificates.queries.progress import standings_of
from lms.certificates.remaining import Standing
from lms.core.base.errors import Forbidden, Invalid, Refused
from lms.core.base.roles import Actor, Role
from lms.core.text.i18n import _, name_key
from lms.core.text.translations import reader_text
from lms.core.time import clock
from lms.enrolment.queries.series import count_countries
from lms.messages import actions, mailing, queries
from lms.messages.forms import MessageForm, audience_words
from lms.messages.models import Audience, Message, MessageState
from lms.messages.rules import MAX_SUBJECT, MAX_TEXT, NAME, WAIT, AudienceInput, can_stop, may_write, with_name
from lms.people.queries.countries import country_names, own_countries
from lms.people.queries.persons import person_id_of
from lms.web.forms.forms import whole
from lms.web.pages.locale import reader_locale
from lms.web.request.guards import allow
from lms.web.request.identity import current_actor

WRITERS = (Role.ADMINISTRATOR, Role.INSTRUCTOR, Role.FOCAL_POINT)
bp = Blueprint("messages", __name__, template_folder="templates")
init_app = mailing.init_app


@bp.get("/series/<slug>/messages")
@allow(*WRITERS)
def messages(slug: str) -> ResponseReturnValue:
    """Messages of a series, the newest first."""
    by = current_actor()
    series = queries.get_series_to_write(slug, by=by)
    rows = queries.list_messages(series, by=by)
    return render_template(
        "messages/messages.html", series=series, rows=rows, words=audience_words(), may_write=may_write(series, by)
    )


@bp.route("/series/<slug>/messages/new", methods=["GET", "POST"])
@allow(*WRITERS)
def new_message(slug: str) -> ResponseReturnValue:
    """Writes a message. `to`, `lecture`, `country` and `search` in the address choose the readers beforehand."""
    by = current_actor()
    series = queries.get_series_to_write(slug, by=by)
    form = MessageForm(formdata=None) if request.method == "GET" else MessageForm()
    if request.method == "GET":
        form.to.data = request.args.get("to") or form.to.data
        form.lecture.data = request.args.get("lecture", "")
        form.country.data = request.args.get("country", "")
        form.search.data = request.args.get("search", "")
        form.text.data = _("Dear %(name)s,", name=NAME) + "\n\n"
        if form.to.data == Audience.BEHIND or not may_write(series, by):
            form.subject.data = _("You can still earn your certificate: %(title)s", title=reader_text(series))[
                :MAX_SUBJECT
            ]
            form.text.data += _reminder(by.full_name)
    return _write(series, None, form)


@bp.route("/series/<slug>/messages/<message_id>/edit", methods=["GET", "POST"])
@allow(*WRITERS)
def edit_message(slug: str, message_id: str) -> ResponseReturnValue:
    """Changes a draft."""
    series = queries.get_series_to_write(slug, by=current_actor())
    row = queries.get_message(series, message_id, by=current_actor())
    if row.state is not MessageState.DRAFT:
        return redirect(url_for(".message", slug=slug, message_id=message_id))
    stored = {
        "to": row.audience.value,
        "lecture": str(row.lecture_id or ""),
        "country": row.country,
        "search": row.search,
        "subject": row.subject,
        "text": row.text,
    }
    return _write(series, row, MessageForm(data=stored))


def _write(series: Series, row: Message | None, form: MessageForm) -> ResponseReturnValue:
    """The form: with `step` *count* only the numbers are refreshed, otherwise the draft is saved."""
    by, status = current_actor(), 200
    _offer(series, form, by)
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
        states_progress=form.audience().audience is Audience.BEHIND,
        max_subject=MAX_SUBJECT,
        max_text=MAX_TEXT,
    )
    return page, status


def _offer(series: Series, form: MessageForm, by: Actor) -> None:
    """Fills the choices of the form, and replaces what cannot be chosen."""
    names = country_names(reader_locale())
    if not may_write(series, by):
        codes = [country.code for country in own_countries(by)]
        form.offer_reminder([(code, names[code]) for code in codes])
        if form.country.data not in codes:
            form.country.data = codes[0]
        return
    lectures = queries.held_lectures_of(series, by=by)
    if form.lecture.data not in {str(lecture.id) for lecture in lectures}:
        form.lecture.data = str(lectures[0].id) if lectures else ""
    chosen = form.audience()
    held = next((lecture for lecture in lectures if lecture.id == chosen.lecture_id), None)
    counts = queries.count_audiences(series, held, by=by)
    people = count_countries(series, by=by)
    countries = [(code, names[code], people[code]) for code in sorted(people, key=lambda code: name_key(names[code]))]
    form.offer(counts, lectures, countries)
    if form.to.data not in {audience.value for audience in counts}:
        form.to.data = Audience.EVERYONE.value


def _reminder(writer: str) -> str:
    """The text that a reminder begins with."""
    parts = (
        _("You have missed some lectures, and you can still earn your certificate: please come to those that remain."),
        _("If you were there and were not counted, open the lecture on our site and ask for a review."),
        writer,
    )
    return "\n\n".join(parts)


def _count(series: Series, to: AudienceInput) -> queries.Readers | None:
    try:
        return queries.count_readers(series, to, by=current_actor())
    except (Forbidden, Invalid, Refused):
        return None


@bp.get("/series/<slug>/messages/<message_id>")
@allow(*WRITERS)
def message(slug: str, message_id: str) -> ResponseReturnValue:
    """A draft as its readers will get it, before it is sent; afterwards, how far it is."""
    return _page(slug, message_id)


def _page(slug: str, message_id: str, refusal: str | None = None) -> ResponseReturnValue:
    by = current_actor()
    series = queries.get_series_to_write(slug, by=by)
    row = queries.get_message(series, message_id, by=by)
    shown: dict[str, Any] = {"series": series, "row": row, "words": audience_words(), "refusal": refusal}
    status = 409 if refusal else 200
    shown["country"] = country_names(reader_locale()).get(row.country, row.country)
    shown["lecture"] = next((o for o in queries.held_lectures_of(series, by=by) if o.id == row.lecture_id), None)
    if row.state is not MessageState.DRAFT:
        shown |= {"progress": queries.progress_of(row), "failures": queries.list_failures(row, by=by)}
        return render_template("messages/message.html", can_stop=can_stop(row), **shown), status
    to = queries.audience_input(row)
    readers = _count(series, to)
    examples = dict(queries.list_examples(series, to, by=by)) if readers is not None else {}
    reader_id = request.args.get("as", "")
    if reader_id not in examples:
        reader_id = next(iter(examples), "")
    name = examples.get(reader_id) or by.full_name
    is_reminder = row.audience is Audience.BEHIND
    shown |= {
        "readers": readers,
        "examples": examples,
        "reader": name,
        "is_reminder": is_reminder,
        "progress": _standing(series, reader_id) if is_reminder and reader_id else None,
        "subject": with_name(row.subject, name),
        "text": with_name(row.text, name),
        "wait": int(WAIT.total_seconds() // 60),
    }
    return render_template("messages/draft.html", **shown), status


def _standing(series: Series, public_id: str) -> Standing | None:
    person_id = person_id_of(public_id)
    return standings_of(series.id, [person_id], at=clock.now()).get(person_id)


@bp.post("/series/<slug>/messages/<message_id>/send")
@allow(*WRITERS)
def send_message(slug: str, message_id: str) -> ResponseReturnValue:
    """Sends a draft to the number of readers that was shown (`readers`)."""
    readers = request.form.get("readers", default=0, type=whole)
    try:
        actions.confirm_message(slug, message_id, readers, by=current_actor(), at=clock.now())
    except Refused as error:
        return _page(slug, message_id, error.message)
    return redirect(url_for(".message", slug=slug, message_id=message_id), 303)


@bp.post("/series/<slug>/messages/<message_id>/test")
@allow(*WRITERS)
def send_test(slug: str, message_id: str) -> ResponseReturnValue:
    """Sends a draft to the person who requests it."""
    actions.send_to_author(slug, message_id, by=current_actor(), at=clock.now())
    flash(_("We have sent a test to your e-mail address."), "done")
    return redirect(url_for(".message", slug=slug, message_id=message_id), 303)


@bp.post("/series/<slug>/messages/<message_id>/stop")
@allow(*WRITERS)
def stop_message(slug: str, message_id: str) -> ResponseReturnValue:
    """Keeps back what has not been sent."""
    actions.stop_message(slug, message_id, by=current_actor(), at=clock.now())
    return redirect(url_for(".message", slug=slug, message_id=message_id), 303)


@bp.post("/series/<slug>/messages/<message_id>/delete")
@allow(*WRITERS)
def delete_message(slug: str, message_id: str) -> ResponseReturnValue:
    """Deletes a draft."""
    actions.delete_draft(slug, message_id, by=current_actor())
    flash(_("Draft deleted."), "done")
    return redirect(url_for(".messages", slug=slug), 303)

"""The pages of enrolment: into a series and out of it, and the staff's list with its files."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from markupsafe import Markup

from lms.catalogue.models import Series
from lms.catalogue.queries.lectures import list_lectures
from lms.catalogue.queries.series import get_series, get_series_id
from lms.catalogue.rules import OPEN_STATES, may_edit_series
from lms.core.base.errors import Forbidden, Invalid, NotFound, Refused
from lms.core.base.lists import ListRequest
from lms.core.base.roles import Actor, Role
from lms.core.text.i18n import _, _l, _p
from lms.core.time import clock
from lms.enrolment import mailing
from lms.enrolment.actions import by_address, places
from lms.enrolment.batch_actions import ENROLMENT_CHANGES
from lms.enrolment.forms import EnrolForm
from lms.enrolment.models import Enrolment, EnrolmentSource, EnrolmentStatus
from lms.enrolment.queries.answers import CHOICES, GIVEN, NOT_GIVEN, list_questions, values_of
from lms.enrolment.queries.rows import find_enrolment, get_enrolment
from lms.enrolment.queries.series import (
    Seat,
    SeatFilter,
    SeatPage,
    count_by_status,
    count_countries,
    count_organisations_of_series,
    count_unanswered,
    count_waiting,
    get_seat,
    is_over,
    list_seat_page,
    with_answers,
)
from lms.enrolment.rules import ACTIVE, check_can_withdraw
from lms.enrolment.views.blueprint import bp
from lms.people.forms import grouped_choices
from lms.people.queries.countries import country_names, known_codes, list_countries
from lms.questions.rules import Question
from lms.web.forms.forms import flash_refusal
from lms.web.lists.parts import (
    COUNTRY,
    NAME,
    ORGANISATION,
    Chip,
    Choice,
    Column,
    FileColumn,
    Select,
    counted_chips,
    counted_choices,
)
from lms.web.lists.routes import list_files
from lms.web.lists.view import ListView
from lms.web.pages.locale import reader_locale
from lms.web.request.guards import SIGNED_IN, allow
from lms.web.request.identity import current_actor

init_app = mailing.init_app
NO_ANSWER, OF_QUOTA = "none", "quota"
ANSWER = "answer_"
"""Precedes the key of a question in addresses, where a key such as `page` means something else."""


def _series_page(slug: str) -> ResponseReturnValue:
    return redirect(url_for("dashboards.series", slug=slug), 303)


def back_to_list(slug: str) -> ResponseReturnValue:
    """Goes to the list of enrolments."""
    return redirect(url_for("enrolment.series_enrolments", slug=slug), 303)


# One's own place


@bp.post("/series/<slug>/enrol")
@allow(SIGNED_IN)
def enrol(slug: str) -> ResponseReturnValue:
    """Enrols the reader, or adds them to the waiting list."""
    by, at = current_actor(), clock.now()
    series_id = get_series_id(slug, by=by)
    row = find_enrolment(series_id, by.person_id or 0)
    is_new = row is None or row.status not in ACTIVE
    if is_new and any(places.find_open_questions(series_id, by.person_id or 0, by=by, at=at).is_open):
        return redirect(url_for("enrolment_questions.answer", slug=slug), 303)
    try:
        status, accepts = places.enrol_oneself(series_id, by=by, at=at)
    except Refused as error:
        flash(error.message, "wrong")
    else:
        messages = {
            EnrolmentStatus.ENROLLED: _("You are enrolled."),
            EnrolmentStatus.WAITLISTED: _(
                "No places are free. You are on the waiting list, and we will e-mail you when it is your turn."
            ),
            EnrolmentStatus.APPLIED: _("We have received your application. We will e-mail you when it is decided."),
        }
        flash(_("Accepted. The lecturers can now see your profile.") if accepts else messages[status], "done")
    return _series_page(slug)


@bp.route("/series/<slug>/withdraw", methods=["GET", "POST"])
@allow(SIGNED_IN)
def withdraw(slug: str) -> ResponseReturnValue:
    """Asks for confirmation, then withdraws the reader."""
    by, at = current_actor(), clock.now()
    series = get_series(slug, by=by)
    row = find_enrolment(series.id, by.person_id or 0)
    try:
        check_can_withdraw(row.status if row is not None else None, is_over=is_over(series.id))
    except Refused as error:
        flash(error.message, "wrong")
        return _series_page(slug)
    assert row is not None
    if request.method == "POST" and request.form.get("confirm"):
        places.withdraw(series.id, by.person_id or 0, by=by, at=at)
        flash(_("You have left this series."), "done")
        return _series_page(slug)
    if request.method == "POST":  # the question is on a page that can be reopened
        return redirect(url_for("enrolment.withdraw", slug=slug), 303)
    back = url_for("dashboards.series", slug=slug)
    return _ask_to_withdraw(row, series, back=back, action=url_for("enrolment.withdraw", slug=slug), is_self=True)


def _ask_to_withdraw(row: Enrolment, series: Series, *, back: str, action: str, is_self: bool) -> str:
    waiting = count_waiting(series.id)
    seat = get_seat(row, by=current_actor())
    return render_template(
        "enrolment/withdraw.html",
        series=series,
        seat=seat,
        waiting=waiting,
        coming=sum(
            one.state in OPEN_STATES and not one.held_unknown for one in list_lectures(series.id, by=current_actor())
        ),
        back=back,
        action=action,
        own=is_self,
    )


# The staff's list


def _may_move(series: Series, by: Actor) -> bool:
    return may_edit_series(series, by) or by.is_focal_point


@bp.route("/series/<slug>/enrolments", methods=["GET", "POST"])
@allow(Role.ADMINISTRATOR, Role.INSTRUCTOR, Role.FOCAL_POINT, Role.REPORTER)
def series_enrolments(slug: str) -> ResponseReturnValue:
    """Lists enrolments and enrols a person by e-mail address. Focal points see people from their country only."""
    by, at = current_actor(), clock.now()
    enrolments = Enrolments(slug)
    series, names = enrolments.series, enrolments.names
    form = None
    if _may_move(series, by):
        form = EnrolForm()
        codes = names if enrolments.is_staff else _own_codes(by)
        form.offer(grouped_choices({code: names[code] for code in codes}, reader_locale()))
    status = 200
    if request.method == "POST":
        if form is None:
            raise Forbidden
        if form.validate():
            try:
                row = by_address.enrol_by_address(
                    series.id,
                    form.email.data or "",
                    full_name=form.full_name.data or None,
                    country=form.country.data or None,
                    by=by,
                    at=at,
                )
            except Invalid as error:
                form.take(error)
            except (Refused, Forbidden) as error:
                form.form_errors.append(error.message)
            else:
                _say_where(row, by)
                return back_to_list(slug)
        status = 422
    return enrolments.page(form=form), status


def _say_where(row: Enrolment, by: Actor) -> None:
    name = get_seat(row, by=by).label
    messages = {
        EnrolmentStatus.ENROLLED: _("%(name)s is enrolled.", name=name),
        EnrolmentStatus.WAITLISTED: _("%(name)s is on the waiting list.", name=name),
        EnrolmentStatus.REJECTED: _("%(name)s was rejected.", name=name),
        EnrolmentStatus.WITHDRAWN: _("%(name)s no longer has a place.", name=name),
    }
    flash(messages.get(row.status, name), "done")


FILE_COLUMNS = (
    FileColumn("email", width=30),
    FileColumn("full_name", "shown.full_name", 28),
    FileColumn("native_name", "shown.native_name", 20),
    FileColumn("country", width=8),
    FileColumn("sector", "shown.sector"),
    FileColumn("organisation", "shown.organisation", 28),
    FileColumn("job_title", "shown.job_title", 24),
    FileColumn("gender", "shown.gender", 8),
    FileColumn("status", "enrolment.status"),
    FileColumn("position", width=8, type=int),
    FileColumn("accepted", lambda seat: "yes" if seat.is_accepted else "no", 8),
    FileColumn("source", "enrolment.source"),
    FileColumn("registered_at", "enrolment.registered_at", 18),
)
"""The columns of the files, before those of the answers."""


@list_files(bp, "/series/<slug>/enrolments", Role.ADMINISTRATOR, Role.INSTRUCTOR, Role.FOCAL_POINT, Role.REPORTER)
class Enrolments(ListView[Seat]):
    """The enrolments of a series. Focal points see people from their countries only. Staff of the series see the
    answers to its questions at enrolment, as columns that they choose and as filters."""

    endpoint, template, title = "enrolment.series_enrolments", "enrolment/enrolments.html", _l("Who")
    anchor, testid = "who", "enrolments"
    filters = {
        "status": frozenset(EnrolmentStatus),
        "country": known_codes,
        "source": frozenset(EnrolmentSource),
        "organisation": None,
        "answer": frozenset({NO_ANSWER}),
        "seat": frozenset({OF_QUOTA}),
    }
    order = "registered"
    columns = (
        NAME,
        COUNTRY,
        ORGANISATION,
        Column("email", _l("E-mail"), place="wide"),
        Column("registered", _l("Registered"), _l("oldest first"), _l("newest first"), place="fig nobr"),
        Column("state", _l("State"), place="state"),
    )
    chips_filter = "status"
    bulk_endpoint = "enrolment.preview_changes"

    def __init__(self, slug: str) -> None:
        super().__init__(slug=slug)
        self.series = get_series(slug, by=self.by)
        self.is_staff = may_edit_series(self.series, self.by)
        if not (self.is_staff or self.by.is_reporter or self.by.is_focal_point):
            raise Forbidden
        self.names = country_names(reader_locale())
        self.is_over = is_over(self.series.id)
        everybody = self.is_staff or self.by.is_reporter
        self.country_ids = None if everybody else self.by.country_ids
        self.countries = [] if everybody else [self.names[code] for code in _own_codes(self.by)]
        self.file_name = f"{slug}-enrolments"
        self.questions = list_questions(self.series, by=self.by)
        self.filters = {**type(self).filters, **{ANSWER + row.key: values_of(row) for row in self.questions}}
        self.choosable = tuple(Column(ANSWER + row.key, _label(row), place="wide breaks") for row in self.questions)
        self.file_columns = (
            *FILE_COLUMNS,
            *(FileColumn(row.text, _answer_in_file(slug, row.key), 28) for row in self.questions),
        )

    @property
    def people(self) -> SeatFilter:
        """The filter, for actions on everybody whom the list has."""
        filters = self.request.filters
        return SeatFilter(
            q=self.request.q,
            status=EnrolmentStatus(filters["status"]) if "status" in filters else None,
            country=filters.get("country"),
            source=EnrolmentSource(filters["source"]) if "source" in filters else None,
            organisation=filters.get("organisation"),
            unanswered="answer" in filters,
            of_quota="seat" in filters,
            answers={name.removeprefix(ANSWER): filters[name] for name in filters if name.startswith(ANSWER)},
        )

    def query(self, request: ListRequest) -> tuple[Sequence[Seat], int]:
        self.counts = count_by_status(self.series.id, country_ids=self.country_ids)
        self.unanswered = count_unanswered(self.series, by=self.by)
        if self.chosen_columns:  # in their place; the opened row has both
            self.hidden = {"organisation", "email"}
        page = self._read(request)
        waits = self.counts[EnrolmentStatus.APPLIED] or self.counts[EnrolmentStatus.WAITLISTED]
        if self.is_staff and (waits or not self.is_over):
            self.selectable = [seat.enrolment.public_id for seat in page.seats]
        return page.seats, page.matching

    def _read(self, request: ListRequest) -> SeatPage:
        page = list_seat_page(
            self.series, self.people, request, by=self.by, country_names=self.names, counts=self.counts
        )
        return replace(page, seats=with_answers(page.seats, self.series, by=self.by, at=self.at))

    def file_query(self, request: ListRequest) -> Iterable[Seat]:
        self.counts = count_by_status(self.series.id, country_ids=self.country_ids)
        return self._read(request).seats

    def chips(self) -> list[Chip]:
        words = {
            EnrolmentStatus.ENROLLED: _p("state", "Enrolled"),
            EnrolmentStatus.WAITLISTED: _("Waiting"),
            EnrolmentStatus.APPLIED: _("Awaiting decision"),
            EnrolmentStatus.REJECTED: _("Rejected"),
            EnrolmentStatus.WITHDRAWN: _p("enrolment", "Withdrawn"),
        }
        return counted_chips(self.counts, words)

    def selects(self) -> list[Select]:
        chosen = self.request.filters
        countries = count_countries(self.series, by=self.by)
        organisations = count_organisations_of_series(self.series, by=self.by)
        sources = [Choice(source, word) for source, word in source_words().items()]
        answers = [Choice(NO_ANSWER, _("Not accepted yet"), self.unanswered)]
        selects = [
            Select("country", _("Country"), counted_choices(countries, chosen.get("country"), self.names)),
            Select("organisation", _("Organisation"), counted_choices(organisations, chosen.get("organisation"))),
            Select("source", _("How"), sources),
            Select("answer", _("Answer"), answers),
            Select("seat", _("Place"), [Choice(OF_QUOTA, _("Kept for the country"))]),
        ]
        selects += [_select_of(row) for row in self.questions]
        is_of_use = {"source": True, "answer": bool(self.unanswered), "seat": False}
        return [row for row in selects if row.name in chosen or is_of_use.get(row.name, len(row.choices) > 1)]

    def context(self) -> dict[str, Any]:
        return {
            "series": self.series,
            "opened": request.args.get("open"),
            "asks_to_enrol": "enrol" in request.args or request.method == "POST" or not sum(self.counts.values()),
            "batches": ENROLMENT_CHANGES.list_batches(self.series, by=self.by, limit=1) if self.is_staff else [],
            "may_import": self.by.is_administrator,
            "may_see_seats": self.by.is_reporter,
            "source_words": source_words(),
        }


def _label(question: Question) -> str:
    """A question in the reader's language, apart from the direction of the page: it may be in another one."""
    return Markup("<bdi>{}</bdi>").format(question.words(reader_locale()).text)


def _select_of(question: Question) -> Select:
    """The filter by the answers to a question."""
    words = {GIVEN: _("Answered"), NOT_GIVEN: _("Not answered")}
    if question.kind == "consent":
        words = {GIVEN: _("Yes"), NOT_GIVEN: _("No")}
    choices = [
        Choice(
            value, words.get(value, value) if question.kind not in CHOICES else question.option(value, reader_locale())
        )
        for value in values_of(question)
    ]
    return Select(ANSWER + question.key, _label(question), choices)


def _answer_in_file(slug: str, key: str) -> Callable[[Seat], str]:
    """The cell of an answer in a file: its words, of a file its address."""

    def cell(seat: Seat) -> str:
        answer = (seat.answers or {}).get(key)
        if answer is None:
            return ""
        if answer.question.kind == "file":
            person = seat.person.public_id
            return url_for("enrolment_questions.answer_file", slug=slug, person_id=person, key=key, _external=True)
        return answer.words(reader_locale())

    return cell


def source_words() -> dict[EnrolmentSource, str]:
    """How people came into a series, in words."""
    return {
        EnrolmentSource.SELF: _("Enrolled themselves"),
        EnrolmentSource.STAFF: _("Enrolled by staff"),
        EnrolmentSource.FILE: _("From a file"),
        EnrolmentSource.NOMINATION: _("By nomination"),
        EnrolmentSource.WALK_IN: _("Attended without enrolling"),
    }


def _own_codes(by: Actor) -> list[str]:
    """The countries that a focal point speaks for."""
    return [row.code for row in list_countries() if row.id in by.country_ids]


@bp.route("/series/<slug>/enrolments/<enrolment_id>", methods=["GET", "POST"])
@allow(Role.ADMINISTRATOR, Role.INSTRUCTOR, Role.FOCAL_POINT)
def decide(slug: str, enrolment_id: str) -> ResponseReturnValue:
    """Accepts, rejects, withdraws or re-enrols a person. Asks for confirmation before withdrawing."""
    by, at = current_actor(), clock.now()
    row = get_enrolment(enrolment_id, by=by)
    series = get_series(slug, by=by)
    if row.series_id != series.id:
        raise NotFound
    target = request.form.get("status", "") if request.method == "POST" else EnrolmentStatus.WITHDRAWN.value
    if target not in set(EnrolmentStatus):
        raise Invalid("status", _("Unknown value."))
    status = EnrolmentStatus(target)
    if status is EnrolmentStatus.WITHDRAWN and not request.form.get("confirm"):
        if row.status not in ACTIVE:
            return back_to_list(slug)
        try:
            check_can_withdraw(row.status, is_over=is_over(series.id))
        except Refused as error:
            flash(error.message, "wrong")
            return back_to_list(slug)
        action = url_for("enrolment.decide", slug=slug, enrolment_id=enrolment_id)
        back = url_for("enrolment.series_enrolments", slug=slug)
        return _ask_to_withdraw(row, series, back=back, action=action, is_self=False)
    with flash_refusal():
        _say_where(places.set_status(enrolment_id, status, by=by, at=at), by)
    if status is EnrolmentStatus.WITHDRAWN:  # the list of this person alone, where “Enrol again” takes it back
        q = get_seat(row, by=by).label
        return redirect(url_for("enrolment.series_enrolments", slug=slug, q=q, open=enrolment_id, _anchor="who"), 303)
    return back_to_list(slug)

"""Pages about the service: help, contact, accessibility, choices of e-mails, the calendar, templates of files, metrics.

A demonstration also shows its e-mails, whose readers are invented.
"""

from collections.abc import Collection, Iterable
from datetime import date, datetime
from zoneinfo import ZoneInfo

from flask import Flask, Response, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from markupsafe import Markup

from lms.attendance_imports.readers.plain import TEMPLATE as ATTENDANCE
from lms.catalogue.rules import Station, may_create_series
from lms.core.base.errors import NotFound
from lms.core.base.settings import settings
from lms.core.storage.tables import MIME
from lms.core.text.i18n import _
from lms.core.time import clock, zones
from lms.core.time.days_off import holidays_on
from lms.dashboards import digests
from lms.dashboards.calendar_weeks import View, period_of
from lms.dashboards.queries.help import ACCESSIBILITY, QUESTIONS, SHOWN, STEPS, HelpTopic, latest_mails
from lms.dashboards.queries.notifications import chosen_mails, list_calendar
from lms.dashboards.queries.operation import collect_operation
from lms.dashboards.views.blueprint import bp
from lms.enrolment.quota_files import TEMPLATE as QUOTAS
from lms.mail import rendering
from lms.mail.kinds import MailKind
from lms.mail.outbox import ALL_SERIES
from lms.people.actions.mails import choose_mails
from lms.people.forms import MAIL_WORDS
from lms.people.people_files import NOMINEES_TEMPLATE, PEOPLE_TEMPLATE
from lms.people.queries.persons import contact_of
from lms.reports.actions.opening_balances import TEMPLATE as OPENING
from lms.web.pages.locale import reader_locale
from lms.web.pages.time import language_name, offset_words, viewer_zone
from lms.web.pages.whole_pages import same_for_strangers
from lms.web.request.guards import ANYONE, SIGNED_IN, allow
from lms.web.request.identity import current_actor
from lms.web.request.request_log import may_read_metrics, render_metrics


@bp.get("/help")
@allow(ANYONE, indexed=True)
@same_for_strangers
def help() -> ResponseReturnValue:
    """Shows how to take part, how to get help, and the accessibility statement."""
    return render_template(
        "dashboards/help.html", steps=STEPS, questions=QUESTIONS, accessibility=ACCESSIBILITY, words=_words_of
    )


def _words_of(topic: HelpTopic) -> Markup:
    """The text of a topic, with its links."""
    links = {name: url_for(endpoint) for name, endpoint in topic.links.items()}
    return Markup(str(topic.text)) % links  # noqa: S704 - our own words


@bp.get("/metrics")
@allow(ANYONE, allow_without_mfa=True)
def metrics() -> ResponseReturnValue:
    """Returns metrics for Prometheus, to this machine and to holders of `LMS_METRICS_TOKEN` only."""
    config = settings()
    if not may_read_metrics(request, config):
        raise NotFound
    text, media_type = render_metrics(collect_operation(config, at=clock.now()))
    return Response(text, content_type=media_type, headers={"Cache-Control": "no-store"})


def init_app(app: Flask) -> None:
    """Has the weekly mail prepared."""
    rendering.register(app, digests.TEMPLATE, digests.prepared)


@bp.route("/account/notifications", methods=["GET", "POST"])
@allow(SIGNED_IN)
def notifications() -> ResponseReturnValue:
    """Shows which e-mails the reader gets, and changes it."""
    by = current_actor()
    choices = chosen_mails(by.public_id, by=by, at=clock.now())
    if request.method == "POST":
        return _saved(choices.person_id, choices.general, ALL_SERIES)
    if slug := request.args.get("series"):
        return redirect(url_for("dashboards.series_notifications", slug=choices.of_series(slug).slug))
    contact = contact_of([choices.person_id]).get(choices.person_id)
    return render_template(
        "dashboards/notifications.html",
        found=choices,
        contact=contact,
        language=language_name(contact.locale) if contact is not None else None,
        words=MAIL_WORDS,
    )


@bp.route("/account/notifications/<slug>", methods=["GET", "POST"])
@allow(SIGNED_IN)
def series_notifications(slug: str) -> ResponseReturnValue:
    """Shows which e-mails the reader gets about one series, and changes it."""
    by = current_actor()
    choices = chosen_mails(by.public_id, by=by, at=clock.now())
    series = choices.of_series(slug)
    if request.method == "POST":
        return _saved(choices.person_id, series.choices, series.id)
    return render_template("dashboards/series_notifications.html", series=series, words=MAIL_WORDS)


def _saved(person_id: int, offered: Collection[MailKind], series_id: int) -> ResponseReturnValue:
    """Stores the ticked kinds of those that the page offered."""
    ticked = request.form.getlist("kinds")
    chosen = {kind: kind in ticked for kind in offered}
    choose_mails(person_id, chosen, by=current_actor(), at=clock.now(), series_id=series_id)
    flash(_("Saved."), "done")
    return redirect(url_for("dashboards.notifications"), code=303)


@bp.get("/calendar")
@allow(ANYONE)
@same_for_strangers
def calendar() -> ResponseReturnValue:
    """Shows the lectures of a month or week, all or the reader's own, with the public holidays of the reader's zone."""
    by, zone, now = current_actor(), viewer_zone(), clock.now()
    today = now.astimezone(ZoneInfo(zone)).date()
    view = View.WEEK if request.args.get("view") == View.WEEK else View.MONTH
    period = period_of(view, _day(request.args.get("on")) or today)
    only_own = by.is_signed_in and request.args.get("whose") == "mine"
    lectures, own_series_ids = list_calendar(*period.spans(zone), only_own=only_own, by=by)
    by_day = _by_day(lectures, zone)
    shown = [one for day in _days(period.first, period.last, by_day) for one in by_day[day]]
    land = zones.territories().get(zone)
    return render_template(
        "dashboards/calendar.html",
        period=period,
        today=today,
        by_day=by_day,
        own=own_series_ids,
        only_own=only_own,
        count=len(shown),
        own_count=sum(one.series_id in own_series_ids for one in shown),
        land=land,
        holidays=_holidays(period.weeks, land),
        offset=offset_words(zone, period.spans(zone)[0] if today < period.first else now),
        may_schedule=may_create_series(by),
    )


def _day(text: str | None) -> date | None:
    try:
        return date.fromisoformat((text or "")[:10])
    except ValueError:
        return None


def _by_day(lectures: Iterable[Station], zone: str) -> dict[date, list[Station]]:
    """Lectures by the day on which they begin for the reader."""
    where, by_day = ZoneInfo(zone), dict[date, list[Station]]()
    for lecture in lectures:
        began: datetime | None = lecture.actual_start or lecture.starts_at
        if began is not None:
            by_day.setdefault(began.astimezone(where).date(), []).append(lecture)
    return by_day


def _days(first: date, last: date, days: Iterable[date]) -> list[date]:
    return [day for day in days if first <= day <= last]


def _holidays(weeks: Iterable[Iterable[date]], land: str | None) -> dict[date, str]:
    """The public holidays of a country on these days, by name."""
    if land is None:
        return {}
    locale = reader_locale()
    holidays = {day: holidays_on(day, [land], locale) for week in weeks for day in week}
    return {day: names[0].name for day, names in holidays.items() if names}


@bp.get("/demonstration/mail")
@allow(ANYONE, allow_without_mfa=True)
def demonstration_mail() -> ResponseReturnValue:
    """Shows the latest e-mails of a demonstration with their links, to anyone. Anywhere else there is no such page."""
    config = settings()
    if not config.is_demonstration or config.mail_folder is None:
        raise NotFound
    mails = latest_mails(config.mail_folder, config.base_url)
    return render_template("dashboards/demonstration_mail.html", mails=mails, most=SHOWN)


TEMPLATES = {
    "people": PEOPLE_TEMPLATE,
    "nominations": NOMINEES_TEMPLATE,
    "quotas": QUOTAS,
    "attendance": ATTENDANCE,
    "opening-balances": OPENING,
}


@bp.get("/templates/<table>.xlsx")
@allow(SIGNED_IN)
def file_template(table: str) -> ResponseReturnValue:
    """Downloads a workbook with the columns of a file that can be imported, and two example rows."""
    template = TEMPLATES.get(table)
    if template is None:
        raise NotFound
    answer = Response(template.write(at=clock.now()), content_type=MIME)
    answer.headers["Content-Disposition"] = f'attachment; filename="template-{table}.xlsx"'
    return answer

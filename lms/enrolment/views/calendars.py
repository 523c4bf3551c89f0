"""Calendars to subscribe to: of a person, at a private address, and of a series."""

import re
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any

from flask import Flask, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.exc import OperationalError

from lms.catalogue.calendar import feed, publisher, subscribe_links
from lms.catalogue.queries.series import get_series
from lms.core.base.roles import ANONYMOUS
from lms.core.base.settings import organiser_in
from lms.core.database.cache_versions import memory
from lms.core.text.i18n import _
from lms.core.text.translations import reader_text
from lms.core.time import clock
from lms.enrolment.actions.calendars import NOTED_EVERY, make_address, note_reading, remove_address
from lms.enrolment.calendars import lectures_of, own_address, read_of_series, read_own, subscriber_of
from lms.enrolment.views.blueprint import bp
from lms.web.pages import feeds
from lms.web.pages.feeds import answer_feed
from lms.web.pages.locale import reader_locale, speaking
from lms.web.request.guards import ANYONE, SIGNED_IN, allow
from lms.web.request.identity import current_actor

_PROGRAMS = {
    "Google Calendar": re.compile("Google-Calendar|Google-Apps", re.I),
    "Outlook": re.compile("Outlook|Microsoft|Exchange", re.I),
    "Apple Calendar": re.compile(r"iOS/|macOS/|CalendarAgent|dataaccessd|CFNetwork", re.I),
    "Thunderbird": re.compile("Thunderbird", re.I),
}


@bp.get("/calendar/<token>.ics")
@allow(ANYONE)
def own_calendar(token: str) -> ResponseReturnValue:
    """Returns the calendar of the owner of this private address."""
    at = clock.now()
    rows: Sequence[Any] = ()
    subscriber: Any = None

    def read() -> object:
        nonlocal rows, subscriber
        subscriber = subscriber_of(token)
        rows = read_own(subscriber.person_id, at=at)
        return subscriber, rows

    def write() -> bytes:
        with speaking(subscriber.locale, None):
            name = _("%(organiser)s: my lectures", organiser=organiser_in(reader_locale()))
            return feed(lectures_of(rows), name=name, by=publisher(), at=at)

    answer = answer_feed(("person", token), read=read, write=write, name="my-lectures", is_public=False)
    _note_reading(token, at)
    return answer


def _note_reading(token: str, at: datetime) -> None:
    """Writes down that a calendar was read, unless this process did within the hour."""
    noted = memory("calendar readings")
    last: datetime | None = noted.get(token)
    if last is not None and at - last < NOTED_EVERY:
        return
    if len(noted) > feeds.MOST:
        noted.clear()
    noted[token] = at
    with suppress(OperationalError):  # the disk is full, or the database busy: the calendar is answered all the same
        note_reading(token, _program(), at=at)


def _program() -> str:
    agent = request.headers.get("User-Agent", "")
    return next((name for name, known in _PROGRAMS.items() if known.search(agent)), "")


@bp.get("/series/<slug>/calendar.ics")
@allow(ANYONE)
def series_calendar(slug: str) -> ResponseReturnValue:
    """Returns the calendar of a public series."""
    at = clock.now()
    rows: Sequence[Any] = ()
    series: Any = None

    def read() -> object:
        nonlocal rows, series
        series = get_series(slug, by=ANONYMOUS)
        rows = read_of_series(series.id, at=at)
        return series.title, series.language, series.text_language, series.translations, rows

    def write() -> bytes:
        with speaking(series.language, None):
            return feed(lectures_of(rows), name=reader_text(series), by=publisher(), at=at)

    return answer_feed(("series", slug), read=read, write=write, name=slug, is_public=True)


@bp.get("/account/calendar")
@allow(SIGNED_IN)
def calendar_address() -> ResponseReturnValue:
    """Shows the private address of the reader's calendar."""
    address = own_address(by=current_actor())
    url = None
    if address is not None and address.secret is not None:
        url = publisher().base_url + url_for("enrolment.own_calendar", token=address.secret)
    links = subscribe_links(url, _("My lectures")) if url is not None else []
    return render_template("enrolment/calendar_address.html", address=address, url=url, links=links)


@bp.post("/account/calendar")
@allow(SIGNED_IN)
def change_calendar_address() -> ResponseReturnValue:
    """Gives the reader's calendar a new private address, or with `do` remove none."""
    actor, at = current_actor(), clock.now()
    if request.form.get("do") == "remove":
        remove_address(by=actor, at=at)
        flash(_("The private address was removed. Calendar programs no longer get your lectures."), "done")
    else:
        had_one = own_address(by=actor) is not None
        make_address(by=actor, at=at)
        flash(
            _("This is your new private address. The old one has stopped working.")
            if had_one
            else _("This is your private address."),
            "done",
        )
    return redirect(url_for("enrolment.calendar_address"), 303)


def init_app(app: Flask) -> None:
    """Makes the place where feeds are kept."""
    feeds.init_app(app)

"""The values of a read-out as a reader sees them, and as plain data."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from lms.core.i18n import _
from lms.reports.documents.model import Kind, ReadOut, Value
from lms.web.api import rfc3339
from lms.web.time import moment, number, organiser_zone, short_day, whole_number, zone_city

NOTHING = "–"


def written(value: Value, kind: Kind) -> str:
    """A value in the reader's language: numbers grouped, days and instants in the organiser's zone."""
    if value is None:
        return NOTHING
    if isinstance(value, datetime):
        return moment(value, organiser_zone())
    if isinstance(value, date):
        return short_day(value)
    if isinstance(value, str):
        return value
    if kind == "change":
        return f"+{number(value)}" if value > 0 else number(value)
    if kind == "number":
        return whole_number(value)
    return _("%(n)s %%", n=number(value)) if kind == "percent" else number(value)


def as_at(read_out: ReadOut) -> str:
    """ "25 November 2026, 06:00 in Beijing"."""
    zone = organiser_zone()
    return _("%(moment)s in %(city)s", moment=moment(read_out.as_at, zone), city=zone_city(zone))


def plain(value: Value) -> Any:
    """A value as JSON has it."""
    if isinstance(value, datetime):
        return rfc3339(value)
    return value.isoformat() if isinstance(value, date) else value

"""What the API takes and answers about totals."""

from __future__ import annotations

from apiflask import Schema
from apiflask.fields import Boolean, Date, Dict, Float, Integer, List, Nested, Raw, String
from apiflask.validators import Length, OneOf

from lms.reports.rules import DIMENSIONS


class TotalsQuery(Schema):
    """A slice and the dimensions to group it by."""

    from_day = Date(data_key="from", load_default=None, metadata={"description": "First day, in the reporting zone."})
    to_day = Date(data_key="to", load_default=None, metadata={"description": "Last day, included."})
    series = String(load_default=None, validate=Length(1, 80), metadata={"description": "A series' slug."})
    country = String(load_default=None, validate=Length(1, 8), metadata={"description": "A country's code."})
    region = String(
        load_default=None,
        validate=Length(1, 3),
        metadata={"description": "An M49 code of any level; holds all regions beneath."},
    )
    partner = String(
        load_default=None,
        validate=OneOf(["true", "false"]),
        metadata={"description": "Whether the country was a partner on the day of the lecture."},
    )
    by = String(
        load_default="",
        metadata={"description": f"One dimension, or two with a comma between: {', '.join(DIMENSIONS)}."},
    )
    lang = String(load_default=None, metadata={"description": "Language of labels and definitions."})


class FiguresOut(Schema):
    """The figures of one slice."""

    sessions = Integer()
    participants = Integer()
    attendances = Integer()
    countries = Integer()
    partner_countries = Integer()
    registrations = Integer()
    contact_hours = Float()
    certificates = Integer()


class GroupOut(FiguresOut):
    """One group: `key` is null for *not stated*, a list where there are two dimensions."""

    key = Raw(metadata={"anyOf": [{"type": "string"}, {"type": "null"}, {"type": "array"}]})
    label = String()
    folded = Boolean(metadata={"description": "Only where small groups are put together."})


class TotalsOut(Schema):
    """The figures, what they mean, and when they were counted."""

    as_at = String(metadata={"format": "date-time"})
    definitions = Dict(keys=String(), values=String())
    totals = Nested(FiguresOut)
    groups = List(Nested(GroupOut))

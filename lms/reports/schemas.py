"""What the API takes and answers about totals."""

from __future__ import annotations

from typing import Any

from apiflask import Schema
from apiflask.fields import Boolean, Date, Dict, Float, Integer, List, Nested, Raw, String
from apiflask.validators import Length, OneOf

from lms.reports.models import SnapshotVisibility
from lms.reports.rules import DIMENSIONS, FIGURES, VALUES

_THEN = {"description": "Of the people at the time of the lecture; today for registrations and certificates."}


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
    sector = String(
        load_default=None, validate=OneOf(VALUES["sector"]), metadata={"description": "Of the people then."}
    )
    gender = String(
        load_default=None, validate=OneOf(VALUES["gender"]), metadata={"description": "Of the people then."}
    )
    language = String(
        load_default=None,
        validate=Length(1, 16),
        metadata={"description": "Of the lecture; of the series for registrations and certificates."},
    )
    source = String(
        load_default=None,
        validate=OneOf(VALUES["source"]),
        metadata={"description": "The way of attending; registrations and certificates have none."},
    )
    by = String(
        load_default="",
        metadata={"description": f"One dimension, or two with a comma between: {', '.join(DIMENSIONS)}."},
    )
    lang = String(load_default=None, metadata={"description": "Language of labels and definitions."})


class Truth(Boolean):
    """True or false, and nothing that might stand for it."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> bool:
        if not isinstance(value, bool):
            raise self.make_error("invalid", input=value)
        return value


class QuestionIn(Schema):
    """A slice and the dimensions to group it by, as `GET /api/v1/totals` takes them."""

    from_day = Date(data_key="from", load_default=None, allow_none=True)
    to_day = Date(data_key="to", load_default=None, allow_none=True)
    series = String(load_default=None, allow_none=True, validate=Length(1, 80))
    country = String(load_default=None, allow_none=True, validate=Length(1, 8))
    region = String(load_default=None, allow_none=True, validate=Length(1, 3))
    partner = Truth(load_default=None, allow_none=True)
    sector = String(load_default=None, allow_none=True, validate=OneOf(VALUES["sector"]))
    gender = String(load_default=None, allow_none=True, validate=OneOf(VALUES["gender"]))
    language = String(load_default=None, allow_none=True, validate=Length(1, 16))
    source = String(load_default=None, allow_none=True, validate=OneOf(VALUES["source"]))
    by = List(String(validate=OneOf(DIMENSIONS)), load_default=list, validate=Length(0, 2))


class SnapshotIn(QuestionIn):
    """What to publish: the question, a title, and who may read it."""

    title = String(required=True, validate=Length(1, 200))
    visibility = String(required=True, validate=OneOf([kind.value for kind in SnapshotVisibility]))
    figure = String(load_default="participants", validate=OneOf(FIGURES))


class SnapshotReason(Schema):
    """Why."""

    reason = String(required=True, validate=Length(1, 2000))


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


class OpeningOut(Schema):
    """What opening balances (sessions from before the system, entered as totals) bring to the figures beside it.

    Only where there are any. `countries_added` nobody of the system is of; `declared_participants` are declared, not
    counted, and in no other figure; null where a set is only partly in the slice or nothing is declared.
    """

    sessions = Integer()
    attendances = Integer()
    countries = Integer()
    countries_added = Integer()
    declared_participants = Integer(allow_none=True)


class GroupOut(FiguresOut):
    """One group: `key` is null for *not stated*, a list where there are two dimensions."""

    key = Raw(metadata={"anyOf": [{"type": "string"}, {"type": "null"}, {"type": "array"}]})
    label = String()
    folded = Boolean(metadata={"description": "Only where small groups are put together."})
    opening = Nested(OpeningOut)


class TotalsOut(Schema):
    """The figures, what they mean, and when they were counted."""

    as_at = String(metadata={"format": "date-time"})
    definitions = Dict(keys=String(), values=String())
    totals = Nested(FiguresOut)
    opening = Nested(OpeningOut)
    groups = List(Nested(GroupOut))


class SnapshotOut(Schema):
    """A published report. `checksum` is the SHA-256 of the file at `url` with `.json` behind it."""

    id = String()
    title = String()
    visibility = String(validate=OneOf([kind.value for kind in SnapshotVisibility]))
    state = String(validate=OneOf(["published", "withdrawn"]))
    as_at = String(metadata={"format": "date-time"})
    published_at = String(metadata={"format": "date-time"})
    language = String()
    checksum = String()
    url = String()
    withdrawn_at = String(allow_none=True, metadata={"format": "date-time"})
    reason = String(allow_none=True)


class SnapshotsOut(Schema):
    """A page of published reports, newest first."""

    items = List(Nested(SnapshotOut))
    next = String(allow_none=True)


class ChangeOut(Schema):
    """One figure as it was frozen and as it is counted now; `key` as in `groups`, null for the whole."""

    key = Raw(metadata={"anyOf": [{"type": "string"}, {"type": "null"}, {"type": "array"}]})
    label = String()
    figure = String()
    then = Float()
    now = Float()
    difference = Float()


class SinceOut(Schema):
    """What changed since: every figure of the whole, and those of groups that are not as they were."""

    as_at = String(metadata={"format": "date-time"})
    totals = List(Nested(ChangeOut))
    groups = List(Nested(ChangeOut))


class FrozenOut(SnapshotOut):
    """A published report with its figures; of a withdrawn one only staff are told these."""

    time_zone = String()
    exact = Boolean(metadata={"description": "False: the public figures, small groups put together."})
    question = Dict()
    definitions = Dict(keys=String(), values=String())
    totals = Nested(FiguresOut)
    opening = Nested(OpeningOut)
    groups = List(Nested(GroupOut))
    since = Nested(SinceOut, allow_none=True, metadata={"description": "For those who may count exactly; else null."})

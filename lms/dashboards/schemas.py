"""The API schemas of tasks, policies and times."""

from apiflask import Schema
from apiflask.fields import AwareDateTime, Boolean, Date, Dict, Enum, Integer, List, Nested, Raw, String
from apiflask.validators import Length

from lms.core.background.jobs import JobState
from lms.mail.kinds import DECLINABLE, MailKind
from lms.web.api.api import AnswerSchema, Instant


class JobOut(AnswerSchema):
    """A task: its progress and result."""

    id = String()
    state = Enum(JobState, by_value=True)
    done = Integer()
    total = Integer()
    result = Raw(allow_none=True)


_Kinds = Schema.from_dict({kind.value: Boolean() for kind in DECLINABLE}, name="MailKinds")


class SeriesMailChoicesOut(AnswerSchema):
    """The kinds of mail that are chosen for a series differently than for the others."""

    series = String(metadata={"description": "The `slug` of the series."})
    choices = Dict(keys=Enum(MailKind, by_value=True), values=Boolean())


class MailChoicesOut(AnswerSchema):
    """Which kinds of mail a person gets. Kinds that are not listed cannot be chosen."""

    choices = Dict(keys=Enum(MailKind, by_value=True), values=Boolean())
    series = List(Nested(SeriesMailChoicesOut))


class MailChoicesIn(Schema):
    """The kinds of mail that change, for all series or for one."""

    choices = Nested(_Kinds, required=True)
    series = String(
        load_default=None, allow_none=True, metadata={"description": "The `slug` of a series; null: all series."}
    )


class PolicyQuery(Schema):
    """Lecture numbers separated by commas. Default: all."""

    lectures = String(load_default=None, allow_none=True, validate=Length(max=4000))


class JudgedOut(AnswerSchema):
    """A lecture held under an earlier policy: the percentage required then, and how many gain and lose."""

    lecture = Integer()
    title = String()
    min_percent = Integer()
    gain = Integer()
    lose = Integer()
    closed = Boolean()
    chosen = Boolean()


class AffectedOut(AnswerSchema):
    """The ids of people whose certificates are affected."""

    earn = List(String())
    unearn = List(String())
    miss = List(String())


class PolicyPreviewOut(AnswerSchema):
    """The changes that the newest policy would make for lectures held under an earlier one. Send `key` to apply it."""

    min_percent = Integer()
    lectures = List(Nested(JudgedOut))
    certificates = Nested(AffectedOut, allow_none=True)
    key = String()


class PolicyIn(Schema):
    """The lectures (null: all), and the key of the preview."""

    lectures = List(Integer(), load_default=None, allow_none=True, validate=Length(max=1000))
    key = String(required=True, validate=Length(max=64))


class AskedOut(AnswerSchema):
    """The task that was started. `GET /api/v1/jobs/{id}` returns its progress."""

    job = String()


class TimesQuery(Schema):
    """The times to preview. Default: the proposed times."""

    actual_start = AwareDateTime(load_default=None)
    actual_end = AwareDateTime(load_default=None)


class TimesIn(Schema):
    """The times, and the key of their preview."""

    actual_start = AwareDateTime(required=True)
    actual_end = AwareDateTime(required=True)
    key = String(required=True, validate=Length(max=64))


class TimesOut(AnswerSchema):
    """The actual times of a lecture; what is proposed by what was seen, source by source; and what the times asked
    about would change, with the `key` that is sent to confirm them."""

    state = String()
    time_zone = String()
    actual_start = String(allow_none=True)
    actual_end = String(allow_none=True)
    proposal = Dict(allow_none=True)
    preview = Dict(allow_none=True)


class SpanIn(Schema):
    """A span in which a country is a partner: first day and last day, null while it lasts."""

    since = Date(required=True)
    until = Date(load_default=None, allow_none=True)


class SpanOut(AnswerSchema):
    """A span in which a country is a partner: first day and last day, null while it lasts."""

    since = Date()
    until = Date(allow_none=True)


class CountryOut(AnswerSchema):
    """A country of the list. `names` and `notices` are the organiser's own texts by language; `merged_into` is the code
    of the country that it is since they were merged."""

    code = String(attribute="country.code")
    iso = String(attribute="country.iso", allow_none=True)
    name = String()
    names = Dict(attribute="country.names", keys=String(), values=String())
    notices = Dict(attribute="country.notices", keys=String(), values=String())
    region = String(attribute="country.region_code", allow_none=True)
    valid_until = Date(attribute="country.valid_until", allow_none=True)
    partner = List(Nested(SpanOut))
    merged_into = String(allow_none=True)


class CountriesOut(AnswerSchema):
    """All countries of the list, by code."""

    items = List(Nested(CountryOut))


class CountryPatch(Schema):
    """Changes to a country; a key that is missing stays as it is. `partner` replaces all spans."""

    names = Dict(keys=String(), values=String())
    notices = Dict(keys=String(), values=String())
    region = String(allow_none=True)
    valid_until = Date(allow_none=True)
    partner = List(Nested(SpanIn), validate=Length(max=12))


class CountryIn(Schema):
    """A new country under a code of the organiser's own; `names` has the English one at least."""

    code = String(required=True, validate=Length(1, 8))
    names = Dict(keys=String(), values=String(), required=True)
    region = String(load_default=None, allow_none=True)


class OtherCountry(Schema):
    """The code of the country that is merged."""

    other = String(required=True, validate=Length(1, 8))


class CountryMergeIn(OtherCountry):
    """The country that is merged into this one, and why."""

    reason = String(required=True, validate=Length(1, 500))


class HoldingsOut(AnswerSchema):
    """How much refers to a country."""

    people = Integer(attribute="numbers.people")
    focal_points = Integer(attribute="numbers.focal_points")
    enrolments = Integer(attribute="numbers.enrolments")
    seats = Integer(attribute="numbers.seats")
    certificates = Integer(attribute="numbers.certificates")
    nominations = Integer(attribute="numbers.nominations")
    groups = Integer(attribute="numbers.groups")
    older = Integer(attribute="numbers.older", metadata={"description": "Attendances of opening balances."})
    series = Integer(
        attribute="numbers.series", metadata={"description": "Series that are only for certain countries."}
    )
    partner = List(Nested(SpanOut), attribute="spans")


class CountryFiguresOut(AnswerSchema):
    """Totals that a merge may change."""

    participants = Integer()
    countries = Integer()
    partner_countries = Integer()


class CountryMergePreviewOut(AnswerSchema):
    """The changes that a merge would make. `promoted` people of waiting lists would get a seat."""

    kept = Nested(HoldingsOut, attribute="first")
    merged = Nested(HoldingsOut, attribute="second")
    after = Nested(HoldingsOut, attribute="kept")
    now = Nested(CountryFiguresOut)
    then = Nested(CountryFiguresOut)
    promoted = Integer()


class CountryMergeOut(AnswerSchema):
    """A merge in force: `merged` is `kept` from now on."""

    kept = String(attribute="kept.code")
    merged = String(attribute="country.code")
    merged_at = Instant(metadata={"format": "date-time"})
    reason = String()

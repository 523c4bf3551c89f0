"""The objects of the API: a person's place in a series, in and out."""

from typing import Any

from apiflask import Schema
from apiflask.fields import AwareDateTime, Boolean, Dict, Enum, Integer, List, Nested, Raw, String
from apiflask.validators import Length, OneOf, Range, Regexp
from flask import url_for

from lms.batches.models import LEFT_OUT, BatchStage
from lms.catalogue.models import ReleaseRule
from lms.core.text.i18n import find_translated
from lms.core.text.typed_text import REASON_LENGTH
from lms.enrolment.batch_actions import CHANGES
from lms.enrolment.models import EnrolmentSource, EnrolmentStatus, SeatKind, SeatReason
from lms.enrolment.queries.series import Seat, SeatFilter
from lms.enrolment.quota_files import MOST_LINES, MOST_SEATS
from lms.people.schemas import NamedPersonIn
from lms.web.api.api import AnswerSchema, Instant, PageQuery, page_of
from lms.web.api.inputs import with_fields_of

MOST = 20_000
"""People that one call can list; a filter has no limit."""


class EnrolmentIn(NamedPersonIn):
    """The person to enrol: without `email` yourself.

    For a person you can see, `email` is enough. Administrators see everybody, focal points the people of their
    countries, instructors the people of their own series. Otherwise send `full_name` too.
    """

    locale = String(metadata={"description": f"One of: {', '.join(find_translated())}."})
    time_zone = String(allow_none=True)


class StatusIn(Schema):
    """The new status of a person."""

    status = Enum(EnrolmentStatus, by_value=True, required=True)


@with_fields_of(SeatFilter, omit={"unanswered", "of_quota"}, defaults=True)
class EnrolmentFilterIn(Schema):
    """Part of the enrolments of a series, as in `GET …/enrolments`; `answers` by the key of the question."""

    answer = String(load_default=None, allow_none=True, validate=OneOf(["none"]))
    answers = Dict(
        keys=String(validate=Length(max=32)),
        values=String(validate=Length(max=150)),
        load_default=dict,
        validate=Length(max=30),
    )


class EnrolmentChangeIn(Schema):
    """The change of several enrolments: `enrolled` accepts applications, `rejected` rejects, `withdrawn` withdraws.
    Either `enrolments` (their ids) or a `filter`."""

    status = String(required=True, validate=OneOf([status.value for status in CHANGES]))
    enrolments = List(String(validate=Length(max=32)), load_default=None, allow_none=True, validate=Length(max=MOST))
    filter = Nested(EnrolmentFilterIn, load_default=None, allow_none=True)


class EnrolmentChangeConfirmIn(Schema):
    """The reason, which the people read in an e-mail. Only rejecting needs one."""

    reason = String(load_default="", validate=Length(max=REASON_LENGTH))


class EnrolmentMove(AnswerSchema):
    """A number of people now, and after the change."""

    now = Integer()
    after = Integer()


class EnrolmentChanges(AnswerSchema):
    """The changes that a preview announces. `statuses` has each status whose number changes; `countries` says how many
    of the people there are by country code. `seated` get a place, `waitlisted` wait for one, and `promoted` move up
    from the waiting list, since places become free. `free` places are free for everyone now; null for no limit.
    """

    statuses = Dict(
        keys=String(validate=OneOf([status.value for status in EnrolmentStatus])),
        values=Nested(EnrolmentMove),
        attribute="totals",
    )
    countries = Dict(keys=String(), values=Integer(), attribute="by_country")
    seated = Integer()
    waitlisted = Integer(attribute="queued")
    promoted = Integer()
    free = Integer(allow_none=True)


class EnrolmentLeftOut(AnswerSchema):
    """Someone who was left out: `gone` from the series, `stale` since changed after the preview, or `kept` since
    changed again before the undo. `name` is the address of a person whose profile is hidden from the caller.
    """

    id = String(attribute="enrolment_id")
    name = String(attribute="label")
    reason = String(attribute="state", validate=OneOf([state.value for state in LEFT_OUT]))


class EnrolmentChangeSummary(AnswerSchema):
    """A change of several enrolments. `people` were previewed; for `unsuitable` more the change does not fit."""

    id = String(attribute="batch.public_id")
    series = String(attribute="owner.slug")
    state = String(attribute="stage", validate=OneOf([stage.value for stage in BatchStage]))
    status = String(attribute="batch.status", validate=OneOf([status.value for status in CHANGES]))
    reason = String(attribute="batch.reason")
    people = Integer(attribute="batch.size")
    unsuitable = Integer(attribute="batch.same")
    changed = Integer()
    undone = Integer()
    made_at = Instant(attribute="batch.made_at")
    confirmed_at = Instant(attribute="batch.confirmed_at", allow_none=True)
    confirmed_by = String(allow_none=True)
    undone_at = Instant(attribute="batch.undone_at", allow_none=True)


class EnrolmentChangeOut(EnrolmentChangeSummary):
    """A change of several enrolments with details. `changes` is null once it is confirmed."""

    changes = Nested(EnrolmentChanges, allow_none=True)
    left_out = List(Nested(EnrolmentLeftOut))


EnrolmentChangesOut = page_of(EnrolmentChangeSummary, "EnrolmentChangesOut")
"""The changes of several enrolments in a series."""


class EnrolmentQuery(PageQuery):
    """Which places: `q` in name or address, `status`, the code of a `country`, the `source` of the enrolment, the name
    of an `organisation`, and with `answer=none` only people enrolled by somebody else who have not accepted.

    For staff of the series, `answers` can be given several times: `key:option` finds people who chose this option of a
    question at enrolment, `key:given` and `key:none` those who answered a question of another kind, and those who did
    not.
    """

    q = String(load_default="")
    status = Enum(EnrolmentStatus, by_value=True, load_default=None)
    country = String(load_default=None, metadata={"description": "Code of a country."})
    source = Enum(EnrolmentSource, by_value=True, load_default=None)
    organisation = String(load_default=None)
    answer = String(load_default=None, validate=OneOf(["none"]))
    answers = List(String(validate=[Length(max=183), Regexp(r"[^:]+:.")]), load_default=list, validate=Length(max=30))


class SeatAnswers(Dict):
    """The answers of a person at enrolment: a file by its address."""

    def serialize(self, attr: str, obj: Any, accessor: Any = None, **kwargs: Any) -> dict[str, Any] | None:
        """They are null where the caller may not read them."""
        if obj.answers is None:
            return None
        return {key: _answer_out(obj, key, answer.value) for key, answer in obj.answers.items()}


def _answer_out(seat: Seat, key: str, value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    place = {"slug": seat.series.slug, "person_id": seat.person.public_id, "key": key}
    url = url_for("enrolment_questions.answer_file", **place, _external=True)
    return {"name": value["name"], "kind": value["kind"], "size": value["size"], "url": url}


class EnrolmentOut(AnswerSchema):
    """A place. `position` counts from 1 in the waiting list.

    An instructor sees only `email` of a person enrolled by an instructor, until the person accepts. Until then the
    other fields of the profile are null; the answer to the call that enrolled the person repeats what the call sent.

    `answers` are those to the questions at enrolment by their key, as `GET …/answers` has them; of a file its `name`,
    `kind`, `size` and `url`. They are null for callers other than the person and the staff of the series.
    """

    id = String(attribute="enrolment.public_id")
    series = String(attribute="series.slug")
    email = String(allow_none=True)
    full_name = String(attribute="shown.full_name", allow_none=True)
    native_name = String(attribute="shown.native_name", allow_none=True)
    country = String(allow_none=True)
    sector = String(attribute="shown.sector", allow_none=True)
    organisation = String(attribute="shown.organisation", allow_none=True)
    job_title = String(attribute="shown.job_title", allow_none=True)
    gender = String(attribute="shown.gender", allow_none=True)
    locale = String(attribute="shown.locale", allow_none=True)
    time_zone = String(attribute="shown.time_zone", allow_none=True)
    status = String(attribute="enrolment.status")
    accepted = Boolean(
        attribute="is_accepted",
        metadata={"description": "Whether the person has accepted a place that somebody else gave them."},
    )
    position = Integer(allow_none=True)
    registered_at = Instant(attribute="enrolment.registered_at")
    answers = SeatAnswers(keys=String(), values=Raw(), allow_none=True)


EnrolmentPage = page_of(EnrolmentOut, "EnrolmentPage")
"""A page of places."""


class QuotaIn(Schema):
    """How many seats of a series are kept for a country, and until when. 0 seats end a quota."""

    country = String(required=True, metadata={"description": "The code of the country."})
    seats = Integer(required=True, strict=True, validate=Range(min=0, max=MOST_SEATS))
    kept_until = AwareDateTime(required=True)


class QuotasIn(Schema):
    """Quotas to set. Countries that are not in the list keep theirs."""

    quotas = List(Nested(QuotaIn), required=True, validate=Length(min=1, max=MOST_LINES))
    release_rule = Enum(ReleaseRule, by_value=True)


class QuotaOut(AnswerSchema):
    """The quota of a country: `used` of its `seats` are taken. Once it is released, no seats are kept any more."""

    country = String()
    seats = Integer()
    used = Integer()
    kept_until = Instant()
    released_at = Instant(allow_none=True)


class QuotasOut(AnswerSchema):
    """The quotas of a series that the caller can see, and to whom seats go that countries did not use."""

    release_rule = String(metadata={"enum": [rule.value for rule in ReleaseRule]})
    quotas = List(Nested(QuotaOut))


class SeatEntryOut(AnswerSchema):
    """One entry of the ledger of seats. `change` is 1 for a seat taken, -1 for one given back, else 0.

    `person` is the id of the person, null for a nominee who has not answered yet; `nominee` is the name of such a
    nominee. `number` is how many seats a quota keeps from then, or how many a release gave away.
    """

    at = Instant()
    change = Integer()
    kind = String(metadata={"enum": [kind.value for kind in SeatKind]})
    why = String(metadata={"enum": [reason.value for reason in SeatReason]})
    country = String(allow_none=True)
    person = String(allow_none=True, attribute="person_id")
    full_name = String(allow_none=True)
    nominee = String(allow_none=True)
    by = String(allow_none=True, attribute="by_id")
    waited_since = Instant(allow_none=True)
    number = Integer(allow_none=True)


class SeatsOut(AnswerSchema):
    """The seats of a series, and a page of their ledger. The changes of all its entries add up to `taken`, of which
    `held` are reserved for nominees who have not answered yet, and the others are of people `enrolled`. Of the `free`
    seats, `free_for_countries` are kept for countries."""

    capacity = Integer(attribute="series.capacity", allow_none=True)
    taken = Integer(attribute="series.taken")
    enrolled = Integer(attribute="series.enrolled")
    held = Integer(attribute="series.held")
    free = Integer(attribute="series.free_seats", allow_none=True)
    free_for_countries = Integer(attribute="series.reserved")
    reserved = Integer(metadata={"deprecated": True, "description": "Use `free_for_countries`."})
    items = List(Nested(SeatEntryOut))
    next = String(allow_none=True)

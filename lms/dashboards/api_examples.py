"""Examples of the API reference: lines for a shell that call this site with curl, and read ids with jq.

They name only what anybody may know: a public series and lecture of the site. Other ids come from a call before them.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lms.dashboards.api_reference import Call
from lms.people.rules import DEMO_PASSWORD

_BEARER = '-H "Authorization: Bearer $TOKEN"'
_JSON = "-H 'Content-Type: application/json'"


@dataclass(frozen=True)
class _Step:
    """A call that finds or makes what an example is about, and where its answer has the id."""

    variable: str
    address: str
    key: str
    body: Mapping[str, Any] | None = None
    is_open: bool = False


_PERSON = _Step("PERSON", "/lectures/{lecture}/attendance?limit=1", ".items[0].person.id")
_ENROLMENT = _Step("ENROLMENT", "/series/{series}/enrolments?limit=1&status=enrolled", ".items[0].id")
_DRAFT = {"subject": "Before the next lecture", "text": "Dear {name},"}
_STEPS: Mapping[tuple[str, str], tuple[_Step, ...]] = {
    ("people", "public_id"): (_PERSON,),
    ("attendance", "person_id"): (_PERSON,),
    ("enrolments", "public_id"): (_ENROLMENT,),
    ("enrolment-changes", "batch"): (
        _ENROLMENT,
        _Step(
            "CHANGE",
            "/series/{series}/enrolment-changes",
            ".id",
            {"status": "withdrawn", "enrolments": ["$ENROLMENT"]},
        ),
    ),
    ("nominations", "public_id"): (
        _Step(
            "NOMINATION",
            "/series/{nominated}/nominations?limit=200&state=submitted",
            "[.items[] | select(.letter)][0].id",
        ),
    ),
    ("decisions", "batch"): (_Step("DECISION", "/nominations/decisions", ".items[0].id"),),
    ("appeals", "appeal_id"): (_Step("APPEAL", "/appeals?limit=1", ".items[0].id"),),
    ("attendance-corrections", "batch"): (
        _PERSON,
        _Step(
            "CORRECTION",
            "/lectures/{lecture}/attendance-corrections",
            ".id",
            {"outcome": "partial", "people": ["$PERSON"]},
        ),
    ),
    ("attendance-unknown", "attendee_id"): (
        _Step("ATTENDEE", "/lectures/{lecture}/attendance-unknown?limit=1", ".items[0].id"),
    ),
    ("groups", "group_id"): (_Step("GROUP", "/lectures/{lecture}/groups", ".items[0].id"),),
    ("certificates", "number"): (
        _Step("SERIES", "/admin/series?limit=200", "[.items[] | select(.certificates_earned > 0)][0].slug"),
        _Step("NUMBER", "/series/$SERIES/certificates?limit=1", ".items[0].number"),
    ),
    ("learning-records", "number"): (
        _PERSON,
        _Step("RECORD", "/people/$PERSON/learning-records", ".number", {}),
    ),
    ("checks", "check_id"): (_Step("CHECK", "/series/{series}/checks", ".items[0].id"),),
    ("messages", "message_id"): (_Step("MESSAGE", "/series/{series}/messages", ".id", _DRAFT),),
    ("reports", "public_id"): (_Step("REPORT", "/reports?limit=1", ".items[0].id", is_open=True),),
    ("saved-reports", "public_id"): (_Step("SAVED", "/saved-reports", ".id", {"name": "Example", "country": "KE"}),),
    ("exports", "job_id"): (_Step("EXPORT", "/exports", ".id", {"kind": "people", "country": "KE"}),),
    ("jobs", "job_id"): (_Step("TASK", "/exports", ".id", {"kind": "people", "country": "KE"}),),
}
"""For each id in an address: the calls that find it. Those with a body make a draft, a preview or an export."""
_QUERIES = {
    "countries.look_at_country_merge": "?other=UG",
    "catalogue.get_hours": "?starts_at=2027-03-04T10:00&time_zone=UTC",
    "reports.totals": "?by=country",
}
_BODIES: Mapping[str, Mapping[str, Any]] = {
    "catalogue.change_series": {"capacity": 200},
    "catalogue.create_lecture": {
        "title": "E-invoicing step by step",
        "starts_at": "2027-03-04T10:00",
        "time_zone": "Africa/Nairobi",
        "duration_minutes": 90,
    },
    "catalogue.change_lecture": {"title": "E-invoicing step by step"},
    "catalogue.postpone": {"starts_at": "2027-03-11T10:00", "time_zone": "Africa/Nairobi"},
    "catalogue.unpublish": {"lectures": [1]},
    "checks.make_check": {"title": "What was learned", "items": [1, 2]},
    "checks.save_answers": {"answers": {"1": 0}},
    "discussion.make_poll": {"text": "How do you pay?", "options": ["Card", "Wallet"]},
    "discussion.answer_poll": {"options": [0]},
    "countries.merge_country": {"other": "UG", "reason": "Entered twice."},
    "countries.undo_merge_of_countries": {"other": "UG"},
    "countries.change_listed_country": {"names": {"en": "Kenya"}},
    "dashboards.choose_mail": {"choices": {"change": False}},
    "people.change_person": {"organisation": "Ministry of Trade"},
    "enrolment.create_enrolment": {"email": "amina@example.org", "full_name": "Amina Diallo", "country": "KE"},
    "nominations.create_nominations": {"email": "amina@example.org", "full_name": "Amina Diallo", "country": "KE"},
    "enrolment.preview_changes": {"status": "enrolled", "enrolments": ["ENROLMENT_ID"]},
    "enrolment.confirm_changes": {"reason": "The series is full."},
    "attendance.preview_corrections": {"outcome": "attended", "people": ["PERSON_ID"]},
    "attendance.confirm_corrections": {"reason": "The broadcast failed."},
    "attendance.correct_attendance": {"outcome": "attended", "reason": "The broadcast failed."},
    "attendance.reopen_attendance": {"reason": "A report arrived late."},
    "attendance.file_appeal": {"text": "My connection failed twice."},
    "attendance.answer_appeal": {"decision": "accepted", "outcome": "attended"},
    "viewing_groups.tick": {"add": ["PERSON_ID"]},
    "reports.change_saved": {"name": "Kenya by month"},
}
"""Bodies of calls that need none, or where the required fields alone say little."""
_SAMPLES: Mapping[str, Any] = {
    "slug": "e-invoicing",
    "title": "E-invoicing for small exporters",
    "name": "Kenya by month",
    "names": {"en": "Example Land"},
    "email": "amina@example.org",
    "reason": "Entered by mistake.",
    "subject": "Before the next lecture",
    "text": "Dear {name},",
    "city": "Nairobi",
    "room": "Treasury Building, hall 2",
    "organiser": "Grace Wanjiru",
    "expected": 40,
    "time_zone": "Africa/Nairobi",
    "actual_start": "2026-03-04T07:02:00Z",
    "actual_end": "2026-03-04T08:31:00Z",
    "quotas": [{"country": "KE", "seats": 10, "kept_until": "2027-02-01T00:00:00Z"}],
    "ids": ["NOMINATION_ID"],
    "code": "CODE",
    "key": "KEY_OF_THE_PREVIEW",
    "mark": "MARK",
    "other": "PERSON_ID",
    "person": "PERSON_ID",
    "room_token": "ROOM_TOKEN",
    "beats": [[3, 30000]],
    "into": 1,
    "questions": [{"kind": "text", "text": "What will you use first?"}],
    "answers": {"KEY": "Answer"},
    "readers": 120,
    "seq": 1,
    "version": 1,
}


@dataclass(frozen=True)
class Site:
    """The subjects of examples: the address of the API, a public series with a held lecture, one with nominations."""

    address: str
    series: str
    lecture: int
    nominated: str
    is_demonstration: bool

    def address_of(self, path: str) -> str:
        """Returns the whole address of a path with the names of series and lecture filled in."""
        values = {"series": self.series, "lecture": self.lecture, "nominated": self.nominated}
        return self.address + path.format(**values)


def sign_in(site: Site) -> str:
    """Returns the line that gets a token and keeps it as `$TOKEN`."""
    email, password = ("admin@demo.test", DEMO_PASSWORD) if site.is_demonstration else ("YOUR-ADDRESS", "YOUR-PASSWORD")
    body = json.dumps({"email": email, "password": password, "name": "examples"})
    return f"TOKEN=$(curl -s {_JSON} -d '{body}' {site.address}/tokens | jq -r .token)"


def first_call(site: Site) -> str:
    """Returns a command that uses the token."""
    return f'curl {_BEARER} "{site.address}/series?limit=5"'


def preparation(calls: Sequence[Call], site: Site) -> str:
    """Returns the lines that get a token and the ids that examples of these calls use, each a whole command."""
    steps = {step.variable: step for call in calls for name in _ids(call) for step in _STEPS.get(name, ())}
    is_needed = any(call.scope and not (call.is_open and call.method == "GET") for call in calls)
    return "\n".join([*([sign_in(site)] if is_needed else []), *(_step(step, site) for step in steps.values())])


def example(call: Call, site: Site) -> str:
    """Returns the command that makes a call, with the token and ids of `preparation`."""
    if call.operation == "people.create_token":
        return sign_in(site)
    series = "{nominated}" if "nominations" in call.path else "{series}"
    path = call.path.removeprefix("/api/v1").replace("{lecture_id}", "{lecture}").replace("{slug}", series)
    path = path.replace("{code}", "KE")
    for segment, name in _ids(call):
        steps = _STEPS.get((segment, name), ())
        path = path.replace(f"{{{name}}}", f"${steps[-1].variable}" if steps else f"{name.upper()}")
    return _command(call, site.address_of(path))


def _ids(call: Call) -> list[tuple[str, str]]:
    """The parameters of the address, each with the part before it."""
    return re.findall(r"/([\w-]+)/{(\w+)}", call.path)


def example_body(call: Call) -> dict[str, Any]:
    """Returns a body that the schema of the call accepts."""
    if call.operation in _BODIES:
        return dict(_BODIES[call.operation])
    properties = call.body_schema.get("properties", {})
    return {name: _SAMPLES.get(name, _first(properties[name])) for name in call.body_schema.get("required", [])}


def _first(schema: Mapping[str, Any]) -> Any:
    return next(iter(schema.get("enum", ["…"])))


def _step(step: _Step, site: Site) -> str:
    words = ["curl -s", *([] if step.is_open else [_BEARER]), *([] if step.body is None else [_data(step.body)])]
    return f"{step.variable}=$({' '.join(words)} \"{site.address_of(step.address)}\" | jq -r '{step.key}')"


def _data(body: Mapping[str, Any]) -> str:
    """The body of a call. A name such as `$PERSON` leaves the quotes, so that the shell replaces it."""
    sent = re.sub(r'"(\$[A-Z]+)"', "\"'\\1'\"", json.dumps(body, ensure_ascii=False))
    return f"{_JSON} -d '{sent}'"


def _command(call: Call, address: str) -> str:
    words = ["curl"]
    if call.method != "GET" and not (call.method == "POST" and call.bodies):
        words.append(f"-X {call.method}")
    if call.scope and not (call.is_open and call.method == "GET"):
        words.append(_BEARER)
    if "application/json" in call.bodies:
        words.append(_data(example_body(call)))
    elif "multipart/form-data" in call.bodies:
        words.append("-F file=@FILE")
    if call.is_download:
        words.append("-OJ")
    query = _QUERIES.get(call.operation, "")
    if not query and any(field.name == "limit" for field in call.fields):
        query = "?limit=5"
    return f'{" ".join(words)} "{address}{query}"'

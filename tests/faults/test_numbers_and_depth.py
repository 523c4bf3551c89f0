"""Numbers that no column holds and JSON without a bottom, sent to every route: none is a fault of ours."""

from __future__ import annotations

import io
from typing import Any

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient
from werkzeug.routing import AnyConverter, IntegerConverter, Rule

from tests.factories import Make

pytestmark = pytest.mark.databases
HUGE = 99_999_999_999_999_999_999
PARAMETERS = ("page", "lecture", "find", "restore", "limit", "cursor", "year", "people", "expected")
DEEP = b"[" * 100_000


@pytest.fixture
def administrator(client: FlaskClient, make: Make) -> FlaskClient:
    make.sign_in(client, make.person(email="admin@x.example", roles=["administrator"]))
    return client


def rules(app: APIFlask, method: str) -> list[Rule]:
    return [rule for rule in app.url_map.iter_rules() if method in (rule.methods or ())]


def address(app: APIFlask, rule: Rule, numbers: int, texts: str) -> str:
    adapter = app.url_map.bind("localhost")
    values: dict[str, Any] = {
        name: numbers
        if isinstance(converter, IntegerConverter)
        else min(converter.items)
        if isinstance(converter, AnyConverter)
        else texts
        for name, converter in rule._converters.items()
    }
    url = adapter.build(rule.endpoint, {**values, **(rule.defaults or {})}, method=next(iter(rule.methods or ())))
    return str(url)


def test_a_number_in_an_address_that_no_column_holds_leads_nowhere(
    app: APIFlask, administrator: FlaskClient, make: Make
) -> None:
    headers = make.headers(make.person(email="boss@x.example", roles=["administrator"]))
    statuses: dict[str, int] = {}
    for rule in rules(app, "GET"):
        if any(isinstance(one, IntegerConverter) for one in rule._converters.values()):
            path = address(app, rule, 4_242_424, "s").replace("4242424", str(HUGE))
            answer = administrator.get(path, headers=headers if path.startswith("/api/") else {}, buffered=True)
            statuses[rule.rule] = answer.status_code
    assert len(statuses) > 20
    assert set(statuses.values()) <= {404, 405}


def faults_with(app: APIFlask, administrator: FlaskClient, make: Make, *queries: tuple[str, ...]) -> dict[str, int]:
    """The routes that answer with a fault of ours where these parameters have a number that no column holds."""
    headers = make.headers(make.person(email="boss@x.example", roles=["administrator"]))
    lecture = make.lecture(make.series(slug="s"))
    statuses: dict[str, int] = {}
    for rule in rules(app, "GET"):
        path = address(app, rule, lecture.id, "s")
        for names in queries:
            parameters = dict.fromkeys(names, str(HUGE))
            headers_sent = headers if path.startswith("/api/") else {}
            answer = administrator.get(path, query_string=parameters, headers=headers_sent, buffered=True)
            statuses[f"{path} {' '.join(names)}"] = answer.status_code
    assert len(statuses) > 200
    return {path: status for path, status in statuses.items() if status >= 500}


def test_a_number_in_all_parameters_that_no_column_holds_is_no_fault_of_ours(
    app: APIFlask, administrator: FlaskClient, make: Make
) -> None:
    assert faults_with(app, administrator, make, PARAMETERS) == {}


@pytest.mark.long
@pytest.mark.databases("postgresql")  # whose columns hold less
def test_a_number_in_a_parameter_that_no_column_holds_is_no_fault_of_ours(
    app: APIFlask, administrator: FlaskClient, make: Make
) -> None:
    assert faults_with(app, administrator, make, *((name,) for name in PARAMETERS)) == {}


def test_a_number_in_a_form_that_no_column_holds_is_no_fault_of_ours(
    app: APIFlask, administrator: FlaskClient, make: Make
) -> None:
    lecture = make.lecture(make.series(slug="s"))
    statuses: dict[str, int] = {}
    for rule in rules(app, "POST"):
        path = address(app, rule, lecture.id, "s")
        if not path.startswith("/api/"):
            data = {name: str(HUGE) for name in (*PARAMETERS, "series", "country", "minutes", "capacity", "version")}
            statuses[path] = administrator.post(path, data=data).status_code
    assert {path: status for path, status in statuses.items() if status >= 500} == {}


def test_json_without_a_bottom_is_refused(app: APIFlask, client: FlaskClient, make: Make) -> None:
    headers = make.headers(make.person(email="admin@x.example", roles=["administrator"]))
    lecture = make.lecture(make.series(slug="s"))
    statuses: dict[str, int] = {}
    for method in ("POST", "PUT", "PATCH"):
        for rule in rules(app, method):
            path = address(app, rule, lecture.id, "s")
            if path.startswith("/api/"):
                for kind in ("application/json", "text/plain", "application/octet-stream"):
                    answer = client.open(
                        path, method=method, input_stream=io.BytesIO(DEEP), content_type=kind, headers=headers,
                        content_length=len(DEEP),
                    )  # fmt: skip
                    statuses[f"{method} {path} {kind}"] = answer.status_code
    assert len(statuses) > 100
    kinds = {status for call, status in statuses.items() if call.endswith("json")}
    assert {call: status for call, status in statuses.items() if status >= 500} == {}
    assert kinds <= {400, 404, 405, 409, 413, 415, 422}

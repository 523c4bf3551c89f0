"""What the OpenAPI document says of an answer, and a client that holds every answer of the API against it."""

from __future__ import annotations

from typing import Any

from apiflask import APIFlask
from flask.testing import FlaskClient
from jsonschema import Draft202012Validator
from referencing import Registry
from referencing.jsonschema import DRAFT202012
from werkzeug.exceptions import HTTPException
from werkzeug.routing import Rule
from werkzeug.test import TestResponse

UNLISTED = {"openapi.spec", "dashboards_api.docs"}


def template(rule: Rule) -> str:
    """The address of a rule as the document writes it."""
    return rule.rule.replace("<int:", "{").replace("<", "{").replace(">", "}")


def _closed(found: Any) -> Any:
    """The same schemas, in which objects that list their properties have no others."""
    if isinstance(found, list):
        return [_closed(one) for one in found]
    if not isinstance(found, dict):
        return found
    closed = {name: _closed(one) for name, one in found.items()}
    if isinstance(found.get("properties"), dict) and "type" in found:
        closed.setdefault("additionalProperties", False)
    return closed


class Told:
    """The document, asked whether it tells of an answer."""

    def __init__(self, document: dict[str, Any]) -> None:
        self.document = _closed(document)
        self.registry: Any = Registry().with_resource("urn:serai", DRAFT202012.create_resource(self.document))
        self.validators: dict[str, Draft202012Validator] = {}

    def fault(self, method: str, rule: Rule, answer: Any) -> str | None:
        """What the document does not tell of this answer; None where it tells all."""
        name = f"{method} {rule.rule}: {answer.status_code}"
        path, verb, status = template(rule), method.lower(), str(answer.status_code)
        told = self.document["paths"][path][verb]["responses"].get(status)
        if told is None:
            return f"{name} is not documented"
        content = told.get("content", {})
        if not answer.data:
            return None if not content else f"{name} has no body"
        if answer.mimetype not in content:
            return f"{name} as {answer.mimetype} is not documented"
        if not answer.is_json:
            return None
        place = "/".join(part.replace("~", "~0").replace("/", "~1") for part in
                         ("paths", path, verb, "responses", status, "content", answer.mimetype, "schema"))  # fmt: skip
        if place not in self.validators:
            self.validators[place] = Draft202012Validator({"$ref": f"urn:serai#/{place}"}, registry=self.registry)
        errors = list(self.validators[place].iter_errors(answer.get_json()))
        return f"{name}: {errors[0].json_path} {errors[0].message}" if errors else None


class ToldClient(FlaskClient):
    """A test client that fails where an answer of the API is not what the document says."""

    def open(self, *args: Any, **more: Any) -> TestResponse:
        """Sends a request and checks its answer."""
        answer = super().open(*args, **more)
        request = answer.request
        if not request.path.startswith("/api/") or request.method in {"HEAD", "OPTIONS"}:
            return answer
        app = self.application
        try:
            rule, _values = app.url_map.bind("localhost").match(request.path, request.method, return_rule=True)
        except HTTPException:
            return answer  # no call of the API
        if rule.endpoint not in UNLISTED and (fault := _told(app).fault(request.method, rule, answer)):
            raise AssertionError(fault)
        return answer


def _told(app: Any) -> Told:
    if "told" not in app.extensions:
        assert isinstance(app, APIFlask)
        with app.app_context():
            app.extensions["told"] = Told(dict(app.spec))
    found: Told = app.extensions["told"]
    return found

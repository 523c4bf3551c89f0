"""Compares answers of the API with its OpenAPI document, and a client that does so for each of them."""

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

UNLISTED = {"openapi.spec", "dashboards_api.docs", "dashboards_api.resource_docs"}


def template(rule: Rule) -> str:
    """The address of a rule as the document writes it."""
    return rule.rule.replace("<int:", "{").replace("<", "{").replace(">", "}")


def _closed(schema: Any) -> Any:
    """The same schemas, in which objects that list their properties have no others."""
    if isinstance(schema, list):
        return [_closed(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {name: _closed(one) for name, one in schema.items()}
    if isinstance(schema.get("properties"), dict) and "type" in schema:
        closed.setdefault("additionalProperties", False)
    return closed


class AnswerChecker:
    """Compares answers with the document."""

    def __init__(self, document: dict[str, Any]) -> None:
        self.document = _closed(document)
        self.registry: Any = Registry().with_resource("urn:serai", DRAFT202012.create_resource(self.document))
        self.validators: dict[str, Draft202012Validator] = {}

    def fault(self, method: str, rule: Rule, answer: Any) -> str | None:
        """What the document leaves out of this answer, or None."""
        name = f"{method} {rule.rule}: {answer.status_code}"
        path, verb, status = template(rule), method.lower(), str(answer.status_code)
        documented = self.document["paths"][path][verb]["responses"].get(status)
        if documented is None:
            return f"{name} is not documented"
        content = documented.get("content", {})
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


class CheckedClient(FlaskClient):
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
        if rule.endpoint not in UNLISTED and (fault := _checker(app).fault(request.method, rule, answer)):
            raise AssertionError(fault)
        return answer


def _checker(app: Any) -> AnswerChecker:
    if "answer_checker" not in app.extensions:
        assert isinstance(app, APIFlask)
        with app.app_context():
            app.extensions["answer_checker"] = AnswerChecker(dict(app.spec))
    checker: AnswerChecker = app.extensions["answer_checker"]
    return checker

"""The examples of the API reference run as they stand on its pages, and return what the document says."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from html import unescape
from typing import Any
from urllib.parse import urlsplit

import pytest
from werkzeug.test import TestResponse

from lms.web.api.openapi import RESOURCES
from tests.contracts.world import World
from tests.documented_answers import AnswerChecker

pytestmark = pytest.mark.xdist_group("world")
_LINES = re.compile(r'<pre id="([\w-]+)" translate="no">(.*?)</pre>', re.DOTALL)


@pytest.fixture(autouse=True)
def _as_it_was(world: World) -> Iterator[None]:
    yield
    world.restore()


class Shell:
    """Runs curl against the application, and the few forms of jq that the examples have."""

    def __init__(self, world: World, role: str = "administrator") -> None:
        self.world, self.variables = world, {"TOKEN": world.bearers[role]}

    def run(self, line: str) -> TestResponse:
        """Runs a line, and keeps what it assigns."""
        assigned = re.fullmatch(r"(\w+)=\$\((curl .*) \| jq -r (.+)\)", line)
        answer = self._curl(assigned[2] if assigned else line)
        if assigned:
            self.variables[assigned[1]] = str(_jq(answer.get_json(), shlex.split(assigned[3])[0]))
        return answer

    def _curl(self, command: str) -> TestResponse:
        words = shlex.split(re.sub(r"\$(\w+)", lambda found: self.variables[found[1]], command))
        method, data, headers, address = "", None, {}, ""
        waiting = iter(words[1:])
        for word in waiting:
            if word == "-X":
                method = next(waiting)
            elif word == "-d":
                data = next(waiting)
            elif word == "-H":
                name, _colon, value = next(waiting).partition(": ")
                headers[name] = value
            elif word not in {"-s", "-OJ"}:
                address = word
        parts = urlsplit(address)
        assert f"{parts.scheme}://{parts.netloc}" == self.world.app.extensions["lms.config"].base_url
        path = f"{parts.path}?{parts.query}"
        answer = self.world.app.test_client().open(
            path, method=method or ("POST" if data else "GET"), data=data, headers=headers
        )
        answer.get_data()
        return answer


def _jq(value: Any, program: str) -> Any:
    """Evaluates `.items[0].id` and `[.items[] | select(.field > 0)][0].id`."""
    if chosen := re.fullmatch(r"\[\.items\[\] \| select\(\.(\w+)(?: > 0)?\)\]\[0\]\.(\w+)", program):
        return next((item[chosen[2]] for item in value["items"] if item[chosen[1]]), "null")
    for name, index in re.findall(r"\.(\w+)(?:\[(\d+)\])?", program):
        value = value.get(name)[int(index) :] if index else value.get(name, "null")
        if index and not value:
            return "null"
        value = value[0] if index else value
    return value


def test_every_example_that_reads_runs_and_returns_what_is_documented(world: World) -> None:
    client = world.app.test_client()
    document = json.loads(client.get("/api/v1/openapi.json").data)
    checker, rules = AnswerChecker(document), {rule.rule: rule for rule in world.app.url_map.iter_rules()}
    run, faults, mine = set(), {}, world.places["mine"]
    for resource in RESOURCES:
        lines = dict(_LINES.findall(client.get(f"/api/v1/docs/{resource.slug}").text))
        shell = Shell(world)
        for line in unescape(lines.get("before", "")).splitlines():
            if not line.startswith("TOKEN="):
                answer = shell.run(line)
                faults |= {} if answer.status_code in {200, 201} else {line: answer.text}
        # Nobody watched the lecture that was held last in a group, and no nomination with a letter waits
        for name, known in (("GROUP", mine.groups["open"]), ("NOMINATION", mine.nomination)):
            if shell.variables.get(name) == "null":
                shell.variables[name] = known
        for anchor, line in lines.items():
            if anchor.startswith("e-get-"):
                if "ATTEMPT_ID" in line:  # only who began an attempt reads it
                    name, role = ("mine", "trainee") if "/series/mine/" in line else ("theirs", "other trainee")
                    attempt_id = world.places[name].attempt_id
                    answer = Shell(world, role).run(unescape(line).replace("ATTEMPT_ID", attempt_id))
                else:
                    answer = shell.run(unescape(line))
                rule, _values = world.app.url_map.bind("localhost").match(answer.request.path, "GET", return_rule=True)
                run.add(rule.rule)
                fault = checker.fault("GET", rules[rule.rule], answer)
                if fault or answer.status_code != 200:
                    faults[line] = fault or answer.text
    assert [f"{unescape(line)}\n{fault[:300]}" for line, fault in faults.items()] == []
    documented = {path for path, methods in document["paths"].items() if "get" in methods}
    assert {re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule) for rule in run} == documented

"""Another's tool reads our OpenAPI document and calls everything in it, with what it allows and what it does not.

Its checks are taken as they are: no fault of ours (5xx), no status, kind, header or body beside the document, what
the document forbids is refused, what it does not list is not there.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from typing import Any

import pytest
import schemathesis
from schemathesis.config import (
    ChecksConfig,
    CoveragePhaseConfig,
    GenerationConfig,
    PhasesConfig,
    PositiveDataAcceptanceConfig,
    ProjectConfig,
    ProjectsConfig,
    SchemathesisConfig,
    SimpleCheckConfig,
)
from schemathesis.core.parameters import ParameterLocation
from schemathesis.engine import events, from_schema

from tests.contracts.matrix import BODIES
from tests.contracts.world import World, build

pytestmark = pytest.mark.long(seconds=280)
CHECKS = ChecksConfig(
    # What no schema can say (the code of a country must be one of ours) is 422 all the same
    positive_data_acceptance=PositiveDataAcceptanceConfig(enabled=False),
    # Its second call breaks off within the tool where there is no network; test_matrix.py calls without a token
    ignored_auth=SimpleCheckConfig(enabled=False),
    # The world is put back after each call (`Run.restore`), so what a call created is gone at the next one
    ensure_resource_availability=SimpleCheckConfig(enabled=False),
)
# A list longer than the document allows may also be more bytes than the call reads
CHECKS.negative_data_rejection.expected_statuses = [*CHECKS.negative_data_rejection.expected_statuses, "413"]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """What is called, without rates: they are tried in tests/web."""
    return build(tmp_path_factory.mktemp("schemathesis"))


class Run:
    """What the tool did as one role, and what it found."""

    def __init__(self, world: World, role: str, *, examples: int, seed: int, covers: bool) -> None:
        self.world, self.role = world, role
        self.faults: list[str] = []
        self.statuses: dict[str, set[int]] = defaultdict(set)
        headers = {"Accept-Encoding": "identity"}
        if role in world.bearers:
            headers["Authorization"] = f"Bearer {world.bearers[role]}"
        generation = GenerationConfig(max_examples=examples, deterministic=True, no_shrink=True)
        phases = PhasesConfig(coverage=CoveragePhaseConfig(enabled=covers))
        project = ProjectConfig(headers=headers, checks=CHECKS, generation=generation, phases=phases)
        config = SchemathesisConfig(seed=seed, projects=ProjectsConfig(default=project))
        self.schema = schemathesis.openapi.from_wsgi("/api/v1/openapi.json", world.app, config=config)
        self.rules = {rule.endpoint.replace("_api.", "."): rule for rule in world.app.url_map.iter_rules()}
        self.turns: dict[str, itertools.count[int]] = defaultdict(lambda: itertools.count(1))
        self.version = world.version()

    def point(self, case: Any) -> None:
        """Three times of four, what the address names is there; twice of four the body is as it should be but for one
        key, once it is so whole.

        The tool could guess neither, and would get no further than the first refusal.
        """
        rule = self.rules[case.operation.definition.raw["operationId"]]
        turn = next(self.turns[rule.endpoint])  # of its own: what one call gets hangs on no other
        if turn % 4 == 0 or case.meta is None:
            return
        path, body = (case.meta.components.get(part) for part in (ParameterLocation.PATH, ParameterLocation.BODY))
        if case.path_parameters and path and path.mode.is_positive:
            case.path_parameters.update(self.world.arguments(rule.endpoint, set(rule.arguments), self.role, "mine"))
        good = BODIES.get(f"{case.operation.method.upper()} {rule.endpoint}", {})
        good = good(self.world.places["mine"]) if callable(good) else good
        is_allowed = all(part.mode.is_positive for part in case.meta.components.values())
        if isinstance(case.body, dict) and body and is_allowed and good and "file" not in good:
            left_out = sorted(case.body)[turn % len(case.body)] if case.body and turn % 4 != 1 else None
            case.body = {**good, **({left_out: case.body[left_out]} if left_out else {})}

    def restore(self, case: Any, response: Any) -> None:
        """Puts the world back as it was."""
        self.statuses[f"{case.method} {case.operation.path}"].add(response.status_code)
        if self.world.version() != self.version:
            self.world.restore()
            self.version = self.world.version()

    def go(self) -> None:
        for event in from_schema(self.schema).execute():
            if isinstance(event, events.ScenarioFinished):
                for check in itertools.chain.from_iterable(event.recorder.checks.values()):
                    if (info := check.failure_info) is not None:
                        self.faults.append(f"{event.label}: {info.failure} {info.code_sample}")
            elif isinstance(event, events.NonFatalError):
                self.faults.append(f"{event.label}: {event.value!r}")
            elif isinstance(event, events.FatalError):
                raise event.exception


def run(world: World, role: str, *, examples: int, seed: int, covers: bool = True) -> Run:
    """A whole run. The tool's hooks are functions, and its own globals: they are taken back.

    `covers`: beside what is drawn, also the calls that follow from the document alone, always the same ones.
    """
    made = Run(world, role, examples=examples, seed=seed, covers=covers)

    @schemathesis.hook("before_call")
    def before(context: Any, case: Any, kwargs: Any) -> None:
        made.point(case)

    @schemathesis.hook("after_call")
    def after(context: Any, case: Any, response: Any) -> None:
        made.restore(case, response)

    try:
        made.go()
    finally:
        schemathesis.hooks.unregister_all()
    return made


OPEN = {"certificates/{number}", "series", "totals", "series/{slug}", "series/{slug}/lectures", "lectures/{lecture_id}"}
"""What anybody may read."""
NOT_GUESSED = {
    "POST series/{slug}/unpublish",
    "POST tokens",
    "POST lectures/{lecture_id}/attendance-imports",
    "POST lectures/{lecture_id}/join",
    # A trainee's own
    "POST lectures/{lecture_id}/appeals",
    "POST appeals/{appeal_id}/withdraw",
    "POST check-ins",
    "POST lectures/{lecture_id}/feedback",
    "POST series/{slug}/feedback",
    "POST lectures/{lecture_id}/hand",
    "POST lectures/{lecture_id}/polls/{poll_id}/vote",
    "POST lectures/{lecture_id}/questions",
    "POST lectures/{lecture_id}/questions/{question_id}/vote",
    "POST series/{slug}/checks/{check_id}/attempts",
    "GET series/{slug}/attempts/{attempt_id}",
    "PATCH series/{slug}/attempts/{attempt_id}",
    "POST series/{slug}/attempts/{attempt_id}/submit",
    # A lecture that was held; somebody who attended one; two open questions
    "GET lectures/{lecture_id}/report",
    "POST people/{public_id}/learning-records",
    "POST lectures/{lecture_id}/questions/{question_id}/merge",
    # The key of what was looked at a moment before
    "POST lectures/{lecture_id}/times",
    "POST series/{slug}/policy",
    # Two countries; a message that is being sent
    "GET countries/{code}/merge",
    "POST series/{slug}/messages/{message_id}/stop",
    # A job that issues, and a file that a job has made
    "POST series/{slug}/certificates/{job_id}/stop",
    "GET exports/{job_id}",
    "POST exports/{job_id}/file",
    "POST certificates/bundles/{job_id}",
}
"""Calls that an administrator does not get through without a password, a file of attendance, a place, and so on."""


def unreached(finished_run: Run) -> set[str]:
    """The calls of the document that were never answered with what they are for."""
    listed = {
        (operation.ok().method.upper(), operation.ok().path) for operation in finished_run.schema.get_all_operations()
    }
    return {
        f"{method} {path.removeprefix('/api/v1/')}"
        for method, path in listed
        if not any(status < 300 for status in finished_run.statuses[f"{method} {path}"])
    }


def test_what_the_document_says_is_so_for_an_administrator(world: World) -> None:
    finished_run = run(world, "administrator", examples=2, seed=1)
    assert finished_run.faults == []
    assert unreached(finished_run) == NOT_GUESSED


@pytest.mark.parametrize("role", ["administrator", "trainee", "anonymous"])
def test_what_the_document_says_is_so_at_length(world: World, role: str) -> None:
    covers = role != "administrator"  # theirs are in the test above
    finished_run = run(world, role, examples=5, seed=20261125, covers=covers)
    assert finished_run.faults == []
    assert unreached(finished_run) & {f"GET {path}" for path in OPEN} == set()

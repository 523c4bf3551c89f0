"""What tests cost: with `--costs`, the processor time of each module, test and fixture, with the processes they start.

The clock says little on a machine that does something else too. PostgreSQL's own processes and browsers that outlive a
test are not counted.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterator
from heapq import nlargest
from typing import Any

import pytest

SHOWN = 20


def spent() -> float:
    """Seconds of the processor that this process and those that it has waited for have used."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


class Costs:
    """Counts while tests run, and prints three tables at the end."""

    def __init__(self) -> None:
        self.modules: dict[str, float] = defaultdict(float)
        self.tests: dict[str, float] = defaultdict(float)
        self.fixtures: dict[str, float] = defaultdict(float)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[Any]:
        """Counts a test with all its fixtures."""
        before = spent()
        result = yield
        self.tests[item.nodeid] = spent() - before
        self.modules[item.nodeid.partition("::")[0]] += self.tests[item.nodeid]
        return result

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: pytest.FixtureDef[Any]) -> Iterator[Any]:
        """Counts a fixture, with those that it asks for itself."""
        before = spent()
        try:
            return (yield)
        finally:
            self.fixtures[f"{fixturedef.argname} ({fixturedef.baseid})"] += spent() - before

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Hands what a worker has counted to the process that prints it."""
        if hasattr(session.config, "workeroutput"):
            session.config.workeroutput["costs"] = [dict(self.modules), dict(self.tests), dict(self.fixtures)]

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Adds what a worker has counted."""
        for counted, more in zip(
            (self.modules, self.tests, self.fixtures), node.workeroutput.get("costs", ()), strict=False
        ):
            for name, seconds in more.items():
                counted[name] += seconds

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Prints what costs most."""
        terminalreporter.write_line(f"{sum(self.modules.values()):8.2f} seconds of the processor in all tests")
        for title, counted in (("modules", self.modules), ("tests", self.tests), ("fixtures", self.fixtures)):
            terminalreporter.section(f"seconds of the processor: {title}")
            for name in nlargest(SHOWN, counted, key=counted.__getitem__):
                terminalreporter.write_line(f"{counted[name]:8.2f} {name}")

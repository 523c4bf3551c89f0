"""Mutation tests: breaks the rules that certificates hang on, one place at a time, and counts what the tests notice.

Each mutant changes one expression or statement of a function. It runs in a process of its own, forked from one that has
collected the tests, on SQLite, until the first test fails. The sample is the same each time, and hardly moves when the
source does: mutants are drawn by a hash of what they change. What runs at import only is not changed.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import copy
import functools
import gc
import hashlib
import json
import os
import signal
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

import pytest
from _pytest.runner import runtestprotocol

ROOT = Path(__file__).resolve().parents[1]
ENROLMENT = ("rules", "membership", "actions", "batches", "api", "seats", "quotas", "handlers", "queries")
ATTENDANCE = ("outcomes", "rules", "policies", "actions", "histories", "order")
REPORTS = ("facts", "counting", "stored_facts", "kept_facts", "rules")
CERTIFICATES = ("eligibility", "earnable", "behind", "rules", "story")
FACTS = ("counting", "segments", "selection")
TARGETS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "enrolment/rules": (("lms/enrolment/rules.py",), ENROLMENT),
    "enrolment/seats": (("lms/enrolment/seats.py",), ENROLMENT),
    "enrolment/membership": (("lms/enrolment/membership.py",), ENROLMENT),
    "attendance/presence": (("lms/attendance/presence.py",), ATTENDANCE),
    "attendance/outcomes": (("lms/attendance/outcomes.py",), ATTENDANCE),
    "reports/facts": (tuple(f"lms/reports/facts/{name}.py" for name in FACTS), REPORTS),
    "certificates/eligibility": (("lms/certificates/eligibility.py", "lms/certificates/remaining.py"), CERTIFICATES),
}
"""Modules, and the tests of their slice that are about them."""
SWAPPED: dict[type[ast.AST], type[ast.AST]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In, ast.And: ast.Or, ast.Or: ast.And,
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.FloorDiv, ast.FloorDiv: ast.Mult,
    ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd,
}  # fmt: skip
SEED = "serai"


@dataclass
class Mutant:
    """A change of one node. `name`: where and what, the same as long as the function and the expression are."""

    name: str
    path: str
    function: tuple[str, int]
    tree: ast.Module = field(repr=False)

    @property
    def order(self) -> str:
        """Where it stands in the draw."""
        return hashlib.sha256(f"{SEED} {self.name}".encode()).hexdigest()


def changes(node: ast.AST) -> Iterator[ast.AST]:
    """What one node is replaced by."""
    changed: Any = copy.deepcopy(node)
    match changed:
        case ast.Compare(ops=[operator]) if type(operator) in SWAPPED:
            changed.ops = [SWAPPED[type(operator)]()]
            yield changed
        case ast.BoolOp() | ast.BinOp() if type(changed.op) in SWAPPED:
            changed.op = SWAPPED[type(changed.op)]()
            yield changed
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            yield operand
        case ast.Constant(value=bool(value)):
            yield ast.Constant(not value)
        case ast.Constant(value=int(value)):
            yield ast.Constant(value + 1)
        case ast.If() | ast.IfExp() | ast.While():
            changed.test = ast.UnaryOp(ast.Not(), changed.test)
            yield changed
        case ast.Return(value=ast.expr() as value) if not (isinstance(value, ast.Constant) and value.value is None):
            changed.value = ast.Constant(None)
            yield changed
        case ast.Expr(value=ast.Call()):
            yield ast.Pass()


def mutants(path: str) -> Iterator[Mutant]:
    """All mutants of a module."""
    source = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    seen: Counter[str] = Counter()
    for trail, function in _functions(source):
        line = min([function.lineno, *(one.lineno for one in function.decorator_list)])
        for parent, place, node in _nodes(function):
            for change in changes(node):
                name = f"{path}::{trail}: {ast.unparse(node)[:120]!r} -> {ast.unparse(change)[:120]!r}"
                seen[name] += 1
                yield Mutant(f"{name} #{seen[name]}", path, (trail, line), _with(source, parent, place, change))


def _functions(tree: ast.AST, trail: str = "") -> Iterator[tuple[str, Any]]:
    """Functions of a module and methods of its classes, by qualified name; those within functions belong to these."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef):
            yield f"{trail}{node.name}", node
        elif isinstance(node, ast.ClassDef):
            yield from _functions(node, f"{trail}{node.name}.")


def _nodes(function: Any) -> Iterator[tuple[ast.AST, tuple[str, int | None], ast.AST]]:
    """The nodes of a function's body, each with its parent and its place there."""
    waiting: list[ast.AST] = list(function.body)
    yield from ((function, ("body", index), node) for index, node in enumerate(function.body))
    while waiting:
        parent = waiting.pop(0)
        for name, value in ast.iter_fields(parent):
            if name in {"decorator_list", "annotation", "returns", "args"} and not isinstance(parent, ast.Call):
                continue
            for index, node in enumerate(value) if isinstance(value, list) else [(None, value)]:
                if isinstance(node, ast.AST):
                    yield parent, (name, index), node
                    waiting.append(node)


def _with(source: ast.Module, parent: ast.AST, place: tuple[str, int | None], change: ast.AST) -> ast.Module:
    """A copy of the module in which the node at a place is replaced."""
    name, index = place
    holder, key = (parent, name) if index is None else (getattr(parent, name), index)
    is_list = isinstance(holder, list)
    before = holder[key] if is_list else getattr(holder, key)
    ast.copy_location(change, before)
    put = holder.__setitem__ if is_list else functools.partial(setattr, holder)
    put(key, change)
    changed = copy.deepcopy(source)
    put(key, before)
    return ast.fix_missing_locations(changed)


def put_into_force(mutant: Mutant) -> bool:
    """Gives the functions of this process the code of a mutant; whether there was one."""
    path = str(ROOT / mutant.path)
    code = _code(compile(mutant.tree, path, "exec"), mutant.function)
    functions = [one for one in gc.get_objects() if isinstance(one, FunctionType) and one.__code__.co_filename == path]
    same = [one for one in functions if (one.__code__.co_qualname, one.__code__.co_firstlineno) == mutant.function]
    for function in same:
        if code is None or code.co_freevars != function.__code__.co_freevars:
            return False
        function.__code__ = code
    for tracked in gc.get_objects():
        if isinstance(tracked, functools._lru_cache_wrapper):
            tracked.cache_clear()
    return bool(same)


def _code(code: CodeType, function: tuple[str, int]) -> CodeType | None:
    if (code.co_qualname, code.co_firstlineno) == function:
        return code
    inner = (_code(const, function) for const in code.co_consts if isinstance(const, CodeType))
    return next((found for found in inner if found is not None), None)


class Plugin:
    """Runs the collected tests once as they are, and for each mutant those that call the function that it changes."""

    def __init__(self, sample: list[Mutant]) -> None:
        self.sample = sample
        self.results: dict[str, str] = {}

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """In place of running the tests."""
        items = list(session.items)
        runtestprotocol(items[0], nextitem=items[1], log=False)  # makes what all share
        gc.unfreeze()
        paths = {str(ROOT / mutant.path) for mutant in self.sample}
        output = forked(lambda: run_noting_calls(items, paths), 3600)
        assert output.startswith("{"), f"a test fails on the source as it is: {output}"
        calls: dict[str, list[list[Any]]] = json.loads(output)
        kills: Counter[str] = Counter()
        for mutant in self.sample:
            callers = [item for item in items if [mutant.path, *mutant.function] in calls[item.nodeid]]
            callers.sort(key=lambda item: -kills[item.nodeid])
            run = functools.partial(run_until_killed, callers, mutant)
            self.results[mutant.name] = forked(run, 300) if callers else "survived"
            kills[self.results[mutant.name]] += 1
            print(f"{mutant.name}\n    {self.results[mutant.name]}", flush=True)
        return True


def forked(work: Callable[[], str], seconds: float) -> str:
    """What comes of some work in a process of its own, which has so many seconds of the processor."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reader)
        nothing = os.open(os.devnull, os.O_RDWR)
        for descriptor in (1, 2):
            os.dup2(nothing, descriptor)
        signal.setitimer(signal.ITIMER_PROF, seconds)
        with os.fdopen(writer, "w", encoding="utf-8") as output:
            try:
                output.write(work())
            except BaseException as error:
                output.write(f"broken: {error!r}"[:200])
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, encoding="utf-8") as output:
        verdict = output.read()
    os.waitpid(pid, 0)
    return verdict or "time is up"


def run_noting_calls(items: list[pytest.Item], paths: set[str]) -> str:
    """Runs all tests; which functions of these files each of them calls, as JSON, or the first failure."""
    calls: dict[str, set[tuple[str, str, int]]] = {}
    called: set[tuple[str, str, int]] = set()

    def note(frame: Any, event: str, _argument: object) -> None:
        code = frame.f_code
        if event == "call" and code.co_filename in paths:
            called.add((str(Path(code.co_filename).relative_to(ROOT)), code.co_qualname, code.co_firstlineno))

    sys.setprofile(note)
    for item, failed in failures(items):
        if failed:
            return f"{item.nodeid}\n{failed}"
        calls[item.nodeid] = set(called)
        called.clear()
    sys.setprofile(None)
    return json.dumps({name: sorted(functions) for name, functions in calls.items()})


def run_until_killed(items: list[pytest.Item], mutant: Mutant) -> str:
    """The first test that fails on a mutant."""
    if not put_into_force(mutant):
        return "not tried"
    return next((item.nodeid for item, failed in failures(items) if failed), "survived")


def failures(items: list[pytest.Item]) -> Iterator[tuple[pytest.Item, str]]:
    """Runs tests: each with what failed, or nothing."""
    items[0].session._setupstate.teardown_exact(items[0])
    for item, after in zip(items, [*items[1:], None], strict=True):
        reports = runtestprotocol(item, nextitem=after, log=False)
        yield item, next((report.longreprtext for report in reports if report.failed), "")


def run_all(names: list[str], sample: int) -> dict[str, str]:
    """What came of the mutants of modules that have the same tests; pytest runs in a process of its own."""
    drawn: list[Mutant] = []
    for name in names:
        every = (mutant for path in TARGETS[name][0] for mutant in mutants(path))
        drawn += sorted(every, key=lambda mutant: mutant.order)[:sample]
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        plugin = Plugin(drawn)
        slice_ = names[0].partition("/")[0]
        tests = [f"tests/{slice_}/test_{name}.py" for name in TARGETS[names[0]][1]]
        options = ("-n0", "-q", "-m", "not long", "-k", "not postgresql", "-p", "no:cacheprovider")
        with contextlib.suppress(BaseException):
            pytest.main([*tests, *options], plugins=[plugin])
        with os.fdopen(writer, "w", encoding="utf-8") as output:
            json.dump(plugin.results, output)
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, encoding="utf-8") as output:
        results: dict[str, str] = json.load(output)
    os.waitpid(pid, 0)
    return results


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=TARGETS, action="append")
    parser.add_argument("--sample", type=int, default=30, help="mutants of each module")
    parser.add_argument("--into", type=Path, help="a file for the result of each mutant, as JSON")
    options = parser.parse_args()
    os.chdir(ROOT)
    sys.path.insert(0, str(ROOT))
    os.environ["CI"] = "1"  # hypothesis draws the same examples each time
    chosen = options.only or list(TARGETS)
    results: dict[str, str] = {}
    for tests in dict.fromkeys(TARGETS[name][1] for name in chosen):
        results |= run_all([name for name in chosen if TARGETS[name][1] == tests], options.sample)
        if options.into:
            options.into.write_text(json.dumps(results, indent=1), encoding="utf-8")
    print("\n| module | mutants | killed | share |\n|---|---:|---:|---:|")
    for name in chosen:
        verdicts = [verdict for mutant, verdict in results.items() if mutant.startswith(TARGETS[name][0])]
        tried = [verdict for verdict in verdicts if verdict != "not tried"]
        killed = sum(verdict != "survived" for verdict in tried)
        print(f"| {name} | {len(tried)} | {killed} | {100 * killed / max(len(tried), 1):.0f} % |")


if __name__ == "__main__":
    main()

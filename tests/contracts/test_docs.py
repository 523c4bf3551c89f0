"""Documentation that cannot go stale: settings, commands, doors and targets stand in docs/ as they are in the code.

`UPDATE_DOCS=1 pytest tests/contracts/test_docs.py` writes them anew.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import click
import pytest
from apiflask import APIFlask

from lms.cli.main import lms
from lms.config import SETTINGS, BadSetting, Config
from lms.web.request.guards import ANYONE, SCOPES, SIGNED_IN, Guard
from tests.contracts.test_links import DOCS, OPERATIONS, sections
from tests.rows import each_row

ROOT = Path(__file__).resolve().parents[2]
DECISIONS = sorted((ROOT / "docs" / "adr").glob("0*.md"))
SUBJECTS = (
    "attendance",
    "certificates",
    "figures and reports",
    "people, seats and nominations",
    "programme and calendars",
    "e-mail and messages",
    "languages",
    "lectures from the browser",
    "pages and API",
    "code",
    "speed",
    "operation",
)
"""Of decisions, in the order of docs/adr/README.md."""
STATUS = r"Status: (accepted|superseded by \[ADR \d+\]\(\d{4}-[\w.-]+\))\."
DATE = r"Date: (20\d\d-\d\d-\d\d)"
DATED = re.compile(rf"# (\d+)\. (.+)\n\n{DATE}\. Subject: ({'|'.join(SUBJECTS)})\. {STATUS}(.*(?:\n.+)*)")


def check(document: str, part: str, expected: str) -> None:
    """The lines between the marks of `part` in a document are exactly `expected`."""
    path = ROOT / "docs" / document
    before, marked, rest = path.read_text(encoding="utf-8").partition(f"<!-- {part} -->\n")
    shown, closed, after = rest.partition(f"<!-- end of {part} -->")
    assert marked, f"{document} lacks the opening mark of {part}"
    assert closed, f"{document} lacks the closing mark of {part}"
    if os.environ.get("UPDATE_DOCS") and shown != expected:
        path.write_text(before + marked + expected + closed + after, encoding="utf-8")
        shown = expected
    assert shown == expected


def linked(title: re.Match[str]) -> str:
    """The title of a section as a link to it, from the reference."""
    (found,) = [
        (name, anchor) for name in OPERATIONS for anchor, title_ in sections(DOCS / name).items() if title_ == title[0]
    ]
    return f"[{title[0]}]({'' if found[0] == 'OPERATIONS.md' else found[0]}#{found[1]})"


def test_every_setting_is_documented() -> None:
    rows = ["| variable | default | what it is |", "|---|---|---|"]
    rows += [
        f"| `{item.variable}`{' (secret)' * item.is_secret} | {item.default and f'`{item.default}`'} "
        f"| {re.sub(r'(?<=See )([A-Z][^.]+)', linked, item.help)} |"
        for item in SETTINGS
    ]
    check("OPERATIONS.md", "settings", "\n".join(rows) + "\n")


def test_every_setting_has_an_attribute() -> None:
    config = Config({})
    assert [item.name for item in SETTINGS if not hasattr(config, item.name.lower())] == []


@each_row(
    "name, value",
    [("WORKERS", "many"), ("REPORTING_ZONE", "Mars/Olympus"), ("MAX_UPLOAD_MB", "-1"), ("SIGNATORY", "x" * 81)],
)
def test_a_bad_setting_is_named(name: str, value: str) -> None:
    with pytest.raises(BadSetting, match=f"LMS_{name}='{value}'"):
        Config({f"LMS_{name}": value})


def commands(group: click.Group, prefix: str = "lms") -> list[tuple[str, str]]:
    """Every command with the first sentence of its help."""
    named: list[tuple[str, str]] = []
    ctx = click.Context(group)
    for name in sorted(group.list_commands(ctx)):
        item = group.get_command(ctx, name)
        assert item is not None
        if isinstance(item, click.Group):
            named += commands(item, f"{prefix} {name}")
        else:
            arguments = "".join(f" {param.make_metavar(click.Context(item))}" for param in item.params
                                if isinstance(param, click.Argument))  # fmt: skip
            named.append((f"{prefix} {name}{arguments}", (item.help or "").split("\n\n")[0].replace("\n", " ").strip()))
    return named


def test_every_command_is_documented() -> None:
    rows = ["| command | does |", "|---|---|"] + [f"| `{name}` | {text} |" for name, text in commands(lms)]
    assert [name for name, text in commands(lms) if not text] == []
    check("OPERATIONS.md", "commands", "\n".join(rows) + "\n")


def test_every_scope_is_documented(app: APIFlask) -> None:
    calls: dict[str, list[str]] = {name: [] for name in SCOPES}
    for rule in sorted(app.url_map.iter_rules(), key=lambda rule: (rule.rule, sorted(rule.methods or ()))):
        if name := getattr(app.view_functions[rule.endpoint], "scope", None):
            address = re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule).removeprefix("/api/v1")
            calls[name] += [f"`{method} {address}`" for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"})]
    rows = ["| scope | lets a token | calls |", "|---|---|---|"]
    rows += [f"| `{name}` | {text} | {', '.join(calls[name])} |" for name, text in SCOPES.items()]
    check("ROUTES.md", "scopes", "\n".join(rows) + "\n")


def who(guard: Guard) -> str:
    """A guard in words."""
    if guard is ANYONE:
        return "anyone"
    if guard is SIGNED_IN:
        return "signed in"
    return ", ".join(sorted(role.value for role in guard.roles))


def test_every_door_is_documented(app: APIFlask) -> None:
    rows = ["| route | methods | who | what it is |", "|---|---|---|---|"]
    for rule in sorted(app.url_map.iter_rules(), key=lambda rule: (rule.rule, sorted(rule.methods or ()))):
        view = app.view_functions[rule.endpoint]
        guard = getattr(view, "guard", None)
        if guard is None:
            continue
        methods = ", ".join(sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}))
        words = (view.__doc__ or "").strip().split("\n\n")[0].replace("\n", " ")
        assert words, f"{rule.endpoint} has no docstring"
        address = re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule)
        rows.append(f"| `{address}` | {methods} | {who(guard)} | {re.sub(r' +', ' ', words)} |")
    check("ROUTES.md", "routes", "\n".join(rows) + "\n")


def test_every_target_is_in_the_help() -> None:
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    phony = set(re.findall(r"^\.PHONY: (\S+)", text, re.MULTILINE))
    described = set(re.findall(r"^([a-z-]+):.*##", text, re.MULTILINE))
    inner = {
        "assets",
        "check",
        "check-structure",
        "check-style",
        "fonts-tests",
        "needs-tests",
        "needs-tests-long",
        "test-slices",
        "validators",
    }
    assert phony - described - {"help"} == inner


def test_the_readme_names_the_two_commands() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert "make demo" in text
    assert "make test" in text
    for link in re.findall(r"\]\(((?:docs|LICENSE|CONTRIBUTING|CHANGELOG)[^)#]*)", text):
        assert (ROOT / link).exists(), link


def test_decisions_are_listed_by_subject_and_status() -> None:
    """What a decision that holds says about others stands beside it."""
    rows: dict[str, list[str]] = {subject: [] for subject in SUBJECTS}
    for path in DECISIONS:
        match = DATED.match(path.read_text(encoding="utf-8"))
        assert match, path.name
        number, title, date, subject, status, more = match.groups()
        status = " ".join(f"{status[0].upper()}{status[1:]}.{more}".split())
        rows[subject].append(f"| [{number}]({path.name}) | {title} | {date} | {status} |")
    head = "| | decision | date | status |\n|---|---|---|---|"
    parts = ["\n".join([f"## {subject[0].upper()}{subject[1:]}\n", head, *lines]) for subject, lines in rows.items()]
    check("adr/README.md", "decisions", "\n" + "\n\n".join(parts) + "\n\n")


def test_the_readme_has_the_pictures_that_the_tool_draws() -> None:
    """`make pictures README=1` draws them again; they are small."""
    drawn = re.findall(r'^    "(\w+)": \(', (ROOT / "tools/pictures.py").read_text().partition("README = {")[2], re.M)
    files = sorted((ROOT / "docs/pictures").iterdir())
    shown = re.findall(r"\(docs/pictures/(\w+)\.webp\)", (ROOT / "README.md").read_text(encoding="utf-8"))
    assert sorted(drawn) == sorted(shown) == [path.stem for path in files]
    assert sum(path.stat().st_size for path in files) < 600_000

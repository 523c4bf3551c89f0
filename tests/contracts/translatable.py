"""Finds texts that cannot be translated well: unmarked, put together, or with a plural chosen by a condition."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Set
from difflib import SequenceMatcher
from functools import cache
from html.parser import HTMLParser
from pathlib import Path

from jinja2 import Environment, nodes
from jinja2.ext import do
from jinja2.ext import i18n as translations

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "lms"
MARKERS = {"_", "_l", "_lp", "_p", "gettext", "pgettext"}
PLURAL_MARKERS = {"_n", "ngettext"}
READ_BY_PEOPLE = {"flash", "Refused", "Invalid", "Forbidden", "NotFound", "Conflict", "ValidationError"}
"""Calls whose texts people read."""
CASE = {"lower", "upper", "capitalize", "title", "casefold", "swapcase"}
ENGLISH = (
    "operations/",
    "demo/",
    "cli/",
    "core/database/schema.py",
    "core/storage/secret_keys.py",
    "serve.py",
    "worker.py",
    "config.py",
)
"""What only commands and checks print stays English."""
ENGLISH_TEMPLATE = r'set main_lang = "en"|^lms/web/templates/macros/code\.html'
"""The API reference stays English: its pages, and the macros that only they use."""
NAMES = re.compile(
    r"\b(Serai|APIs?|PDF|CSV|XLSX|JSON|HTML|MP4|SHA-256|UTC|QR|ORCID|LinkedIn|Open Badges|M49|TOTP|HLS|kB|MB|GB|min|"
    r"https?|www|lms|init|check|worker|[a-z]+@[a-z.]+)\b"
)
"""Names and units that are the same in every language."""
NOT_READ = ("SR-", "data-when=", "class=", "formnovalidate", "figures", "cert ", "is-", "digits-", ":")
"""Beginnings of what macros put into tags, and of the example of a certificate's number."""
READ_ATTRIBUTES = {"title", "aria-label", "placeholder", "alt", "data-label", "content"}
_WORD = re.compile(r"[^\W\d_]{2,}")
_SPACED_SENTENCE = re.compile(
    r"""_\("[^"\n]*[.:;?!]"\) ?\}\}(?: +|\n +)(?=\w|\{\{(?!-)|\{% for|<(?:a|b|span|code)[ >])"""
)
"""A whole sentence and a space of the template before what follows it in the line: Chinese has none there."""


def is_marker(node: ast.AST, *names: str) -> bool:
    """Whether a node calls a function that marks messages."""
    wanted = set(names) or MARKERS | PLURAL_MARKERS
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in wanted


@cache
def python_sources() -> list[tuple[str, ast.Module]]:
    """(path, parsed module) of the modules whose texts are translated."""
    paths = sorted(PACKAGE.rglob("*.py"))
    inner = [(path.relative_to(PACKAGE).as_posix(), path) for path in paths]
    return [(name, ast.parse(path.read_text(encoding="utf-8"))) for name, path in inner if not name.startswith(ENGLISH)]


def python_faults() -> Iterator[str]:
    """Faults of all modules, as path, line and what is wrong."""
    for name, module in python_sources():
        if name == "core/text/i18n.py":
            continue
        for node in ast.walk(module):
            for fault in faults_of(node):
                yield f"lms/{name}:{getattr(node, 'lineno', 0)}: {fault}"


def faults_of(node: ast.AST) -> Iterator[str]:
    """Faults of one node of the code."""
    if is_marker(node):
        yield from _message_faults(node)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        yield from _unmarked_faults(node, node.func.id)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add) and _has_words(node.left, node.right):
        yield "a sentence is put together with +"
    if isinstance(node, ast.JoinedStr) and _is_sentence(node) and any(map(is_marker, _values_of(node))):
        yield "a sentence is put together in an f-string"
    if isinstance(node, ast.Attribute) and node.attr in CASE and is_marker(node.value):
        yield f"a message is changed by {node.attr}()"
    if isinstance(node, ast.IfExp) and _compares_with_one(node.test) and _are_alike(node.body, node.orelse):
        yield "a plural is chosen by a condition: use _n"


def _unmarked_faults(node: ast.Call, called: str) -> Iterator[str]:
    if called in READ_BY_PEOPLE:
        texts = [text for part in node.args for text in (part.values if isinstance(part, ast.Dict) else [part])]
        if any(_is_sentence(text) for text in texts):
            yield f"the text of {called} is not marked"
    if re.search("(Field|Column)$", called):
        labels = node.args[1:2] if called.endswith("Column") else node.args[:1]
        if any(isinstance(text, ast.Constant) and str(text.value)[:1].isupper() for text in labels):
            yield "a label is not marked"


def _values_of(node: ast.JoinedStr) -> list[ast.expr]:
    return [part.value for part in node.values if isinstance(part, ast.FormattedValue)]


def _message_faults(node: ast.AST) -> Iterator[str]:
    assert isinstance(node, ast.Call)
    assert isinstance(node.func, ast.Name)
    count = {"_lp": 2, "_p": 2, "pgettext": 2}.get(node.func.id, 2 if node.func.id in PLURAL_MARKERS else 1)
    if not all(isinstance(text, ast.Constant) for text in node.args[:count]):
        yield "the message is not a plain string"


def _has_words(left: ast.AST, right: ast.AST) -> bool:
    """Whether a message is joined to another one or to words."""
    sides = [left, right]
    if not any(is_marker(side) for side in sides):
        return False
    return all(
        is_marker(side) or (isinstance(side, ast.Constant) and isinstance(side.value, str) and _WORD.search(side.value))
        for side in sides
    )


def _compares_with_one(test: ast.AST) -> bool:
    return (
        isinstance(test, ast.Compare)
        and isinstance(test.ops[0], ast.Eq | ast.NotEq | ast.Gt)
        and isinstance(test.comparators[0], ast.Constant)
        and test.comparators[0].value == 1
    )


def _are_alike(first: ast.AST, second: ast.AST) -> bool:
    """Whether two messages differ little, as singular and plural do."""
    if not is_marker(first, *MARKERS) or not is_marker(second, *MARKERS):
        return False
    assert isinstance(first, ast.Call)
    assert isinstance(second, ast.Call)
    texts = [str(call.args[0].value) for call in (first, second) if isinstance(call.args[0], ast.Constant)]
    return len(texts) == 2 and alike(*texts)


def alike(first: str, second: str) -> bool:
    """Whether two texts differ as little as singular and plural do, apart from numbers."""
    one, two = (re.sub(r"%\(\w+\)s|\b(one|many)\b", "", text.lower()).strip() for text in (first, second))
    return one != two and SequenceMatcher(None, one, two).ratio() > 0.7


def _is_sentence(node: ast.AST) -> bool:
    if isinstance(node, ast.JoinedStr):
        return any(isinstance(part, ast.Constant) and _WORD.search(str(part.value)) for part in node.values)
    return isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value.strip()


@cache
def templates() -> list[tuple[str, str]]:
    """(path, source) of the templates whose texts are translated."""
    paths = sorted([*PACKAGE.rglob("templates/**/*.html"), *PACKAGE.rglob("templates/**/*.txt")])
    sources = [(path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8")) for path in paths]
    return [(name, source) for name, source in sources if not re.search(ENGLISH_TEMPLATE, name + source)]


def template_faults() -> Iterator[str]:
    """Faults of all templates, as path, line and what is wrong."""
    env = Environment(extensions=[translations, do], autoescape=True)
    env.newstyle_gettext = True  # type: ignore[attr-defined]
    for name, source in templates():
        for fault in template_faults_of(env, source):
            yield f"{name}:{fault}"


def template_faults_of(env: Environment, source: str) -> Iterator[str]:
    """Faults of one template, as line and what is wrong."""
    tree = env.parse(source)
    for node in tree.find_all(nodes.Concat):
        if sum(1 for part in node.nodes if _marks(part)) > 1 or (
            any(_marks(part) for part in node.nodes)
            and any(isinstance(part, nodes.Const) and _WORD.search(str(part.value)) for part in node.nodes)
        ):
            yield f"{node.lineno}: a sentence is put together with ~"
    for node in tree.find_all(nodes.Filter):
        if node.name in CASE and node.node is not None and _marks(node.node):
            yield f"{node.lineno}: a message is changed by |{node.name}"
    for node in tree.find_all(nodes.CondExpr):
        if node.expr2 is not None and _is_count(node.test) and _forms([node.expr1], [node.expr2]):
            yield f"{node.lineno}: a plural is chosen by a condition: use ngettext"
    for node in tree.find_all(nodes.If):
        if _is_count(node.test) and _forms(node.body, node.else_):
            yield f"{node.lineno}: a plural is chosen by a condition: use ngettext"
    for node in tree.find_all(nodes.Call):
        if _marks(node) and not all(isinstance(text, nodes.Const) for text in node.args[:1]):
            yield f"{node.lineno}: the message is not a plain string"
    for match in _SPACED_SENTENCE.finditer(source):
        yield f"{source.count(chr(10), 0, match.start()) + 1}: a space follows a sentence: use gap()"
    yield from _unmarked(tree)


def _marks(node: nodes.Node, names: Set[str] = MARKERS | PLURAL_MARKERS) -> bool:
    return isinstance(node, nodes.Call) and isinstance(node.node, nodes.Name) and node.node.name in names


def _forms(first: list[nodes.Node], second: list[nodes.Node]) -> bool:
    """Whether two branches say the same in singular and plural."""
    texts = []
    for branch in (first, second):
        calls = [call for node in branch for call in ([node] if _marks(node) else node.find_all(nodes.Call))]
        marked = [call for call in calls if _marks(call, MARKERS) and isinstance(call.args[0], nodes.Const)]
        texts.append([str(call.args[0].value) for call in marked])
    return any(alike(one, two) for one in texts[0] for two in texts[1])


def _is_count(test: nodes.Node) -> bool:
    return (
        isinstance(test, nodes.Compare)
        and test.ops[0].op in {"eq", "ne", "gt"}
        and isinstance(test.ops[0].expr, nodes.Const)
        and test.ops[0].expr.value == 1
    )


class _Texts(HTMLParser):
    """Collects what people read of a page: texts, and attributes that are read out."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[str] = []
        self.silent = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag in {"script", "style", "code", "pre", "kbd"} or values.get("translate") == "no":
            self.silent += tag in {"script", "style", "code", "pre", "kbd"}
        if tag != "meta":
            self.found += [value for name, value in attrs if name in READ_ATTRIBUTES and value]

    def handle_endtag(self, tag: str) -> None:
        if tag in {"script", "style", "code", "pre", "kbd"}:
            self.silent = max(0, self.silent - 1)

    def handle_data(self, data: str) -> None:
        if not self.silent:
            self.found.append(data)


def _unmarked(tree: nodes.Template) -> Iterator[str]:
    """Words between tags that are not in a message. What Jinja puts out is a blank here."""
    pieces: list[str] = []
    for node in tree.find_all((nodes.TemplateData, nodes.Call)):
        if isinstance(node, nodes.TemplateData):
            pieces.append(node.data)
    parser = _Texts()
    parser.feed(" ".join(pieces))
    for text in parser.found:
        plain = NAMES.sub("", text)
        if _WORD.search(plain) and not text.strip().startswith(NOT_READ):
            yield f"0: “{' '.join(plain.split())[:80]}” is not in a message"

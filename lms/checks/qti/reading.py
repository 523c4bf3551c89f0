"""Reads QTI 2.1 and 3.0 in a child process (`read_foreign`): items of the kinds of the question bank.

A file is a content package (a zip with `imsmanifest.xml`) or one item. Names are compared as version 3.0 writes them,
without `qti-`: `simpleChoice` and `qti-simple-choice` are both `simple-choice`. An answer is right or not: of mapped
texts those with the highest value are right, of several choices the correct response or those with a positive value.
"""

import io
import re
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from posixpath import join, normpath
from typing import Any

from lxml import etree

from lms.checks.gift import BLANK, BREAKS, MAX_QUESTIONS, SILENT
from lms.checks.models import QuestionKind
from lms.checks.questions import Definition, decimal_of, name_of
from lms.core.base.errors import Invalid
from lms.core.text.i18n import _

MAX_ENTRIES = 5000
MAX_ITEM_BYTES = 1024 * 1024
MAX_PACKAGE_BYTES = 50 * 1024 * 1024
"""The most that the items of a package have, unpacked."""
_ENCRYPTED = 0x1
"""The bit of an entry of a zip that says so (APPNOTE 4.4.4)."""
MANIFEST = "imsmanifest.xml"
_FEEDBACK = frozenset({"feedback-inline", "feedback-block", "modal-feedback"})
_PARAGRAPHS = BREAKS | {"prompt", "simple-choice", "block-quote", "blockquote", "item-body", "rubric-block"}
_XML_BASE = "{http://www.w3.org/XML/1998/namespace}base"


class _UnreadableItem(Exception):
    """Why an item cannot be read, and in which line, for the person who sent the file."""

    def __init__(self, reason: str, line: int = 1):
        super().__init__(reason)
        self.line = line


def is_qti(content: bytes) -> bool:
    """Whether a file is to be read as QTI: a package, or XML."""
    head = content[:4096]
    if head.startswith(b"PK\x03\x04"):
        return True
    text = head.decode("utf-16" if head[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig", "ignore").lstrip()
    return text.startswith("<?xml") or bool(re.match(r"<(?:\w+:)?(?:qti-)?assessment-?item\b", text, re.IGNORECASE))


def read(content: bytes) -> Iterator[dict[str, Any]]:
    """Each item of a file: `{file, line, kind, definition}`, or `{file, line, fault}` for what cannot be read. `file`
    is empty where all is one item. Raises Invalid (`file`)."""
    count = 0
    for name, item in _items(content) if content.startswith(b"PK") else [("", content)]:
        count += 1
        if count > MAX_QUESTIONS:
            raise Invalid("file", _("The file has more than %(n)s questions. Split it.", n=MAX_QUESTIONS))
        try:
            if isinstance(item, _UnreadableItem):
                raise item
            kind, definition, line = _item(item)
        except _UnreadableItem as error:
            yield {"file": name, "line": error.line, "fault": str(error)}
        else:
            yield {"file": name, "line": line, "kind": kind, "definition": definition}
    if not count:
        raise Invalid("file", _("This package lists no items."))


def _items(content: bytes) -> Iterator[tuple[str, bytes | _UnreadableItem]]:
    """The name and content of each item that the manifest of a package lists."""
    try:
        package = zipfile.ZipFile(io.BytesIO(content))
        entries = {entry.filename: entry for entry in package.infolist()}
    except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        raise Invalid("file", _("This package is damaged.")) from error
    if len(entries) > MAX_ENTRIES:
        raise Invalid("file", _("The package has more than %(n)s files. Split it.", n=MAX_ENTRIES))
    if MANIFEST not in entries:
        raise Invalid("file", _("This package has no file imsmanifest.xml."))
    room = MAX_PACKAGE_BYTES
    try:
        manifest = _parsed(_unpacked(package, entries[MANIFEST]))
    except _UnreadableItem as error:
        reason = _("%(file)s, line %(line)s: %(reason)s", file=MANIFEST, line=error.line, reason=str(error))
        raise Invalid("file", reason) from error
    for resource in manifest.iter():
        if _name(resource) != "resource" or not resource.get("type", "").startswith("imsqti_item"):
            continue
        name = _path(resource)
        if name not in entries:
            line = resource.sourceline
            yield MANIFEST, _UnreadableItem(_("The package does not have the file “%(name)s”.", name=name), line)
            continue
        try:
            item = _unpacked(package, entries[name])
        except _UnreadableItem as error:
            yield name, error
            continue
        room -= len(item)
        if room < 0:
            most = MAX_PACKAGE_BYTES // 1024 // 1024
            raise Invalid("file", _("The package has more than %(n)s MB unpacked. Split it.", n=most))
        yield name, item


def _unpacked(package: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bytes:
    """A file of a package, of which no more is unpacked than is permitted, whatever length it states."""
    unreadable = _UnreadableItem(_("This file of the package is damaged or encrypted."))
    if entry.flag_bits & _ENCRYPTED or entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise unreadable
    try:
        with package.open(entry) as file:
            content = file.read(MAX_ITEM_BYTES + 1)
    except (zipfile.BadZipFile, zlib.error, EOFError, ValueError, NotImplementedError) as error:
        raise unreadable from error
    if len(content) > MAX_ITEM_BYTES:
        raise _UnreadableItem(_("The file is larger than %(n)s MB.", n=MAX_ITEM_BYTES // 1024 // 1024))
    return content


def _path(resource: Any) -> str:
    bases = [base for node in [resource, *resource.iterancestors()] if (base := node.get(_XML_BASE))]
    return str(normpath(join(*reversed(bases), resource.get("href", ""))))


def _parsed(content: bytes) -> Any:
    """The root of an XML file. Entities are refused, and nothing is fetched."""
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, remove_comments=True, remove_pis=True
    )
    try:
        root = etree.fromstring(content, parser)
    except etree.XMLSyntaxError as error:
        raise _UnreadableItem(_("This is no well-formed XML."), error.lineno or 1) from error
    if root.getroottree().docinfo.doctype:
        raise _UnreadableItem(_("The file has a document type (DOCTYPE). Remove it: entities are not read."))
    return root


def kebab(name: str) -> str:
    """A name as version 3.0 writes it, without `qti-`."""
    return re.sub(r"(?<=[a-z0-9])([A-Z])", r"-\1", name).lower().removeprefix("qti-")


def _name(node: Any) -> str:
    """The local name of an element as in version 3.0, without its prefix; empty for an entity."""
    return kebab(etree.QName(node).localname) if isinstance(node.tag, str) else ""


def _attribute(node: Any, name: str, default: str = "") -> str:
    for key, value in node.attrib.items():
        if kebab(etree.QName(key).localname) == name:
            return str(value).strip()
    return default


def _all(node: Any, *names: str) -> list[Any]:
    return [one for one in node.iter() if _name(one) in names]


def _words(node: Any, blank: Any = None) -> str:
    """The words of an element, a line for each paragraph, without feedback; `blank` is the interaction among
    them that leaves only a blank."""
    parts: list[str] = []
    _gather(node, blank, parts)
    lines = (" ".join(line.split()) for line in "".join(parts).split("\n"))
    return "\n".join(line for line in lines if line)


def _gather(node: Any, blank: Any, parts: list[str]) -> None:
    parts.append((node.text or "").replace("\n", " "))
    for child in node:
        name = _name(child)
        if child is blank:
            parts.append(f" {BLANK} ")
        elif name == "img":
            parts.append(f" {_attribute(child, 'alt')} ")
        elif name and name not in SILENT and name not in _FEEDBACK and not _is_hidden(child):
            end = "\n" if name in _PARAGRAPHS else ""
            parts.append(end)
            _gather(child, blank, parts)
            parts.append(end)
        parts.append((child.tail or "").replace("\n", " "))


def _is_hidden(node: Any) -> bool:
    """Whether a part is not for those who answer."""
    return _name(node) == "rubric-block" and "candidate" not in _attribute(node, "view", "candidate").split()


@dataclass(frozen=True)
class _Response:
    """The declaration of a response: the right values, the values of a mapping, and which of these ignore case."""

    cardinality: str
    type: str
    correct: Sequence[str]
    mapped: Mapping[str, Decimal]
    ignores_case: bool

    @property
    def right(self) -> list[str]:
        """The values of the right answer."""
        return list(self.correct) or [key for key, value in self.mapped.items() if value > 0]

    @property
    def forms(self) -> list[str]:
        """The texts of which each is a right answer."""
        best = max(self.mapped.values(), default=Decimal(0))
        return list(dict.fromkeys([*self.correct, *(key for key, value in self.mapped.items() if value == best > 0)]))


def _item(content: bytes) -> tuple[QuestionKind, Definition, int]:
    root = _parsed(content)
    if _name(root) != "assessment-item":
        raise _UnreadableItem(_("This is no QTI item."), root.sourceline)
    bodies = _all(root, "item-body")
    interactions = [one for one in root.iter() if _name(one).endswith("-interaction")]
    if not bodies or len(interactions) != 1:
        reason = _("An item must have one interaction; this one has %(n)s.", n=len(interactions))
        raise _UnreadableItem(reason, interactions[1].sourceline if len(interactions) > 1 else root.sourceline)
    interaction = interactions[0]
    reader = _READERS.get(_name(interaction))
    if reader is None:
        raise _UnreadableItem(
            _("This kind of question is not known: %(kind)s.", kind=_name(interaction)), interaction.sourceline
        )
    kind, parts = reader(interaction, _response(root, interaction), root)
    is_inline = _name(interaction) in _INLINE
    prompts = "\n".join(_words(prompt) for prompt in _all(interaction, "prompt"))
    text = "\n".join(part for part in (_words(bodies[0], interaction), prompts) if part)
    text = text.removesuffix(BLANK).strip() if is_inline else _without_blank(text)
    definition = {"title": root.get("title", "").strip(), "text": text, "explanation": _explanation(root), **parts}
    if definition["title"] == name_of(definition | {"title": ""}):
        definition["title"] = ""
    return kind, definition, root.sourceline


def _without_blank(text: str) -> str:
    return "\n".join(part for part in (line.replace(BLANK, "").strip() for line in text.split("\n")) if part)


def _explanation(root: Any) -> str:
    """The words of all feedback; those beside an answer with the answer before them."""
    lines = []
    for node in _all(root, *_FEEDBACK):
        words = _words(node)
        beside = next((one for one in node.iterancestors() if _name(one) in _CHOICES), None)
        if words and words not in lines:
            lines.append(words if beside is None else f"{_words(beside)}: {words}")
    return "\n".join(lines)


def _response(root: Any, interaction: Any) -> _Response:
    name = _attribute(interaction, "response-identifier")
    for node in _all(root, "response-declaration"):
        if _attribute(node, "identifier") == name:
            correct = [
                (value.text or "").strip() for one in _all(node, "correct-response") for value in _all(one, "value")
            ]
            entries = _all(node, "map-entry")
            mapped = {
                _attribute(entry, "map-key"): decimal_of(_attribute(entry, "mapped-value")) or Decimal(0)
                for entry in entries
            }
            ignores = bool(entries) and all(_attribute(one, "case-sensitive", "true") == "false" for one in entries)
            return _Response(_attribute(node, "cardinality"), _attribute(node, "base-type"), correct, mapped, ignores)
    raise _UnreadableItem(_("The response of this item is not declared."), interaction.sourceline)


_Read = tuple[QuestionKind, dict[str, Any]]


def _texts(nodes: Iterable[Any]) -> dict[str, str]:
    return {_attribute(node, "identifier"): _words(node).replace("\n", " ") for node in nodes}


def _choice(interaction: Any, response: _Response, _root: Any) -> _Read:
    options = _texts(_all(interaction, *_CHOICES))
    right = [name for name in response.right if name in options]
    if not right:
        raise _UnreadableItem(_("No answer is right."), interaction.sourceline)
    if {name.lower() for name in options} == {"true", "false"} and len(right) == 1:
        return QuestionKind.TRUE_FALSE, {"is_true": right[0].lower() == "true"}
    kind = QuestionKind.SEVERAL if response.cardinality == "multiple" else QuestionKind.ONE
    names = list(options)
    return kind, {"options": list(options.values()), "right": sorted(names.index(name) for name in right)}


def _entry(interaction: Any, response: _Response, root: Any) -> _Read:
    if response.type in ("float", "integer"):
        return QuestionKind.NUMBER, _number(interaction, response, root)
    if not response.forms:
        raise _UnreadableItem(_("No answer is right."), interaction.sourceline)
    return QuestionKind.SHORT_TEXT, {"forms": response.forms, "is_case_sensitive": not response.ignores_case}


def _number(interaction: Any, response: _Response, root: Any) -> dict[str, Any]:
    value = decimal_of(next(iter(response.forms), ""))
    if value is None:
        raise _UnreadableItem(_("No answer is right."), interaction.sourceline)
    for node in _all(root, "equal"):
        mode = _attribute(node, "tolerance-mode", "exact")
        given = [decimal_of(one) for one in _attribute(node, "tolerance").split()]
        if mode == "exact":
            continue
        margins = [one for one in given if one is not None]
        if not margins or len(margins) < len(given):
            reason = _("“%(text)s” is not a number.", text=_attribute(node, "tolerance")[:100])
            raise _UnreadableItem(reason, node.sourceline)
        if mode == "absolute" and margins[0] == margins[-1]:
            return {"value": str(value), "tolerance": str(margins[0])}
        share = abs(value) / 100 if mode == "relative" else Decimal(1)
        low, high = value - margins[0] * share, value + margins[-1] * share
        return {"value": _plain((low + high) / 2), "tolerance": _plain((high - low) / 2)}
    return {"value": str(value), "tolerance": "0"}


def _plain(number: Decimal) -> str:
    """A number without an exponent and superfluous zeros."""
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _match(interaction: Any, response: _Response, _root: Any) -> _Read:
    sets = [_texts(_all(one, "simple-associable-choice")) for one in _all(interaction, "simple-match-set")]
    if len(sets) != 2:
        raise _UnreadableItem(_("Give each item its match."), interaction.sourceline)
    pairs: dict[str, str] = {}
    for pair in response.right:
        first, _space, second = pair.partition(" ")
        first, second = (second, first) if first in sets[1] and second in sets[0] else (first, second)
        if first not in sets[0] or second not in sets[1] or first in pairs:
            raise _UnreadableItem(_("Each item can have one match only."), interaction.sourceline)
        pairs[first] = second
    matches = [sets[1].get(pairs.get(name, ""), "") for name in sets[0]]
    others = [text for name, text in sets[1].items() if name not in pairs.values()]
    return QuestionKind.MATCHING, {"options": list(sets[0].values()), "matches": [*matches, *others]}


def _order(interaction: Any, response: _Response, _root: Any) -> _Read:
    options = _texts(_all(interaction, "simple-choice"))
    if sorted(response.correct) != sorted(options):
        raise _UnreadableItem(_("The right order does not name each answer once."), interaction.sourceline)
    return QuestionKind.ORDER, {"options": [options[name] for name in response.correct]}


def _essay(interaction: Any, _response: _Response, _root: Any) -> _Read:
    raise _UnreadableItem(_("Essays cannot be marked by the system."), interaction.sourceline)


_CHOICES = ("simple-choice", "inline-choice")
_INLINE = frozenset({"text-entry-interaction", "inline-choice-interaction"})
_READERS = {
    "choice-interaction": _choice,
    "inline-choice-interaction": _choice,
    "text-entry-interaction": _entry,
    "extended-text-interaction": _essay,
    "match-interaction": _match,
    "order-interaction": _order,
}

"""Writes questions as a content package of QTI 2.1 or 3.0."""

import io
import zipfile
from collections.abc import Iterable, Sequence
from typing import Any

from lxml import etree

from lms.checks.models import QuestionKind
from lms.checks.qti.reading import MANIFEST, kebab
from lms.checks.questions import Definition, name_of
from lms.core.text.i18n import _

VERSIONS = ("2.1", "3.0")
_ITEMS = {"2.1": "http://www.imsglobal.org/xsd/imsqti_v2p1", "3.0": "http://www.imsglobal.org/xsd/imsqtiasi_v3p0"}
_PACKAGES = {
    "2.1": "http://www.imsglobal.org/xsd/imscp_v1p1",
    "3.0": "http://www.imsglobal.org/xsd/qti/qtiv3p0/imscp_v1p1",
}
_TYPES = {"2.1": "imsqti_item_xmlv2p1", "3.0": "imsqti_item_xmlv3p0"}
_TEMPLATES = {
    "2.1": "http://www.imsglobal.org/question/qti_v2p1/rptemplates/{}",
    "3.0": "https://purl.imsglobal.org/spec/qti/v3p0/rptemplates/{}.xml",
}
_HTML = frozenset({"div", "p"})


class _Writer:
    """Elements of one version: names are given as version 2.1 writes them."""

    def __init__(self, version: str):
        self.version = version

    def name(self, name: str) -> str:
        """An element's name."""
        if self.version == "2.1" or name in _HTML:
            return name
        return f"qti-{kebab(name)}"

    def add(self, parent: Any, name: str, text: str | None = None, **attributes: str) -> Any:
        """Adds an element."""
        node = etree.SubElement(parent, f"{{{_ITEMS[self.version]}}}{self.name(name)}")
        for key, value in attributes.items():
            node.set(key if self.version == "2.1" else kebab(key), value)
        node.text = text
        return node

    def paragraphs(self, parent: Any, text: str) -> None:
        """Adds a paragraph for each line."""
        for line in text.split("\n"):
            if line.strip():
                self.add(parent, "p", line)

    def template(self, root: Any, name: str) -> None:
        """How the item is marked."""
        self.add(root, "responseProcessing", template=_TEMPLATES[self.version].format(name))


def write(questions: Iterable[tuple[int, QuestionKind, Definition]], version: str) -> bytes:
    """A content package with an item for each question (id, kind, definition)."""
    out = io.BytesIO()
    package = etree.Element(f"{{{_PACKAGES[version]}}}manifest", nsmap={None: _PACKAGES[version]})
    package.set("identifier", "MANIFEST")

    def add(parent: Any, name: str, **attributes: str) -> Any:
        return etree.SubElement(parent, f"{{{_PACKAGES[version]}}}{name}", attributes)

    metadata = add(package, "metadata")
    add(metadata, "schema").text = "QTI Package" if version == "3.0" else "QTIv2.1 Package"
    add(metadata, "schemaversion").text = f"{version}.0"
    add(package, "organizations")
    resources = add(package, "resources")
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for id_, kind, definition in questions:
            href = f"items/question-{id_}.xml"
            resource = add(resources, "resource", identifier=f"question-{id_}", type=_TYPES[version], href=href)
            add(resource, "file", href=href)
            archive.writestr(zipfile.ZipInfo(href), write_item(id_, kind, definition, version))
        archive.writestr(zipfile.ZipInfo(MANIFEST), _serialised(package))
    return out.getvalue()


def write_item(id_: int, kind: QuestionKind, definition: Definition, version: str) -> bytes:
    """The XML of one item."""
    to = _Writer(version)
    root = etree.Element(f"{{{_ITEMS[version]}}}{to.name('assessmentItem')}", nsmap={None: _ITEMS[version]})
    names = {"identifier": f"question-{id_}", "title": name_of(definition)}
    for key, value in (names | {"adaptive": "false", "timeDependent": "false"}).items():
        root.set(key if version == "2.1" else kebab(key), value)
    _WRITERS[kind](to, root, definition)
    if definition["explanation"]:
        feedback = to.add(
            root, "modalFeedback", outcomeIdentifier="FEEDBACK", identifier="EXPLANATION", showHide="show"
        )
        to.paragraphs(to.add(feedback, "contentBody") if version == "3.0" else feedback, definition["explanation"])
    return _serialised(root)


def _serialised(root: Any) -> bytes:
    text: bytes = etree.tostring(root, xml_declaration=True, encoding="UTF-8", pretty_print=True)
    return text


def _begin(
    to: _Writer, root: Any, definition: Definition, cardinality: str, type_: str, right: Sequence[str]
) -> tuple[Any, Any]:
    """Declares the response and the outcomes; returns the declaration and the body with the question."""
    response = to.add(root, "responseDeclaration", identifier="RESPONSE", cardinality=cardinality, baseType=type_)
    correct = to.add(response, "correctResponse")
    for value in right:
        to.add(correct, "value", value)
    outcome = to.add(root, "outcomeDeclaration", identifier="SCORE", cardinality="single", baseType="float")
    to.add(to.add(outcome, "defaultValue"), "value", "0")
    if definition["explanation"]:
        outcome = to.add(root, "outcomeDeclaration", identifier="FEEDBACK", cardinality="single", baseType="identifier")
        to.add(to.add(outcome, "defaultValue"), "value", "EXPLANATION")
    body = to.add(root, "itemBody")
    to.paragraphs(to.add(body, "div"), definition["text"])
    return response, body


def _write_options(to: _Writer, root: Any, definition: Definition, *, is_one: bool) -> None:
    if "is_true" in definition:
        options = {"true": _("True"), "false": _("False")}
        right = ["true" if definition["is_true"] else "false"]
    else:
        options = {f"choice-{number}": text for number, text in enumerate(definition["options"], 1)}
        right = [f"choice-{number + 1}" for number in definition["right"]]
    _response, body = _begin(to, root, definition, "single" if is_one else "multiple", "identifier", right)
    most = "1" if is_one else "0"
    choices = to.add(body, "choiceInteraction", responseIdentifier="RESPONSE", shuffle="false", maxChoices=most)
    for name, text in options.items():
        to.add(choices, "simpleChoice", text, identifier=name)
    to.template(root, "match_correct")


def _write_one(to: _Writer, root: Any, definition: Definition) -> None:
    _write_options(to, root, definition, is_one=True)


def _write_several(to: _Writer, root: Any, definition: Definition) -> None:
    _write_options(to, root, definition, is_one=False)


def _write_number(to: _Writer, root: Any, definition: Definition) -> None:
    _response, body = _begin(to, root, definition, "single", "float", [definition["value"]])
    to.add(to.add(body, "p"), "textEntryInteraction", responseIdentifier="RESPONSE")
    condition = to.add(to.add(root, "responseProcessing"), "responseCondition")
    right = to.add(condition, "responseIf")
    tolerance = f"{definition['tolerance']} {definition['tolerance']}"
    equal = to.add(right, "equal", toleranceMode="absolute", tolerance=tolerance)
    to.add(equal, "variable", identifier="RESPONSE")
    to.add(equal, "correct", identifier="RESPONSE")
    score = to.add(right, "setOutcomeValue", identifier="SCORE")
    to.add(score, "baseValue", "1", baseType="float")


def _write_short_text(to: _Writer, root: Any, definition: Definition) -> None:
    forms = definition["forms"]
    response, body = _begin(to, root, definition, "single", "string", forms[:1])
    mapping = to.add(response, "mapping", defaultValue="0")
    is_sensitive = "true" if definition["is_case_sensitive"] else "false"
    for form in forms:
        to.add(mapping, "mapEntry", mapKey=form, mappedValue="1", caseSensitive=is_sensitive)
    to.add(to.add(body, "p"), "textEntryInteraction", responseIdentifier="RESPONSE")
    to.template(root, "map_response")


def _write_matching(to: _Writer, root: Any, definition: Definition) -> None:
    options, matches = definition["options"], list(dict.fromkeys(definition["matches"]))
    right = [
        f"item-{number} match-{matches.index(definition['matches'][number - 1]) + 1}"
        for number in range(1, len(options) + 1)
    ]
    _response, body = _begin(to, root, definition, "multiple", "directedPair", right)
    most = str(len(options))
    pairs = to.add(body, "matchInteraction", responseIdentifier="RESPONSE", shuffle="true", maxAssociations=most)
    for prefix, texts, each in (("item", options, "1"), ("match", matches, most)):
        side = to.add(pairs, "simpleMatchSet")
        for number, text in enumerate(texts, 1):
            to.add(side, "simpleAssociableChoice", text, identifier=f"{prefix}-{number}", matchMax=each)
    to.template(root, "match_correct")


def _write_order(to: _Writer, root: Any, definition: Definition) -> None:
    names = {f"choice-{number}": text for number, text in enumerate(definition["options"], 1)}
    _response, body = _begin(to, root, definition, "ordered", "identifier", list(names))
    order = to.add(body, "orderInteraction", responseIdentifier="RESPONSE", shuffle="true")
    for name, text in names.items():
        to.add(order, "simpleChoice", text, identifier=name)
    to.template(root, "match_correct")


_WRITERS = {
    QuestionKind.ONE: _write_one,
    QuestionKind.SEVERAL: _write_several,
    QuestionKind.TRUE_FALSE: _write_one,
    QuestionKind.NUMBER: _write_number,
    QuestionKind.SHORT_TEXT: _write_short_text,
    QuestionKind.MATCHING: _write_matching,
    QuestionKind.ORDER: _write_order,
}

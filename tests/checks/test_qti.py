"""QTI 2.1 and 3.0: the examples of the specification are read, what is written is read again, attacks are refused."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from lms.checks.actions.bank import confirm_questions, import_questions, preview_questions
from lms.checks.models import QuestionKind
from lms.checks.qti import reading, writing
from lms.checks.queries.checks import count_questions, list_questions
from lms.checks.questions import checked
from lms.core.base.errors import Invalid
from tests.checks.conftest import BANK, GIFT, NOW, Sittings
from tests.rows import each_row

EXAMPLES = Path(__file__).parent / "qti"
ITEM = """<assessmentItem xmlns="http://www.imsglobal.org/xsd/imsqti_v2p1" identifier="i" title="">
<responseDeclaration identifier="RESPONSE" cardinality="single" baseType="{type}">
<correctResponse><value>{right}</value></correctResponse></responseDeclaration>
<itemBody><p>How much?</p>
{interaction}
</itemBody>{more}</assessmentItem>"""
ENTRY = '<p><textEntryInteraction responseIdentifier="RESPONSE"/></p>'


def item(interaction: str = ENTRY, right: str = "4", type: str = "float", more: str = "") -> bytes:
    return ITEM.format(interaction=interaction, right=right, type=type, more=more).encode()


def one(content: bytes) -> dict[str, Any]:
    (read,) = reading.read(content)
    return read


def package(files: Mapping[str, bytes], resources: str = "") -> bytes:
    out = io.BytesIO()
    listed = resources or "".join(f'<resource type="imsqti_item_xmlv2p1" href="{name}"/>' for name in files)
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("imsmanifest.xml", f"<manifest>\n<resources>{listed}</resources></manifest>")
        for name, content in files.items():
            archive.writestr(name, content)
    return out.getvalue()


def example(name: str) -> tuple[str, dict[str, Any]]:
    read = one((EXAMPLES / f"{name}.xml").read_bytes())
    return read["kind"].value, checked(read["kind"], read["definition"])


def test_examples_of_the_specification_are_read() -> None:
    assert example("choice") == ("one", {
        "title": "Unattended Luggage",
        "text": "Look at the text in the picture.\nNEVER LEAVE LUGGAGE UNATTENDED\nWhat does it say?",
        "explanation": "You must stay with your luggage at all times.: Indeed.\nSigns forbid with “never”.",
        "options": ["You must stay with your luggage at all times.", "Do not let someone else look after your luggage.",
                    "Remember your luggage when you leave."],
        "right": [0],
    })  # fmt: skip
    kind, water = example("choice_multiple_3")
    assert (kind, water["options"], water["right"]) == ("several", ["Hydrogen", "Helium", "Oxygen", "Chlorine"], [0, 2])
    assert water["text"] == "Which of the following elements are used to form water?", "without what scorers read"
    kind, plays = example("match")
    assert (kind, plays["options"]) == ("matching", ["Capulet", "Demetrius", "Lysander", "Prospero"])
    dream = "A Midsummer-Night’s Dream"
    assert plays["matches"] == ["Romeo and Juliet", dream, dream, "The Tempest"]
    assert example("order")[1]["options"] == ["Michael Schumacher", "Rubens Barrichello", "Jenson Button"]
    kind, richard = example("text_entry")
    assert (kind, richard["forms"], richard["is_case_sensitive"]) == ("short_text", ["York"], True)
    assert "Made glorious summer by this sun of _____ ;" in richard["text"]


@each_row("version", writing.VERSIONS)
def test_what_is_written_is_read_again(version: str) -> None:
    questions = [
        (number, kind, checked(kind, sent | {"explanation": "Because.\n2 < 3 & so on.", "title": title}))
        for number, ((kind, sent), title) in enumerate(zip(BANK, ["", "Even <numbers>", *[""] * 5], strict=True), 1)
    ]
    written = writing.write(questions, version)
    assert [(read["kind"], checked(read["kind"], read["definition"])) for read in reading.read(written)] == [
        (kind, definition) for _id, kind, definition in questions
    ]
    with zipfile.ZipFile(io.BytesIO(written)) as archive:
        roots = [etree.fromstring(archive.read(name)) for name in archive.namelist()]
    space = {"2.1": "http://www.imsglobal.org/xsd/imsqti_v2p1", "3.0": "http://www.imsglobal.org/xsd/imsqtiasi_v3p0"}
    assert {etree.QName(root).namespace for root in roots[:-1]} == {space[version]}


@each_row(
    "equal, value, tolerance",
    [
        ('toleranceMode="exact"', "4", "0"),
        ('toleranceMode="absolute" tolerance="0.5"', "4", "0.5"),
        ('toleranceMode="absolute" tolerance="1 0.5"', "3.75", "0.75"),
        ('toleranceMode="relative" tolerance="10"', "4", "0.4"),
    ],
)
def test_tolerances_of_numbers(equal: str, value: str, tolerance: str) -> None:
    read = one(item(more=f"<responseProcessing><equal {equal}/></responseProcessing>"))
    assert (read["kind"], read["definition"]["value"]) == (QuestionKind.NUMBER, value)
    assert read["definition"]["tolerance"] == tolerance
    assert read["definition"]["text"] == "How much?"


DOCTYPE = "The file has a document type (DOCTYPE). Remove it: entities are not read."
SLIDER = '<sliderInteraction responseIdentifier="RESPONSE"/>'
ESSAY = '<extendedTextInteraction responseIdentifier="RESPONSE"/>'


@each_row("content, line, fault", [
        (item(ESSAY), 5, "Essays cannot be marked by the system."),
        (item(SLIDER), 5, "This kind of question is not known: slider-interaction."),
        (item(f"{ENTRY}\n{ENTRY}"), 6, "An item must have one interaction; this one has 2."),
        (item(""), 1, "An item must have one interaction; this one has 0."),
        (item('<textEntryInteraction responseIdentifier="OTHER"/>'), 5, "The response of this item is not declared."),
        (item('<choiceInteraction responseIdentifier="RESPONSE"/>'), 5, "No answer is right."),
        (item(right="four"), 5, "No answer is right."),
        (b"<quiz/>", 1, "This is no QTI item."),
        (b"<assessmentItem>\n<p></assessmentItem>", 2, "This is no well-formed XML."),
        (b'<!DOCTYPE a [<!ENTITY x "y">]>' + item(right="&x;"), 1, DOCTYPE),
        (b'<!DOCTYPE a SYSTEM "file:///etc/passwd">' + item(), 1, DOCTYPE),
    ])  # fmt: skip
def test_what_cannot_be_read_is_named_by_its_line(content: bytes, line: int, fault: str) -> None:
    read = one(content)
    assert (read["line"], read["fault"]) == (line, fault)


def test_a_package_names_its_files_and_bounds_what_is_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    good, bomb = item(), b"<a>" + b" " * (reading.MAX_ITEM_BYTES + 1)
    read = list(reading.read(package({"items/good.xml": good, "items/bomb.xml": bomb, "items/essay.xml": item(ESSAY)})))
    assert [(one["file"], one["line"], one.get("fault")) for one in read] == [
        ("items/good.xml", 1, None),
        ("items/bomb.xml", 1, "The file is larger than 1 MB."),
        ("items/essay.xml", 5, "Essays cannot be marked by the system."),
    ]
    lost = '<resource type="imsqti_item_xmlv2p1" href="../../etc/passwd"/><resource type="webcontent" href="x.png"/>'
    (fault,) = reading.read(package({}, lost))
    assert (fault["file"], fault["line"]) == ("imsmanifest.xml", 2)
    assert fault["fault"] == "The package does not have the file “../../etc/passwd”."
    monkeypatch.setattr(reading, "MAX_PACKAGE_BYTES", 2 * len(good))
    with pytest.raises(Invalid, match="unpacked"):
        list(reading.read(package({f"{number}.xml": good for number in range(3)})))
    whole = package({"a": b""})
    version = whole.index(b"PK\x01\x02") + 6  # that is needed to unpack
    of_the_future = whole[:version] + b"\xf0" + whole[version + 1 :]
    for broken in (b"PK\x03\x04 and no more", whole[:-30], of_the_future):
        with pytest.raises(Invalid, match="damaged"):
            list(reading.read(broken))


def test_a_file_is_previewed_before_it_is_added_and_known_by_its_content(sittings: Sittings) -> None:
    before = count_questions(sittings.series.id)
    by, slug = sittings.by, sittings.slug
    content = package({"a.xml": item(), "b.xml": item(ESSAY)})
    preview = preview_questions(slug, content, len(content), by=by, at=NOW)
    assert (preview.answer.created, [row.name for row in preview.new]) == (1, ["How much?"])
    assert [(fault.row, fault.reason) for fault in preview.answer.rejected] == [
        (5, "b.xml: Essays cannot be marked by the system.")
    ]
    assert count_questions(sittings.series.id) == before
    assert confirm_questions(slug, preview.file_id, by=by, at=NOW).created == 1
    assert count_questions(sittings.series.id) == before + 1
    with pytest.raises(Invalid, match="already processed"):
        confirm_questions(slug, preview.file_id, by=by, at=NOW)
    for one in (item(right="5"), GIFT.read_bytes()):
        assert import_questions(slug, None, one, len(one), by=by, at=NOW).created
    for version in writing.VERSIONS:
        rows = list_questions(sittings.series, by=by)
        written = writing.write(((row.id, row.kind, row.definition) for row in rows), version)
        answer = import_questions(slug, None, written, len(written), by=by, at=NOW)
        assert (answer.created, answer.unchanged, answer.rejected) == (0, len(rows), [])

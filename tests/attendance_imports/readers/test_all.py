"""What holds of every format: each report is known for what it is, order and doubling of rows change nothing, and
nothing that is brought raises anything but an answer."""

from __future__ import annotations

import csv
import io
import json
import random
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lms.attendance_imports.readers import timestamps
from lms.attendance_imports.readers.reading import read_report
from lms.attendance_imports.readers.recognition import FORMATS, SYSTEMS
from lms.attendance_imports.readers.report import ReadingOptions, Report
from lms.attendance_imports.readers.sheets import Document, open_document
from lms.core.base.errors import Invalid, TooLarge, WrongKind
from tests.attendance_imports.readers.gallery import REPORTS
from tests.attendance_imports.readers.reports import WAYS, written
from tests.attendance_imports.readers.samples import BBB_CSV, MEET, VOOV, table, webex, webex_portuguese
from tests.attendance_imports.readers.samples_teams import TEAMS_LIST, teams, teams_of_2021
from tests.attendance_imports.readers.test_zoom import LAYOUTS, webinar
from tests.rows import each_row, spread

pytestmark = pytest.mark.usefixtures("words")

NEAR = datetime(2026, 10, 25, 11, tzinfo=UTC)
BEIJING = {"time_zone": "Asia/Shanghai"}
ALL = {
    **REPORTS,
    "meet with times of the day": ("meet", MEET.encode(), {"time_zone": "Africa/Nairobi"}),
    **{f"zoom, {layout}": ("zoom", written(rows), BEIJING) for layout, rows in LAYOUTS.items()},
    "zoom, webinar": ("zoom", written(webinar()), BEIJING),
}
SEEDS = st.integers(0, 2**32)
"""A drawn generator would draw each of its numbers, and be many times slower."""
EVERY = each_row("what", ALL)


@EVERY
def test_each_report_is_known_as_its_own_format_and_no_other(what: str) -> None:
    name, content, options = ALL[what]
    document = open_document(content)
    assert [one.NAME for one in SYSTEMS if one.recognises(document)] == [name]
    assert read_report(content, near=NEAR, **options).format == name  # type: ignore[arg-type]
    report = read_report(content, near=NEAR, format=name, **options)  # type: ignore[arg-type]
    assert len(report.rows) + len(report.sums) > 0
    assert report.rejected == []


@each_row("what", [what for what, (_name, _content, options) in ALL.items() if options])
def test_no_zone_is_assumed(what: str) -> None:
    with pytest.raises(Invalid) as caught:
        read_report(ALL[what][1], near=NEAR)
    assert "time_zone" in {fault.field for fault in caught.value.faults}


TABLES_OF = {
    "teams": (teams(), "\t", {}),
    "teams of 2021": (teams_of_2021(), "\t", {}),
    "teams, who did what": (TEAMS_LIST, "\t", {}),
    "webex": (webex(), "\t", {}),
    "webex in Portuguese": (webex_portuguese(), "\t", {}),
    "voov": (table(VOOV), ",", BEIJING),
    "bbb table": (BBB_CSV, ",", {}),
    "meet": (MEET, ",", {}),
}


@each_row("what, way", spread(20, TABLES_OF, WAYS))
def test_a_report_saved_by_another_program_says_the_same(what: str, way: str) -> None:
    text, delimiter, reading_options = TABLES_OF[what]
    rows = list(csv.reader(io.StringIO(text), delimiter=delimiter))
    options = {"time_zone": "Africa/Nairobi", **reading_options}
    report = read_report(WAYS[way](rows), near=NEAR, **options)  # type: ignore[arg-type]
    assert amounts(report) == amounts(read_report(text.encode(), near=NEAR, **options))  # type: ignore[arg-type]


def test_each_format_is_explained_to_those_who_bring_reports() -> None:
    titles = {"bbb": "BigBlueButton", "meet": "Google Meet", "plain": "A plain table", "teams": "Microsoft Teams",
              "voov": "Tencent Meeting (VooV)", "webex": "Webex", "zoom": "Zoom"}  # fmt: skip
    assert titles.keys() == FORMATS.keys()
    pages = (Path(__file__).parents[3] / "docs/MEETINGS.md").read_text(encoding="utf-8")
    assert [title for title in titles.values() if f"\n## {title}\n" not in pages] == []


@each_row("name, other", [(name, other) for name in FORMATS for other in SYSTEMS if name not in ("plain", other.NAME)])
def test_a_report_of_another_format_is_refused_by_name(name: str, other: Any) -> None:
    content, options = next((content, options) for format_, content, options in ALL.values() if format_ == name)
    with pytest.raises(Invalid) as caught:
        read_report(content, near=NEAR, format=other.NAME, **options)  # type: ignore[arg-type]
    assert caught.value.faults[0].field == "format"


def amounts(report: Report) -> object:
    """What a report says, without the numbers of its lines."""
    rows = {(row.email, row.name, row.registrant, row.role, row.joined_ms, row.left_ms) for row in report.rows}
    sums = {(row.email, row.name, row.registrant, row.role, row.first_ms, row.last_ms, row.joins, row.total_ms)
            for row in report.sums}  # fmt: skip
    return rows, sums, {fault.reason for fault in report.rejected}, report.starts_ms, report.ends_ms


def _is_of_a_person(cells: list[str]) -> bool:
    """Whether a line is a row of a table rather than a title, a heading or something about the meeting."""
    timed = (cell for cell in cells if ":" in cell)
    return sum(map(bool, cells)) > 2 and any(
        timestamps.read(cell) or timestamps.read(f"2026-10-25 {cell}") for cell in timed
    )


def _stirred(document: Document, chance: random.Random) -> Document:
    """The same file with the rows of each table in another order, and some of them twice."""
    if not document.lines:
        return Document(json.dumps(_stirred_data(json.loads(document.content), chance)).encode(), [])
    made: list[list[str]] = []
    block: list[list[str]] = []
    for cells in [*(cells for _line, cells in document.lines), None]:
        if cells is not None and _is_of_a_person(cells):
            block.append(cells)
            continue
        block += [row for row in block if chance.random() < 0.3]
        chance.shuffle(block)
        made += block
        block = []
        if cells is not None:
            made.append(cells)
    return replace(document, lines=list(enumerate(made, start=1)))


def _stirred_data(data: Any, chance: random.Random) -> Any:
    if isinstance(data, dict):
        items = [(key, _stirred_data(value, chance)) for key, value in data.items()]
        chance.shuffle(items)
        return dict(items)
    if isinstance(data, list):
        some = [_stirred_data(value, chance) for value in data]
        some += [value for value in some if chance.random() < 0.3]
        chance.shuffle(some)
        return some
    return data


@settings(max_examples=settings.default.max_examples * 2)
@given(what=st.sampled_from(list(ALL)), seed=SEEDS)
def test_order_and_doubling_of_rows_change_nothing(what: str, seed: int) -> None:
    name, content, options = ALL[what]
    reading = ReadingOptions(instants_zone(options), near=NEAR)
    document = open_document(content)
    stirred = _stirred(document, random.Random(seed))
    module = FORMATS[name]
    assert module.recognises(stirred)
    assert amounts(module.read(stirred, reading)) == amounts(module.read(document, reading))


def instants_zone(options: dict[str, str]) -> Any:
    """The zone that has to be said beside a file, if any."""
    from zoneinfo import ZoneInfo

    return ZoneInfo(options["time_zone"]) if options else None


def is_answered(content: bytes, **options: Any) -> bool:
    """Reads a file; True where it was read or refused as it should be. Anything else is raised."""
    try:
        report = read_report(content, near=NEAR, **options)
    except (Invalid, WrongKind, TooLarge) as error:
        return bool(str(error)) and error.status in (413, 415, 422)
    return all(row.joined_ms <= row.left_ms for row in report.rows) and all(row.total_ms >= 0 for row in report.sums)


def _spoilt(content: bytes, chance: random.Random) -> bytes:
    """A file with some bytes changed, lost, doubled, or cut off."""
    made = bytearray(content)
    for _time in range(chance.randint(1, 6)):
        place = chance.randrange(len(made) + 1)
        length = chance.choice((1, 1, 2, 8, 40))
        kind = chance.randrange(5)
        if kind == 0:
            made[place : place + length] = chance.randbytes(length)
        elif kind == 1:
            del made[place : place + length]
        elif kind == 2:
            made[place:place] = made[place : place + length]
        elif kind == 3:
            made[place:place] = chance.choice(
                (b'"', b"\n", b"\r\n", b",", b"\t", b"=", b"0", b"-", b"\x00", b"\xe4\xbc", b"{")
            )
        elif chance.random() < 0.3:
            del made[place:]
    return bytes(made)


@settings(max_examples=settings.default.max_examples * 2)
@given(what=st.sampled_from(list(ALL)), seed=SEEDS)
def test_whatever_is_wrong_with_a_file_is_answered(what: str, seed: int) -> None:
    name, content, reading_options = ALL[what]
    chance = random.Random(seed)
    spoilt = _spoilt(content, chance)
    for options in (
        {},
        reading_options,
        {"format": name, **reading_options, "date_order": "mdy"},
        {"format": chance.choice([*FORMATS]), **reading_options},
    ):
        assert is_answered(spoilt, **options)


HEADINGS = sorted({cell for _name, content, _said in ALL.values() for _line, cells in open_document(content).lines
                   for cell in cells if cell})  # fmt: skip
CELLS = st.one_of(st.sampled_from(HEADINGS), st.text(max_size=12), st.sampled_from(["", "-", "0", "9" * 40, "99:99"]))
TABLES = st.lists(st.lists(CELLS, max_size=14), max_size=12)


@given(rows=TABLES, format=st.sampled_from(["auto", *FORMATS]))
def test_tables_of_anything_are_answered(rows: list[list[str]], format: str) -> None:
    text = "\r\n".join("\t".join(cell.replace("\t", " ") for cell in row) for row in rows)
    assert is_answered(text.encode("utf-8", "replace"), format=format, time_zone="Africa/Nairobi", date_order="dmy")


KEYS = st.sampled_from(
    ["users", "intIds", "sessions", "registeredOn", "leftOn", "name", "extId", "intId", "isModerator", "createdOn",
     "data", "attendees", "joins", "leaves", "start", "finish", "metadata", "meeting_name", "ext_user_id", "x"]
)  # fmt: skip
LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5), st.just("2026-10-25 10:00:00 +0300"),
    st.integers(1_793_000_000_000, 1_793_900_000_000),
)  # fmt: skip
DATA = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=6), max_leaves=30
)


@given(data=DATA, format=st.sampled_from(["auto", "bbb"]))
def test_data_of_anything_is_answered(data: object, format: str) -> None:
    assert is_answered(json.dumps(data).encode(), format=format)
    assert is_answered(json.dumps({"intId": "x", "users": {"u": data}}).encode(), format=format)
    assert is_answered(json.dumps({"data": {"attendees": [data]}}).encode(), format=format, time_zone="UTC")


@given(content=st.binary(max_size=400), format=st.sampled_from(["auto", *FORMATS]))
def test_bytes_of_anything_are_answered(content: bytes, format: str) -> None:
    assert is_answered(content, format=format, time_zone="UTC")


@each_row("sign", [b"[", b'{"a":', b'{"users":{"a":{"intIds":'])
def test_data_too_deep_to_read_is_answered(sign: bytes) -> None:
    assert is_answered(sign * 100_000)


def test_a_cell_of_several_lines_is_no_wrapped_line() -> None:
    assert is_answered(b'"a,b,c\nd,e,f\r,g"\r\n"h,i,j\n\r,k"\r\n')

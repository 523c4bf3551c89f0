"""Reads the participant lists of Tencent Meeting (VooV).

Exported on the web under Meetings › History › the meeting › Export participants (导出参会成员), as XLSX or CSV. The
detailed list has one row for each time that a person joined and left, the usual list one row for each person.

Columns:
    用户昵称 (nickname): `nickname(name on joining)`; the name in brackets is used.
    入会时间, 退会时间 (join and leave time): In the detailed list. `--` as the leave time means until the end.
    首次入会时间, 最后退会时间 (first join, last leave): In the usual list.
    累计参会时长 (total duration): All of the person's periods in the usual list.
    用户ID (account): Not an e-mail address.

Lines above the headings state the title, number and times of the meeting; its planned times are not used. The time zone
is not stated. It is nearly always Asia/Shanghai, but that is not assumed.
"""

import re
from collections.abc import Sequence

from lms.attendance_imports.readers import timestamps
from lms.attendance_imports.readers.headings import Heading, Vocabulary, find_heading
from lms.attendance_imports.readers.plain import check_is_whole
from lms.attendance_imports.readers.report import ReadingOptions, Report
from lms.attendance_imports.readers.session_rows import SessionEntry, never_came, take
from lms.attendance_imports.readers.shapes import Line, is_alone, open_table
from lms.attendance_imports.readers.sheets import Document
from lms.attendance_imports.readers.sums import compare, people_in
from lms.attendance_imports.readers.times import Times
from lms.attendance_imports.readers.vocabulary import WORDS as COMMON
from lms.attendance_imports.readers.vocabulary import role_of, words_of
from lms.attendance_imports.readers.words_of_people import PEOPLE
from lms.attendance_imports.readers.words_of_times import LASTED
from lms.core.base.errors import Fault, Invalid
from lms.core.text.i18n import _

NAME = "voov"
_WORDS = COMMON.with_(
    {
        "nickname": (
            "用户昵称（入会昵称）", "用户昵称", "用户昵称(入会昵称)", "用户名称（入会昵称）",
            "成员昵称（入会昵称）", "昵称（入会昵称）", "使用者暱稱（入會暱稱）",
            "nickname (name on joining)", "user nickname (joining nickname)", "user nickname (nickname in meeting)",
            "nickname (in-meeting nickname)", "user nickname",
        ),
        "first": ("首次入会时间", "首次加入时间", "首次入會時間", "first join time", "first join"),
        "last": ("最后退会时间", "最后离开时间", "最後退會時間", "last leave time", "last exit time"),
        "joined": ("入会时间", "加入会议时间", "入會時間", "join time"),
        "left": ("退会时间", "离开会议时间", "離會時間", "退會時間", "leave time", "exit time"),
        "joins": ("number of joins", "join times", "times joined"),
        "duration": ("单次参会时长", "本次参会时长", "accumulated duration", "total meeting duration"),
        "registrant": ("用户id", "userid", "user id", "工号"),
    }
)  # fmt: skip
_ABOUT = Vocabulary(
    {
        "title": ("会议主题", "會議主題", "meeting topic", "topic"),
        "meeting": ("会议号", "會議號", "meeting id", "meeting number"),
        "starts": ("会议开始时间", "实际开始时间", "開始時間", "actual start time"),
        "ends": ("会议结束时间", "实际结束时间", "結束時間", "actual end time"),
        "people": words_of(PEOPLE),
        "lasted": words_of(LASTED),
    }
)
_BOTH = re.compile(r"(?P<nick>[^(（]*)[(（](?P<own>.*)[)）]\s*")


def recognises(document: Document) -> bool:
    """Whether its headings are those of Tencent Meeting."""
    return _heading(document) is not None


def _heading(document: Document) -> Heading | None:
    sums, stays, untimed = {"first", "last"}, {"joined", "left"}, {"duration", "role"}
    return find_heading(document, _WORDS, *({"nickname", *fields} for fields in (sums, stays, untimed)), within=30)


def read(document: Document, options: ReadingOptions) -> Report:
    """Reads it. Raises Invalid (`file`, `time_zone`, `date_order`)."""
    heading = _heading(document)
    if heading is None:
        raise Invalid("file", _("This is not a participant list from Tencent Meeting (VooV)."))
    check_is_whole(document, heading)
    above = document.lines[: heading.place]
    report = Report(format=NAME, notes=list(document.notes))
    beneath = [(line, row) for line, row in document.lines[heading.place + 1 :] if not is_alone(row)]  # not the remarks
    heading, rows = open_table(report, heading, beneath)
    report.total = len(rows)
    zone = timestamps.zone_in(" ".join(" ".join(cells) for _line, cells in [*above, (0, heading.cells)]))
    times = Times(options, zone)
    about = _about(above)
    report.title, report.meeting = about.get("title", "")[:200], about.get("meeting", "")[:200]
    spans = times.read(about.get("starts", "")), times.read(about.get("ends", ""))
    fields = ("first", "last") if "first" in heading.columns else ("joined", "left")
    entries = [entry for line, row in rows if (entry := _entry(report, heading, fields, line, row, times)) is not None]
    times.settle(document)
    report.starts_ms, report.ends_ms = times.span(*spans)
    take(report, entries, times, joined=heading.words(fields[0]), left=heading.words(fields[1]), stay_on=True)
    lasted = timestamps.duration_ms(about.get("lasted", "")) if fields[0] == "joined" else None
    compare(report, people=about.get("people", ""), rows=people_in(report) + len(report.rejected), lasted_ms=lasted)
    nicknames = {line: heading.cell(row, "nickname") for line, row in rows}
    for stay in report.rows:
        stay.reported_name = nicknames[stay.line]
    for whole in report.sums:
        whole.reported_name = nicknames[whole.line]
    return report


def _about(above: Sequence[Line]) -> dict[str, str]:
    """Returns what the lines above the headings say. The times for which it was planned are not those at which it was
    held."""
    about: dict[str, str] = {}
    for _line, cells in above:
        name, _colon, rest = cells[0].replace("：", ":").partition(":")
        field = _ABOUT.field(cells[0]) or _ABOUT.field(name)
        value = next((cell for cell in cells[1:] if cell), "") or rest.strip()
        if field is not None and value:
            about.setdefault(field, value)
    return about


def _entry(
    report: Report, heading: Heading, fields: tuple[str, str], line: int, row: Sequence[str], times: Times
) -> SessionEntry | None:
    """One row, or None if nobody attended or it is rejected."""
    joined, left = (heading.cell(row, field) for field in fields)
    stated = heading.cell(row, "duration")
    if never_came(joined, left):
        return None
    total = timestamps.duration_ms(stated)
    if total is None and stated and fields == ("first", "last"):
        # Without it the whole time from the first join to the last leave would count, whatever lay between
        reason = _("“%(column)s” is not a valid duration.", column=heading.words("duration"))
        report.rejected.append(Fault(row=line, reason=reason))
        return None
    joins = heading.cell(row, "joins")
    return SessionEntry(
        line,
        own_name(heading.cell(row, "nickname")),
        heading.cell(row, "email"),
        times.read(joined),
        times.read(left),
        total,
        int(joins) if joins.isdecimal() and len(joins) < 6 else None,
        heading.cell(row, "registrant"),
        role_of(heading.cell(row, "role")),
    )


def own_name(name: str) -> str:
    """The name given on joining, which is in brackets after the nickname of the account; without it, the nickname."""
    match = _BOTH.fullmatch(name)
    if match is None:
        return name
    return match["own"].strip() or match["nick"].strip()

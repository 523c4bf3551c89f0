"""Reports of one invented lecture, made after the layouts in which the meeting systems write them.

The lecture was given in Nairobi (UTC+3) on 25 October 2026 from 14:00 to 15:30. In it were:

| who | there (local) | within the lecture |
|---|---|---|
| Grace Otieno, who gives it | 13:45:00–15:45:00 | 90 min |
| Amina Wanjiru, who rejoined | 13:55:10–14:31:40, 14:35:00–15:31:05 | 31 min 40 s + 55 min = 86 min 40 s |
| Bruno Costa, on two devices | 14:00:00–14:40:00, 14:20:00–15:00:00 | 60 min |
| Li Wei of the ministry | 14:10:00–15:10:00 | 60 min |
| Li Wei of the customs | 15:00:00–15:40:00 | 30 min |
| Early Bird | 13:30:00–13:50:00 | 0 |
| Visitor, without an address | 15:35:00–15:50:00 | 0 |
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta, timezone

import xlsxwriter

from lms.attendance.rules import Interval, clip, length, unite
from lms.attendance_imports.readers.report import Report

NAIROBI = timezone(timedelta(hours=3))


def ms(clock: str, *, day: str = "2026-10-25") -> int:
    """Milliseconds UTC of a time of that day in Nairobi."""
    return int(datetime.fromisoformat(f"{day}T{clock}").replace(tzinfo=NAIROBI).timestamp() * 1000)


def utc(clock: str) -> datetime:
    """The same moment as UTC."""
    return datetime.fromtimestamp(ms(clock) / 1000, tz=UTC)


START, END = ms("14:00:00"), ms("15:30:00")
SECONDS = {
    "grace@ministry.example": 5400,
    "amina@trade.example": 5200,
    "bruno@trade.example": 3600,
    "li.wei@ministry.example": 3600,
    "li.wei@customs.example": 1800,
    "early@trade.example": 0,
    "Visitor": 0,
}
"""Seconds within the lecture by address, or by name without one; worked out above by hand."""

STAYS = [
    ("Grace Otieno", "grace@ministry.example", "13:45:00", "15:45:00"),
    ("Amina Wanjiru", "amina@trade.example", "13:55:10", "14:31:40"),
    ("Amina Wanjiru", "amina@trade.example", "14:35:00", "15:31:05"),
    ("Bruno Costa", "bruno@trade.example", "14:00:00", "14:40:00"),
    ("Bruno Costa", "bruno@trade.example", "14:20:00", "15:00:00"),
    ("Li Wei", "li.wei@ministry.example", "14:10:00", "15:10:00"),
    ("Li Wei", "li.wei@customs.example", "15:00:00", "15:40:00"),
    ("Early Bird", "early@trade.example", "13:30:00", "13:50:00"),
    ("Visitor", "", "15:35:00", "15:50:00"),
]


def seconds(report: Report) -> dict[str, int]:
    """Seconds within the lecture by address (by name without one), as the rows of a report amount to them."""
    stays: dict[str, list[Interval]] = {}
    for row in report.rows:
        stays.setdefault(row.email or row.name, []).append((row.joined_ms, row.left_ms))
    return {who: length(clip(unite(some), START, END)) // 1000 for who, some in stays.items()}


def summed(report: Report) -> list[tuple[str, int | None, int | None, int | None, int]]:
    """The sums of a report: who, first join, last leave, joins, seconds."""
    return [(row.email or row.name, row.first_ms, row.last_ms, row.joins, row.total_ms // 1000) for row in report.sums]


def table(rows: Iterable[Sequence[object]], delimiter: str = ",") -> str:
    """Rows as CSV with the line ends of a download."""
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter, lineterminator="\r\n").writerows(rows)
    return out.getvalue()


def workbook(*sheets: Iterable[Sequence[object]]) -> bytes:
    """An XLSX file of these sheets, every cell a text."""
    out = io.BytesIO()
    with xlsxwriter.Workbook(out, {"in_memory": True, "strings_to_formulas": False}) as book:
        for rows in sheets:
            sheet = book.add_worksheet()
            for line, cells in enumerate(rows):
                for column, cell in enumerate(cells):
                    if cell != "":
                        sheet.write_string(line, column, str(cell))
    return out.getvalue()


def shown(clock: str, form: str = "%m/%d/%y, %I:%M:%S %p") -> str:
    """A time as a system writes it; no leading noughts in the default form, as Teams does."""
    text = datetime.fromisoformat(f"2026-10-25T{clock}").strftime(form)
    return text.replace(" 0", " ") if form.endswith("%p") else text


def spelled(joined: str, left: str) -> str:
    """A stay as Teams says it: `1h 13m 42s`, without the parts that are nought in front."""
    seconds = (ms(left) - ms(joined)) // 1000
    hours, rest = divmod(seconds, 3600)
    minutes, seconds = divmod(rest, 60)
    return " ".join(
        part for part, said in ((f"{hours}h", hours), (f"{minutes}m", hours or minutes), (f"{seconds}s", True)) if said
    )


# Webex


def webex(delimiter: str = "\t") -> str:
    """The report of a meeting or an event: times as formulas, one row a stay."""
    rows: list[Sequence[object]] = [
        ["Event Name", "Event Start Time", "Event End Time", "Name", "Attendee Email", "Join Time", "Leave Time",
         "Attendance Duration", "Connection Type"]
    ]  # fmt: skip
    for name, email, joined, left in STAYS:
        minutes = (ms(left) - ms(joined)) // 60_000
        rows.append(["Trade facilitation", _formula("14:00:00"), _formula("15:30:00"), name, email, _formula(joined),
                     _formula(left), f"{minutes} mins", "Desktop app"])  # fmt: skip
    return table(rows, delimiter)


def webex_portuguese() -> str:
    """The newer columns, in another language."""
    rows: list[Sequence[object]] = [
        ["Nome da reunião", "Data de início da reunião", "Data de término da reunião", "Nome de exibição", "Nome",
         "Sobrenome", "Função", "E-mail do convidado", "Hora da entrada", "Hora da saída", "Duração da presença",
         "Tipo de conexão", "Nome da sessão"]
    ]  # fmt: skip
    for name, email, joined, left in STAYS:
        first, _space, last = name.partition(" ")
        role = "Anfitrião" if name == "Grace Otieno" else "Participante"
        minutes = (ms(left) - ms(joined)) // 60_000
        rows.append(["Facilitação do comércio", _formula("14:00:00"), _formula("15:30:00"), name, first, last, role,
                     email, _formula(joined), _formula(left), f"{minutes} minutos", "Aplicativo", ""])  # fmt: skip
    return table(rows, "\t")


def _formula(clock: str) -> str:
    return f'="2026-10-25 {clock}"'


# Tencent Meeting / VooV: sums only, in the wall time of whoever downloads (here Beijing: five hours ahead of Nairobi)

VOOV_HEADINGS = ["用户昵称（入会昵称）", "首次入会时间", "最后退会时间", "入会次数", "累计参会时长", "身份"]
VOOV_ROWS: list[list[str]] = [
    ["Grace Otieno(Grace Otieno)", "2026-10-25 18:45:00", "2026-10-25 20:45:00", "1", "2:00:00", "主持人"],
    ["amina_w（Amina Wanjiru）", "2026-10-25 18:55:10", "2026-10-25 20:31:05", "2", "1:32:35", "普通参会者"],
    ["Bruno Costa(Bruno Costa)", "2026-10-25 19:00:00", "2026-10-25 20:00:00", "2", "1:00:00", "普通参会者"],
    ["商务部(李伟)", "2026-10-25 19:10:00", "2026-10-25 20:10:00", "1", "1:00:00", "普通参会者"],
    ["李伟（李伟）", "2026-10-25 20:00:00", "2026-10-25 20:40:00", "1", "0:40:00", "普通参会者"],
    ["Early Bird(Early Bird)", "2026-10-25 18:30:00", "2026-10-25 18:50:00", "1", "0:20:00", "联席主持人"],
]
VOOV: list[list[str]] = [
    ["会议主题:", "贸易便利化讲座"],
    ["会议号:", "123-456-789"],
    ["会议创建者:", "Grace Otieno"],
    ["预定开始时间:", "2026-10-25 19:00:00"],
    ["预定结束时间:", "2026-10-25 20:30:00"],
    ["累计会议时长:", "2:05:40"],
    ["参会用户总数:", "6"],
    [],
    VOOV_HEADINGS,
    *VOOV_ROWS,
]
VOOV_STAYS: list[list[str]] = [
    ["用户昵称（入会昵称）", "入会时间", "退会时间", "参会时长", "身份"],
    ["Grace Otieno(Grace Otieno)", "2026-10-25 18:45:00", "2026-10-25 20:45:00", "2:00:00", "主持人"],
    ["amina_w（Amina Wanjiru）", "2026-10-25 18:55:10", "2026-10-25 19:31:40", "0:36:30", "普通参会者"],
    ["amina_w（Amina Wanjiru）", "2026-10-25 19:35:00", "2026-10-25 20:31:05", "0:56:05", "普通参会者"],
]

# BigBlueButton: epoch milliseconds, so that nothing is to be asked


def bbb() -> dict[str, object]:
    """The data of the learning dashboard: people by key, their connections, the sessions of each."""
    people = [
        ("u-1", "grace-7", "Grace Otieno", True, {"w_1": [("13:45:00", "15:45:00")]}),
        ("u-2", "amina@trade.example", "Amina Wanjiru", False,
         {"w_2": [("13:55:10", "14:31:40"), ("14:35:00", "15:31:05")]}),
        ("u-3", "bruno@trade.example", "Bruno Costa", False,
         {"w_3": [("14:00:00", "14:40:00")], "w_4": [("14:20:00", "15:00:00")]}),
        ("u-4", "li-1", "Li Wei", False, {"w_5": [("14:10:00", "15:10:00")]}),
        ("u-5", "li-2", "Li Wei", False, {"w_6": [("15:00:00", "15:40:00")]}),
        ("u-6", "early@trade.example", "Early Bird", False, {"w_7": [("13:30:00", "13:50:00")]}),
        ("u-7", "", "Visitor", False, {"w_8": [("15:35:00", "")]}),
    ]  # fmt: skip
    users = {}
    for key, ext, name, moderator, connections in people:
        users[key] = {
            "userKey": key,
            "extId": ext,
            "name": name,
            "isModerator": moderator,
            "isDialIn": False,
            "answers": {},
            "talk": {"totalTime": 0, "lastTalkStartedOn": 0},
            "webcams": [],
            "raiseHand": [],
            "totalOfMessages": 2,
            "intIds": {
                connection: {
                    "intId": connection,
                    "sessions": [
                        {"registeredOn": ms(joined), "leftOn": ms(left) if left else 0} for joined, left in sessions
                    ],
                    "userLeftFlag": False,
                }
                for connection, sessions in connections.items()
            },
        }
    return {
        "intId": "8a7b6c5d4e3f-1793000000000",
        "extId": "trade-facilitation-3",
        "name": "Trade facilitation, lecture 3",
        "downloadSessionDataEnabled": True,
        "users": users,
        "polls": {},
        "screenshares": [],
        "presentationSlides": [],
        "createdOn": ms("13:30:00"),
        "endedOn": ms("15:50:00"),
    }


def bbb_of_2021() -> dict[str, object]:
    """The first dashboards: each connection has one join and one leave of its own."""
    made = bbb()
    users = made["users"]
    assert isinstance(users, dict)
    for user in users.values():
        user["intIds"] = {
            f"{name}-{index}": {"intId": f"{name}-{index}", **session}
            for name, connection in user["intIds"].items()
            for index, session in enumerate(connection["sessions"])
        }
    return made


def bbb_callback(*, iso: bool = False) -> dict[str, object]:
    """What the analytics callback posts: joins and leaves of all devices of a person in two lists."""

    def at(clock: str) -> str:
        if iso:
            return utc(clock).isoformat()
        return datetime.fromisoformat(f"2026-10-25T{clock}").strftime("%Y-%m-%d %H:%M:%S +0300")

    attendees: dict[tuple[str, str], dict[str, object]] = {}
    for name, email, joined, left in STAYS:
        attendee = attendees.setdefault(
            (name, email),
            {"ext_user_id": email or "guest-9", "name": name, "moderator": name == "Grace Otieno", "joins": [],
             "leaves": [], "duration": 0, "engagement": {"chats": 0, "talks": 0}},
        )  # fmt: skip
        for key, clock in (("joins", joined), ("leaves", left)):
            times = attendee[key]
            assert isinstance(times, list)
            times.append(at(clock))
    return {
        "version": "1.0",
        "meeting_id": "trade-facilitation-3",
        "internal_meeting_id": "8a7b6c5d4e3f-1793000000000",
        "data": {
            "metadata": {"meeting_name": "Trade facilitation, lecture 3", "is_breakout": "false"},
            "duration": 8400,
            "start": at("13:30:00"),
            "finish": at("15:50:00"),
            "attendees": list(attendees.values()),
            "files": [],
            "polls": [],
        },
    }


BBB_CSV = (
    "Name,Moderator,Activity Score,Talk Time,Webcam Time,Messages,Reactions,Poll Votes,Raise Hands,Join,Left,Duration,"
    "Which corridor do you use?\r\n"
    '"Grace Otieno","TRUE","0","00:41:10","-","4","0","0","0","10/25/2026, 01:45:00 PM","10/25/2026, 03:45:00 PM",'
    '"02:00:00","-"\r\n'
    '"Amina Wanjiru","FALSE","2.4","-","-","1","0","1","0","10/25/2026, 01:55:10 PM","10/25/2026, 03:31:05 PM",'
    '"01:32:35","Northern"\r\n'
    '"Bruno Costa","FALSE","0","-","-","0","0","1","0","10/25/2026, 02:00:00 PM","10/25/2026, 03:00:00 PM",'
    '"01:20:00","Central"\r\n'
    '"Li Wei","FALSE","0","-","-","0","0","0","0","10/25/2026, 02:10:00 PM","10/25/2026, 03:10:00 PM",'
    '"01:00:00","-"\r\n'
    '"Visitor","FALSE","0","-","-","0","0","0","0","10/25/2026, 03:35:00 PM","-","00:15:00","-"\r\n'
    '"Anonymous","","","","","","","","","","","","Northern\r\nCentral"'
)
"""What the dashboard's button saves; Bruno's two devices are added up there, and the visitor is still in."""

BBB_CSV_GERMAN = (
    "Name,Moderator/in,Aktivitätslevel,Redezeit,Webcamzeit,Nachrichten,Reaktionen,Umfragen,Handheben,Beitritt,"
    "Verlassen,Dauer\r\n"
    '"Amina Wanjiru","FALSE","2,4","-","-","1","0","1","0","25.10.2026, 13:55:10","25.10.2026, 15:31:05","01:32:35"\r\n'
    '"Anonym","","","","","","","","","","",""'
)

# Google Meet

MEET = table(
    [
        ["First name", "Last name", "Email", "Duration", "Time joined", "Time exited"],
        ["Grace", "Otieno", "grace@ministry.example", "2 hr", "1:45 PM", "3:45 PM"],
        ["Amina", "Wanjiru", "amina@trade.example", "1 hr 33 min", "1:55 PM", "3:31 PM"],
        ["Bruno", "Costa", "bruno@trade.example", "1 hr", "2:00 PM", "3:00 PM"],
        ["Li", "Wei", "li.wei@ministry.example", "1 hr", "2:10 PM", "3:10 PM"],
        ["Wei", "Li", "l*****@customs.example", "40 min", "3:00 PM", "3:40 PM"],
        ["Visitor", "", "", "15 min", "3:35 PM", "3:50 PM"],
    ]
)
"""Meet's own report: one row a person, times of the day only."""

MEET_DATED = table(
    [
        ["Meeting title", "Date", "Start time", "End time"],
        ["Trade facilitation", "2026-10-25", "13:44", "15:50"],
        [],
        ["Name", "Email", "Duration", "Time joined", "Time exited"],
        ["Grace Otieno", "grace@ministry.example", "2h", "13:45:00", "15:45:00"],
        ["Amina Wanjiru", "amina@trade.example", "1h 32m 35s", "13:55:10", "15:31:05"],
        ["Bruno Costa", "bruno@trade.example", "40m", "14:00:00", "14:40:00"],
        ["Bruno Costa", "bruno@trade.example", "40m", "14:20:00", "15:00:00"],
    ]
)

MEET_FULL = table(
    [
        ["Participant Name", "Email", "Duration", "Time joined", "Time exited"],
        ["Grace Otieno", "grace@ministry.example", "120", "2026-10-25T10:45:00Z", "2026-10-25T12:45:00Z"],
        ["Amina Wanjiru", "amina@trade.example", "93", "2026-10-25T10:55:10Z", "2026-10-25T12:31:05Z"],
    ]
)

"""Reports of the same lecture as Microsoft Teams writes them, in each of its generations."""

from __future__ import annotations

from collections.abc import Sequence

from tests.attendance_imports.readers.samples import STAYS, shown, spelled, table

TEAMS_ROLES = {"grace@ministry.example": "Organizer", "bruno@trade.example": "Presenter"}


def teams(*, form: str = "%m/%d/%y, %I:%M:%S %p", third: bool = True, delimiter: str = "\t") -> str:
    """The three parts of today's report (the third may be left out, as in some downloads)."""
    rows: list[Sequence[object]] = [
        ["1. Summary"],
        ["Meeting title", "Trade facilitation, lecture 3"],
        ["Attended participants", "7"],
        ["Start time", shown("13:44:30", form)],
        ["End time", shown("15:50:10", form)],
        ["Meeting duration", "2h 5m 40s"],
        ["Average attendance time", "1h 2m 3s"],
        [],
        ["2. Participants"],
        ["Name", "First Join", "Last Leave", "In-Meeting Duration", "Email", "Participant ID (UPN)", "Role"],
    ]
    for name, email, first, last, total in (
        ("Grace Otieno", "grace@ministry.example", "13:45:00", "15:45:00", "2h 0m 0s"),
        ("Amina Wanjiru", "amina@trade.example", "13:55:10", "15:31:05", "1h 32m 35s"),
        ("Bruno Costa (External)", "bruno@trade.example", "14:00:00", "15:00:00", "1h 0m 0s"),
        ("Li Wei", "li.wei@ministry.example", "14:10:00", "15:10:00", "1h 0m 0s"),
        ("Li Wei", "li.wei@customs.example", "15:00:00", "15:40:00", "40m 0s"),
        ("Early Bird", "early@trade.example", "13:30:00", "13:50:00", "20m 0s"),
        ("Visitor (Unverified)", "", "15:35:00", "15:50:00", "15m 0s"),
    ):
        upn = email.replace("@trade.example", "_trade.example#EXT#@ministry.example") if email else ""
        role = TEAMS_ROLES.get(email, "Attendee")
        rows.append([name, shown(first, form), shown(last, form), total, email, upn, role])
    if third:
        rows += [[], ["3. In-Meeting Activities"], ["Name", "Join Time", "Leave Time", "Duration", "Email", "Role"]]
        for name, email, joined, left in STAYS:
            shown_name = {"Bruno Costa": "Bruno Costa (External)", "Visitor": "Visitor (Unverified)"}.get(name, name)
            rows.append([shown_name, shown(joined, form), shown(left, form), spelled(joined, left), email,
                         TEAMS_ROLES.get(email, "Attendee")])  # fmt: skip
    return table(rows, delimiter)


TEAMS_GERMAN = "\r\n".join(
    [
        "1. Zusammenfassung",
        "Besprechungstitel\tHandelserleichterung",
        "Teilnehmer\t2",
        "Startzeit\t25.10.26, 13:44:30",
        "Endzeit\t25.10.26, 15:50:10",
        "Besprechungsdauer\t2 Std. 5 Min. 40 Sek.",
        "",
        "2. Teilnehmer",
        "Name\tErster Beitritt\tLetztes Verlassen\tDauer der Besprechung\tE-Mail\tTeilnehmer-ID (UPN)\tRolle",
        "Grace Otieno\t25.10.26, 13:45:00\t25.10.26, 15:45:00\t2 Std.\tgrace@ministry.example\t"
        "grace@ministry.example\tOrganisator",
        "Amina Wanjiru\t25.10.26, 13:55:10\t25.10.26, 15:31:05\t1 Std. 32 Min. 35 Sek.\t\t"
        "amina@trade.example\tTeilnehmer",
        "",
        "3. Aktivitäten in der Besprechung",
        "Name\tBeitreten\tVerlassen\tDauer\tE-Mail\tRolle",
        "Grace Otieno\t25.10.26, 13:45:00\t25.10.26, 15:45:00\t2 Std.\tgrace@ministry.example\tOrganisator",
        "Amina Wanjiru\t25.10.26, 13:55:10\t25.10.26, 14:31:40\t36 Min. 30 Sek.\t\tTeilnehmer",
        "Amina Wanjiru\t25.10.26, 14:35:00\t25.10.26, 15:31:05\t56 Min. 5 Sek.\t\tTeilnehmer",
    ]
)

TEAMS_JAPANESE = "\r\n".join(
    [
        "1. 概要",
        "会議のタイトル\t貿易円滑化",
        "出席した参加者\t1",
        "開始時刻\t2026/10/25 13:44:30",
        "終了時刻\t2026/10/25 15:50:10",
        "",
        "2. 参加者",
        "名前\t最初の参加\t最後の退出\t会議中の期間\tメール\t参加者 ID (UPN)\t役割",
        "Amina Wanjiru\t2026/10/25 13:55:10\t2026/10/25 15:31:05\t1 時間 32 分 35 秒\tamina@trade.example\t"
        "amina@trade.example\t出席者",
        "",
        "3. 会議中のアクティビティ",
        "名前\t参加時間\t退出時間\t期間\tメール\t役割",
        "Amina Wanjiru\t2026/10/25 13:55:10\t2026/10/25 14:31:40\t36 分 30 秒\tamina@trade.example\t出席者",
        "Amina Wanjiru\t2026/10/25 14:35:00\t2026/10/25 15:31:05\t56 分 5 秒\tamina@trade.example\t出席者",
    ]
)


TEAMS_TURKISH = "\r\n".join(
    [
        "1. Özet",
        "Toplantı başlığı\tTicaretin kolaylaştırılması",
        "Katılan katılımcılar\t1",
        "Başlangıç saati\t25.10.2026 13:44:30",
        "Bitiş saati\t25.10.2026 15:50:10",
        "",
        "2. Katılımcılar",
        "Kişi\tİlk Katılım\tSon Ayrılma\tToplantı İçi Süre\tE-posta\tKatılımcı Kimliği (UPN)\tGörev",
        "Amina Wanjiru\t25.10.2026 13:55:10\t25.10.2026 15:31:05\t1 sa 32 dk 35 sn\tamina@trade.example\t"
        "amina@trade.example\tKatılımcı",
        "",
        "3. Toplantı İçi Etkinlikler",
        "Kişi\tKatılma Saati\tAyrılma Saati\tSüre\tE-posta\tGörev",
        "Amina Wanjiru\t25.10.2026 13:55:10\t25.10.2026 14:31:40\t36 dk 30 sn\tamina@trade.example\tKatılımcı",
        "Amina Wanjiru\t25.10.2026 14:35:00\t25.10.2026 15:31:05\t56 dk 5 sn\tamina@trade.example\tKatılımcı",
    ]
)
"""In a language of which no heading is known."""


def teams_of_2021() -> str:
    """The report between the generations: a summary without a number, then every stay under `Full Name`."""
    form = "%m/%d/%Y, %I:%M:%S %p"
    rows: list[Sequence[object]] = [
        ["Meeting Summary"],
        ["Total Number of Participants", "7"],
        ["Meeting Title", "Trade facilitation, lecture 3"],
        ["Meeting Start Time", shown("13:44:30", form)],
        ["Meeting End Time", shown("15:50:10", form)],
        ["Meeting Id", "0b1d2c3e-aaaa-4bbb-8ccc-1234567890ab"],
        [],
        ["Full Name", "Join Time", "Leave Time", "Duration", "Email", "Role", "Participant ID (UPN)"],
    ]
    for name, email, joined, left in STAYS:
        role = TEAMS_ROLES.get(email, "Attendee")
        rows.append([name, shown(joined, form), shown(left, form), spelled(joined, left), email, role, email])
    return table(rows, "\t")


TEAMS_LIST = table(
    [
        ["Full Name", "User Action", "Timestamp"],
        ["Grace Otieno", "Joined before", "10/25/2026, 1:45:00 PM"],
        ["Amina Wanjiru", "Joined", "10/25/2026, 1:55:10 PM"],
        ["Bruno Costa", "Joined", "10/25/2026, 2:00:00 PM"],
        ["Bruno Costa", "Joined", "10/25/2026, 2:20:00 PM"],
        ["Amina Wanjiru", "Left", "10/25/2026, 2:31:40 PM"],
        ["Amina Wanjiru", "Joined", "10/25/2026, 2:35:00 PM"],
        ["Bruno Costa", "Left", "10/25/2026, 2:40:00 PM"],
        ["Bruno Costa", "Left", "10/25/2026, 3:00:00 PM"],
        ["Amina Wanjiru", "Left", "10/25/2026, 3:31:05 PM"],
        ["Otieno, Brian", "Joined", "10/25/2026, 3:00:00 PM"],
        ["Visitor", "Joined", "10/25/2026, 3:35:00 PM"],
        ["Visitor", "Left", "10/25/2026, 3:50:00 PM"],
    ],
    "\t",
)
"""The first generation: names and what they did. Two never left: Grace Otieno and Brian Otieno."""

TEAMS_LIST_PORTUGUESE = (
    "Nome Completo\tAtividade\tCarimbo de data/hora\r\n"
    "Amina Wanjiru\tIngressou\t25/10/2026 13:55:10\r\n"
    "Amina Wanjiru\tSaiu\t25/10/2026 14:31:40\r\n"
)

TEAMS_LIVE = table(
    [
        ["Session Id", "Participant Id", "Full Name", "UserAgent", "UTC Event Timestamp", "Action", "Role"],
        ["s1", "grace@ministry.example", "Grace Otieno", "Teams", "10/25/2026 10:45:00 AM", "Joined", "Producer"],
        ["s2", "amina@trade.example", "Amina Wanjiru", "Mozilla/5.0 (X11)", "10/25/2026 10:55:10 AM", "Joined",
         "Attendee"],
        ["s3", "bruno@trade.example", "Bruno Costa", "Mozilla/5.0", "10/25/2026 11:00:00 AM", "Joined", "Attendee"],
        ["s4", "bruno@trade.example", "Bruno Costa", "SignalR", "10/25/2026 11:20:00 AM", "Joined", "Attendee"],
        ["s2", "amina@trade.example", "Amina Wanjiru", "Mozilla/5.0 (X11)", "10/25/2026 11:31:40 AM", "Left",
         "Attendee"],
        ["s5", "amina@trade.example", "Amina Wanjiru", "Mozilla/5.0 (X11)", "10/25/2026 11:35:00 AM", "Joined",
         "Attendee"],
        ["s3", "bruno@trade.example", "Bruno Costa", "Mozilla/5.0", "10/25/2026 11:40:00 AM", "Left", "Attendee"],
        ["s4", "bruno@trade.example", "Bruno Costa", "SignalR", "10/25/2026 12:00:00 PM", "Left", "Attendee"],
        ["s6", "8f2c-guest", "Visitor", "Mozilla/5.0", "10/25/2026 12:35:00 PM", "Joined", "Attendee"],
        ["s5", "amina@trade.example", "Amina Wanjiru", "Mozilla/5.0 (X11)", "10/25/2026 12:31:05 PM", "Left",
         "Attendee"],
        ["s1", "grace@ministry.example", "Grace Otieno", "Teams", "10/25/2026 12:45:00 PM", "Left", "Producer"],
    ]
)  # fmt: skip
"""The engagement report of a live event: times are UTC; the visitor never left."""

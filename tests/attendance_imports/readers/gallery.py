"""Every report that was made for tests, with its format and what has to be said beside it."""

from __future__ import annotations

import json

from tests.attendance_imports.readers.samples import (
    BBB_CSV,
    BBB_CSV_GERMAN,
    MEET_DATED,
    MEET_FULL,
    VOOV,
    VOOV_HEADINGS,
    VOOV_ROWS,
    VOOV_STAYS,
    bbb,
    bbb_callback,
    bbb_of_2021,
    table,
    webex,
    webex_portuguese,
    workbook,
)
from tests.attendance_imports.readers.samples_teams import (
    TEAMS_GERMAN,
    TEAMS_JAPANESE,
    TEAMS_LIST,
    TEAMS_LIST_PORTUGUESE,
    TEAMS_LIVE,
    TEAMS_TURKISH,
    teams,
    teams_of_2021,
)

REPORTS: dict[str, tuple[str, bytes, dict[str, str]]] = {
    "teams in three parts": ("teams", teams().encode("utf-16"), {"time_zone": "Africa/Nairobi"}),
    "teams without the third part": ("teams", teams(third=False).encode("utf-16"), {"time_zone": "Africa/Nairobi"}),
    "teams saved with commas": (
        "teams",
        teams(delimiter=",", form="%d/%m/%Y, %H:%M:%S").encode("utf-8-sig"),
        {"time_zone": "Africa/Nairobi"},
    ),
    "teams in German": ("teams", TEAMS_GERMAN.encode("utf-16"), {"time_zone": "Africa/Nairobi"}),
    "teams in Japanese": ("teams", TEAMS_JAPANESE.encode("utf-16"), {"time_zone": "Africa/Nairobi"}),
    "teams in Turkish": ("teams", TEAMS_TURKISH.encode("utf-16"), {"time_zone": "Africa/Nairobi"}),
    "teams of 2021": ("teams", teams_of_2021().encode("utf-16"), {"time_zone": "Africa/Nairobi"}),
    "teams, who did what": ("teams", TEAMS_LIST.encode("utf-16"), {"time_zone": "Africa/Nairobi"}),
    "teams, who did what, Portuguese": (
        "teams",
        TEAMS_LIST_PORTUGUESE.encode("utf-16"),
        {"time_zone": "Africa/Nairobi"},
    ),
    "teams live event": ("teams", TEAMS_LIVE.encode(), {}),
    "webex": ("webex", webex().encode("utf-16"), {"time_zone": "Africa/Nairobi"}),
    "webex with commas": ("webex", webex(",").encode(), {"time_zone": "Africa/Nairobi"}),
    "webex in Portuguese": ("webex", webex_portuguese().encode("utf-16"), {"time_zone": "Africa/Nairobi"}),
    "voov workbook": ("voov", workbook(VOOV), {"time_zone": "Asia/Shanghai"}),
    "voov in GB18030": ("voov", table(VOOV).encode("gb18030"), {"time_zone": "Asia/Shanghai"}),
    "voov in UTF-8": ("voov", table(VOOV).encode("utf-8-sig"), {"time_zone": "Asia/Shanghai"}),
    "voov with the headings first": (
        "voov",
        workbook([VOOV_HEADINGS, *VOOV_ROWS]),
        {"time_zone": "Asia/Shanghai"},
    ),
    "voov by stays": ("voov", table(VOOV_STAYS).encode(), {"time_zone": "Asia/Shanghai"}),
    "bbb dashboard": ("bbb", json.dumps(bbb()).encode(), {}),
    "bbb dashboard of 2021": ("bbb", json.dumps(bbb_of_2021()).encode(), {}),
    "bbb callback": ("bbb", json.dumps(bbb_callback()).encode(), {}),
    "bbb callback in ISO": ("bbb", json.dumps(bbb_callback(iso=True)).encode(), {}),
    "bbb table": ("bbb", BBB_CSV.encode(), {"time_zone": "Africa/Nairobi"}),
    "bbb table in German": ("bbb", BBB_CSV_GERMAN.encode(), {"time_zone": "Africa/Nairobi"}),
    "meet with a date": ("meet", MEET_DATED.encode(), {"time_zone": "Africa/Nairobi"}),
    "meet with full times": ("meet", MEET_FULL.encode(), {}),
}
"""Every report by what it is: its format, its bytes, and what has to be said beside it."""

"""When a page that follows a lecture loads the sound only, and when the picture again."""

from __future__ import annotations

from typing import Any

from tests.scripts import SCRIPTS, run_script

FINE, STALLED = [False], [True]


def follow(*stalls: list[bool]) -> Any:
    """What becomes of a line that stalls or not in each of these seconds."""
    return run_script(
        "line.mjs",
        {"line": (SCRIPTS / "watching/line.js").as_uri(), "stalls": [one for part in stalls for one in part]},
    )


def test_a_stall_counts_only_where_there_is_more_to_load() -> None:
    assert follow()["newer"] == [False, False, True, True, False]


def test_the_picture_returns_after_a_minute_without_a_stall() -> None:
    assert follow(FINE * 200, STALLED * 9, FINE * 70)["changes"] == [[208, "sound"], [269, "picture"]]
    assert follow(STALLED * 9, FINE * 40, STALLED, FINE * 70)["changes"] == [[8, "sound"], [110, "picture"]]


def test_a_picture_that_does_not_last_is_tried_less_and_less_often() -> None:
    stalls = follow(*[[*STALLED * 9, *FINE * 61], [*STALLED * 9, *FINE * 121], [*STALLED * 9, *FINE * 241]])
    assert stalls["changes"] == [
        [8, "sound"], [69, "picture"], [78, "sound"], [199, "picture"], [208, "sound"], [449, "picture"],
    ]  # fmt: skip


def test_single_stalls_change_nothing() -> None:
    assert follow(*([*STALLED, *FINE * 20] for _time in range(30)))["changes"] == []

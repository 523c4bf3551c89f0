"""Logs: one line of JSON an event."""

from __future__ import annotations

import json

import pytest
import structlog

from lms.core.base import logs


def test_an_event_is_one_line_whatever_stands_in_it(capfd: pytest.CaptureFixture[str]) -> None:
    logs.configure("INFO")
    forged = 'x"}\r\n{"event": "signed in", "person": 1}\u2028\x1b[2J'
    structlog.get_logger("tests").warning("refused", reason=forged)
    lines = capfd.readouterr().err.strip("\n").split("\n")
    events = [json.loads(line) for line in lines if '"refused"' in line]
    assert [one["reason"] for one in events] == [forged]
    assert len(lines) == 1

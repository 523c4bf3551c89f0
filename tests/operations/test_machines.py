"""What `lms check` and the status page say of processes on several machines."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from lms.config import SETTINGS
from lms.core.background.processes import ProcessKind, record_heartbeat
from lms.core.storage import files
from lms.operations.checks import machines
from lms.operations.checks.machines import check_machines, check_media_key
from lms.operations.checks.model import CheckContext, Finding, Level
from lms.operations.machines import LOCAL_SETTINGS, STORAGE_MARK, facts_of
from tests.at_once import at_once
from tests.operations.conftest import NOW, Installation

MEDIA_KEY = "a-key-of-picture-and-sound"


def heartbeat(
    installation: Installation,
    host: str,
    facts: Mapping[str, Any],
    *,
    kind: ProcessKind = ProcessKind.WORKER,
    started_before: timedelta = timedelta(),
) -> None:
    installation.within(
        lambda: record_heartbeat(f"{host}:1", kind=kind, started_at=NOW - started_before, at=NOW, facts=facts)
    )


def facts(installation: Installation) -> dict[str, Any]:
    return installation.within(lambda: facts_of(installation.config, is_new_storage_marked=True))


def findings(installation: Installation) -> list[Finding]:
    context = CheckContext(installation.config, NOW)
    return installation.within(lambda: list(check_machines(context)))


def texts(installation: Installation) -> list[tuple[Level, str, str]]:
    return [(finding.level, finding.about, finding.text) for finding in findings(installation)]


def faults(installation: Installation) -> list[tuple[Level, str, str]]:
    return [row for row in texts(installation) if row[0] is not Level.OK]


def test_local_settings_are_settings() -> None:
    assert {setting.name for setting in SETTINGS} >= LOCAL_SETTINGS


def test_no_secret_is_in_the_facts(installation: Installation) -> None:
    installation.config.media_key = MEDIA_KEY
    text = repr(facts(installation))
    assert MEDIA_KEY not in text
    assert (installation.config.folder / "secret.key").read_text() not in text


def test_processes_on_one_machine_are_counted(installation: Installation) -> None:
    same = facts(installation)
    for kind in ProcessKind:
        installation.within(
            lambda kind=kind: record_heartbeat(f"here:{kind}", kind=kind, started_at=NOW, at=NOW, facts=same)
        )
    assert texts(installation) == [(Level.OK, "processes", "1 web process, 1 worker, 1 packager")]


def test_two_machines_on_sqlite_are_a_fault(installation: Installation) -> None:
    same = facts(installation)
    heartbeat(installation, "a", same)
    heartbeat(installation, "b", same)
    running = [(Level.OK, "processes", "a: 1 worker"), (Level.OK, "processes", "b: 1 worker")]
    if installation.config.sqlite_file is None:
        assert texts(installation) == running
    else:
        assert texts(installation) == [(Level.FAULT, "processes", "SQLite is used by 2 machines: a, b"), *running]


def test_a_process_that_was_killed_is_missed_for_an_hour(installation: Installation) -> None:
    same = facts(installation)
    heartbeat(installation, "b", same)
    installation.within(
        lambda: record_heartbeat("b:2", kind=ProcessKind.WEB, started_at=NOW, at=NOW - timedelta(minutes=5), facts=same)
    )
    assert faults(installation) == [(Level.WARNING, "processes", "no web process on b since 2026-11-27 05:55 UTC")]
    heartbeat(installation, "b", same, kind=ProcessKind.WEB)
    assert "no web process on b" not in repr(texts(installation))


@pytest.mark.parametrize(
    ("change", "about", "text"),
    [
        ({"secrets": ["0123"]}, "secret", "another secret is used on b: sign-ins there are not valid here"),
        ({"storage": "another"}, "files", "other stored files are used on b"),
        ({"signing_key": None}, "signing key", "there is no key to sign certificates with on b"),
    ],
)
def test_what_differs_is_a_fault(installation: Installation, change: dict[str, Any], about: str, text: str) -> None:
    heartbeat(installation, "b", facts(installation) | change)
    assert faults(installation) == [(Level.FAULT, about, text)]


def test_other_time_zones_are_a_fault(installation: Installation) -> None:
    heartbeat(installation, "b", facts(installation) | {"time_zones": "2020a"})
    finding, _running = findings(installation)
    assert (finding.level, finding.about) == (Level.FAULT, "time zones")


def test_another_media_key_is_named_by_its_setting(installation: Installation) -> None:
    heartbeat(installation, "b", facts(installation))
    installation.config.media_key = MEDIA_KEY
    assert faults(installation) == [(Level.FAULT, "settings", "LMS_MEDIA_KEY has another value on b")]


def test_the_address_that_a_demonstration_made_of_its_port_is_no_fault(installation: Installation) -> None:
    heartbeat(installation, "b", facts(installation))
    installation.config.base_url = "http://127.0.0.1:8000"  # as a command has it
    assert faults(installation) == [(Level.FAULT, "settings", "LMS_BASE_URL has another value on b")]
    installation.config.demonstration_mark.write_text("{}")
    assert faults(installation) == []


def test_a_secret_that_is_being_replaced_is_no_fault(installation: Installation) -> None:
    mine = facts(installation)
    heartbeat(installation, "b", mine)
    former = installation.config.folder / "secret.key"
    installation.config.secret_key_old = former.read_text()
    installation.config.secret_key = "another secret that is long enough"
    assert [level for level, about, _text in texts(installation) if about == "secret"] == [Level.FAULT]
    heartbeat(installation, "b", mine | {"secrets": facts(installation)["secrets"][::-1]})
    assert [about for _level, about, _text in texts(installation)] == ["processes"]


def test_processes_that_begin_at_once_mark_new_storage_once(installation: Installation) -> None:
    marks: list[str] = []

    def begin() -> None:
        marks.append(facts_of(installation.config, is_new_storage_marked=True)["storage"])

    for _turn in range(10):
        installation.within(lambda: files.delete(STORAGE_MARK))
        marks.clear()
        assert at_once(installation.app, [begin] * 4) == [None] * 4
        assert marks == [facts(installation)["storage"]] * 4


@pytest.mark.parametrize(("minutes", "level"), [(5, Level.WARNING), (90, Level.FAULT)])
def test_two_versions_are_an_update_that_must_end(installation: Installation, minutes: int, level: Level) -> None:
    same = facts(installation)
    heartbeat(installation, "b", same | {"version": "0.9"}, started_before=timedelta(days=9))
    installation.within(
        lambda: record_heartbeat("b:2", started_at=NOW - timedelta(minutes=minutes), at=NOW, facts=same)
    )
    finding, _running = findings(installation)
    assert (finding.level, finding.about) == (level, "version")
    assert finding.text.startswith(f"{same['version']} has been running since ")
    assert finding.text.endswith("but 0.9 is still running on b")


def test_the_key_of_nginx_is_compared(
    installation: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = (Path(__file__).resolve().parents[2] / "deploy" / "nginx" / "serai.conf").read_text(encoding="utf-8")
    monkeypatch.setattr(machines, "FOLDERS", [str(tmp_path)])

    def levels(key: str) -> list[Level]:
        (tmp_path / "serai.conf").write_text(text.replace(machines.EXAMPLE_KEY, key), encoding="utf-8")
        return [finding.level for finding in check_media_key(CheckContext(installation.config, NOW))]

    installation.config.media_key = MEDIA_KEY
    assert levels(MEDIA_KEY) == [Level.OK]
    assert levels("another-key-of-picture-and-sound") == [Level.FAULT]
    assert levels(machines.EXAMPLE_KEY) == [Level.WARNING]
    installation.config.media_key = ""
    assert levels(MEDIA_KEY) == [Level.FAULT]

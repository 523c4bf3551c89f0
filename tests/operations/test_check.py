"""`lms check`: nothing is found where nothing is wrong, and each fault is found with what to do."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, text

from lms.certificates.models import Certificate, CertificateState
from lms.core.background.jobs import request_job
from lms.core.background.processes import record_heartbeat, remove_heartbeat
from lms.core.base.roles import SYSTEM
from lms.core.database.session import action, db
from lms.core.storage import files
from lms.core.time import clock
from lms.mail.bounce_mailbox import MailboxAddress, MailboxFault, claim, note_fault, note_read
from lms.mail.outbox import post_mail
from lms.operations.backup import take_backup
from lms.operations.check import check
from lms.operations.checks import service
from lms.operations.checks.model import CheckContext, Finding, Level
from tests.operations.conftest import NOW, Installation


@pytest.fixture
def healthy(installation: Installation, monkeypatch: pytest.MonkeyPatch) -> Installation:
    """An installation in which nothing is wrong."""
    config = installation.config
    config.base_url, config.proxies = "https://lectures.example", 1
    config.contact = "help@lectures.example"
    config.mail_url = f"file://{config.folder}/mail"
    config.journal = str(config.folder.parent / "journal.jsonl")
    for path in [config.folder, *config.folder.rglob("*")]:
        path.chmod(path.stat().st_mode & 0o700)
    installation.within(lambda: record_heartbeat("here:1", started_at=NOW, at=NOW))
    backup = config.folder.parent / "backup"
    installation.within(lambda: take_backup(backup, config, tell=lambda _line: None, at=NOW))
    for name in ("LMS_SECRET_KEY", "LMS_SIGNING_PASSWORD", "LMS_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    return installation


def findings(installation: Installation, *, is_quick: bool = False) -> list[Finding]:
    context = CheckContext(installation.config, NOW + timedelta(seconds=30), is_quick=is_quick)
    return installation.within(lambda: list(check(context)))


def wrong(installation: Installation, *, is_quick: bool = False) -> list[tuple[Level, str]]:
    """What is wrong, by level and subject; each says what to do."""
    bad_findings = [finding for finding in findings(installation, is_quick=is_quick) if finding.level is not Level.OK]
    assert [finding for finding in bad_findings if not finding.remedy] == []
    return [(finding.level, finding.about) for finding in bad_findings]


def test_nothing_is_found_where_nothing_is_wrong(healthy: Installation) -> None:
    assert wrong(healthy) == []
    assert {finding.about for finding in findings(healthy)} == {
        "schema", "settings", "permissions", "disk", "journal", "backup", "integrity", "references", "facts", "clock",
        "signing key", "certificates", "files", "tasks", "mail", "worker", "time zones", "database", "version", "video",
            "recordings", "processes", "fonts",
    }  # fmt: skip
    quick = {finding.about for finding in findings(healthy, is_quick=True)}
    assert {finding.about for finding in findings(healthy)} - quick == {"references", "facts", "certificates"}


def file_of(installation: Installation) -> Path:
    return min((installation.config.folder / "files" / "certificates").rglob("*.pdf"))


def write(statement: str) -> Callable[[Installation], None]:
    """Changes rows behind the product's back."""

    def run(installation: Installation) -> None:
        @action
        def execute() -> None:
            db.session.execute(text(statement))

        installation.within(execute)

    return run


def alter_file(installation: Installation) -> None:
    path = file_of(installation)
    path.write_bytes(path.read_bytes().replace(b"/Reason", b"/reason"))


def swap_files(installation: Installation) -> None:
    first_file, other, *_rest = sorted((installation.config.folder / "files" / "certificates").rglob("*.pdf"))
    first_file.write_bytes(other.read_bytes())


def withdraw_row(installation: Installation) -> None:
    @action
    def execute() -> None:
        row = db.session.scalars(select(Certificate)).first()
        assert row is not None
        row.state = CertificateState.WITHDRAWN

    installation.within(execute)


def swap_badges(installation: Installation) -> None:
    @action
    def execute() -> None:
        first_certificate, other, *_rest = db.session.scalars(select(Certificate))
        first_certificate.credential, other.credential = other.credential, first_certificate.credential

    installation.within(execute)


def late_work(installation: Installation) -> None:
    @action
    def execute() -> None:
        before = NOW - timedelta(hours=1)
        request_job("credit_lecture", {"lecture_id": 1}, by=SYSTEM, at=before)
        post_mail("confirm_name", address="a@example.org", payload={}, dedupe_key="late", at=before)

    installation.within(execute)


def old_worker(installation: Installation) -> None:
    installation.within(lambda: record_heartbeat("here:1", started_at=NOW, at=NOW - timedelta(minutes=5)))


def clock_of_worker(seconds: int) -> Callable[[Installation], None]:
    """A worker on another machine, whose heartbeat came so long after the moment of the installation."""

    def run(installation: Installation) -> None:
        at = NOW + timedelta(seconds=seconds)
        installation.within(lambda: remove_heartbeat("here:1"))
        installation.within(lambda: record_heartbeat("there:1", started_at=NOW, at=at))

    return run


def no_backup(installation: Installation) -> None:
    for path in installation.config.folder.rglob("last-backup.json"):
        path.unlink()


FAULT, WARNING = Level.FAULT, Level.WARNING
CASES: dict[str, tuple[Callable[[Installation], object], list[tuple[Level, str]]]] = {
    "altered file": (alter_file, [(FAULT, "certificates")]),
    "another's file": (swap_files, [(FAULT, "certificates")]),
    "file of a withdrawn one": (withdraw_row, [(FAULT, "certificates")]),
    "another's badge": (swap_badges, [(FAULT, "certificates"), (FAULT, "certificates")]),
    "file without a row": (
        lambda made: made.within(lambda: files.store("snapshots/0.pdf", b"x")),
        [(WARNING, "files")],
    ),
    "key gone": (
        lambda made: [path.unlink() for path in (made.config.folder / "keys").iterdir()],
        [(FAULT, "signing key")],
    ),
    "facts differ": (write("UPDATE credit SET present_ms = present_ms + 60000"), [(FAULT, "facts")]),
    "time ahead": (write("UPDATE audit_entry SET at = '2031-01-01 00:00:00+00:00'"), [(FAULT, "clock")]),
    "worker whose clock is ahead": (clock_of_worker(seconds=33), [(WARNING, "clock")]),
    "worker whose clock is far ahead": (clock_of_worker(seconds=63), [(FAULT, "clock")]),
    "worker whose clock is right": (clock_of_worker(seconds=31), []),
    "late work": (late_work, [(FAULT, "mail"), (FAULT, "worker")]),
    "failed task": (
        write(
            "INSERT INTO job (public_id, kind, arguments, state, done, total, created_at) "
            "VALUES ('j', 'credit_lecture', '{}', 'failed', 0, 0, '2026-11-26 06:00:00+00:00')"
        ),
        [(WARNING, "tasks")],
    ),
    "no worker": (write("DELETE FROM worker_heartbeat"), [(FAULT, "worker")]),
    "worker gone": (old_worker, [(FAULT, "worker")]),
    "older schema": (write("UPDATE alembic_version SET version_num = '5e0c7d92ab46'"), [(FAULT, "schema")]),
    "no mail server": (lambda made: setattr(made.config, "mail_url", "smtp://127.0.0.1:1"), [(FAULT, "mail")]),
    "http": (lambda made: setattr(made.config, "base_url", "http://lectures.example"), [(FAULT, "settings")]),
    "defaults": (
        lambda made: [
            setattr(made.config, name, value)
            for name, value in [("contact", "lectures@ministry.example"), ("mail_url", ""), ("proxies", 0)]
        ],
        [(WARNING, "settings")] * 3,
    ),
    "open folder": (lambda made: made.config.folder.chmod(0o755), [(FAULT, "permissions")]),
    "open key": (lambda made: (made.config.folder / "secret.key").chmod(0o644), [(FAULT, "permissions")]),
    "journal beside": (lambda made: setattr(made.config, "journal", ""), [(WARNING, "journal")]),
    "journal away": (
        lambda made: setattr(made.config, "journal", str(made.config.folder)),
        [(FAULT, "journal")],
    ),
    "another time zone database": (
        write("INSERT INTO time_zone_check (version, checked_at, moved) VALUES ('2023a', '2023-03-01 00:00:00', 0)"),
        [(WARNING, "time zones")],
    ),
    "no backup": (no_backup, [(WARNING, "backup")]),
}


@pytest.mark.long
@pytest.mark.parametrize("installation", ["sqlite"], indirect=True)
@pytest.mark.parametrize("case", CASES)
def test_a_fault_is_found(healthy: Installation, case: str) -> None:
    spoil, expected = CASES[case]
    spoil(healthy)
    assert wrong(healthy) == expected


@pytest.mark.parametrize("installation", ["sqlite"], indirect=True)
def test_missing_ffmpeg_is_found(healthy: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "find_ffmpeg", lambda: None)
    assert wrong(healthy) == [(WARNING, "video")]


@pytest.mark.parametrize("installation", ["sqlite"], indirect=True)
@pytest.mark.parametrize(("mode", "is_wide"), [(0o600, False), (0o640, False), (0o644, True), (0o660, True)])
def test_a_file_of_settings_or_of_a_secret_may_be_read_by_the_group_of_the_server(
    healthy: Installation, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, mode: int, is_wide: bool
) -> None:
    settings, secret = tmp_path / "serai.env", tmp_path / "secret"
    for path in (settings, secret):
        path.touch()
        path.chmod(mode)
    monkeypatch.setenv("LMS_CONFIG", str(settings))
    healthy.config.secret_files = (secret,)
    assert wrong(healthy) == [(FAULT, "permissions")] * 2 * is_wide


@pytest.mark.long
@pytest.mark.parametrize("installation", ["sqlite"], indirect=True)
def test_damage_and_lost_rows_are_found(healthy: Installation) -> None:
    def lose_a_row() -> None:
        with db.engine.connect() as connection:
            driver = connection.connection.driver_connection
            assert driver is not None
            driver.execute("PRAGMA foreign_keys=OFF")
            driver.execute("DELETE FROM series")
            driver.execute("PRAGMA foreign_keys=ON")

    root = select(text("rootpage")).select_from(text("sqlite_master")).where(text("name = 'ix_person_sort_name'"))
    page = healthy.within(lambda: db.session.scalar(root))
    healthy.within(lose_a_row)
    assert {(FAULT, "references")} <= set(wrong(healthy))
    healthy.close()
    database = healthy.config.folder / "serai.db"
    content = bytearray(database.read_bytes())
    content[4096 * (page - 1) : 4096 * page] = b"\xff" * 4096
    database.write_bytes(content)
    assert (FAULT, "integrity") in wrong(healthy)


@pytest.mark.present
@pytest.mark.parametrize("installation", ["postgresql"], indirect=True)
def test_an_index_that_is_not_valid_is_found(healthy: Installation) -> None:
    write("UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'ix_person_sort_name'::regclass")(healthy)
    assert wrong(healthy) == [(FAULT, "integrity")]


def test_a_mailbox_of_returned_mail_that_cannot_be_read_is_found(healthy: Installation) -> None:
    config = healthy.config
    config.bounce_url = address = "imaps://bounces:s3cr3t@mail.example/INBOX"
    name = MailboxAddress.of(address).digest
    assert wrong(healthy) == [(Level.WARNING, "returned mail")]
    healthy.within(lambda: claim(name, at=NOW))
    healthy.within(lambda: note_fault(name, MailboxFault.SIGN_IN, "refused", at=NOW))
    assert wrong(healthy) == [(Level.FAULT, "returned mail")]
    assert not any("s3cr3t" in f"{one.text} {one.remedy}" for one in findings(healthy))
    healthy.within(lambda: note_read(name, is_all=True, at=NOW))
    assert wrong(healthy) == []


@pytest.mark.present
@pytest.mark.parametrize("installation", ["postgresql"], indirect=True)
@pytest.mark.parametrize(("seconds", "level"), [(-5, WARNING), (5, WARNING), (40, FAULT)])
def test_a_clock_that_differs_from_the_database_servers_is_found(
    healthy: Installation, monkeypatch: pytest.MonkeyPatch, seconds: int, level: Level
) -> None:
    right = clock.now
    monkeypatch.setattr(clock, "now", lambda: right() + timedelta(seconds=seconds))
    assert (level, "clock") in wrong(healthy, is_quick=True)


def test_another_machine_knows_the_last_backup(healthy: Installation) -> None:
    (healthy.config.folder / "last-backup.json").unlink()
    assert (Level.OK, "backup") in [(finding.level, finding.about) for finding in findings(healthy, is_quick=True)]

"""Backing up and restoring: whole or refused, and what was done stays done."""

from __future__ import annotations

import fcntl
import json
import shutil
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from apiflask import APIFlask
from sqlalchemy import NullPool, create_engine, func, select, text

from lms.app import create_app
from lms.certificates.actions.changes import revoke, withdraw
from lms.certificates.models import Certificate, CertificateState
from lms.certificates.verification.file_verification import VerdictState, verdict_of_file
from lms.config import Config
from lms.core.background.jobs import Job, JobState, request_job
from lms.core.background.processes import record_heartbeat
from lms.core.base.errors import Refused
from lms.core.base.roles import SYSTEM, Role
from lms.core.database import schema
from lms.core.database.audit import record
from lms.core.database.session import action, db
from lms.core.storage import files, journal
from lms.mail.outbox import OutboxMail, post_mail
from lms.operations import manifest
from lms.operations import restore as restoring
from lms.operations.backup import Taken, take_backup
from lms.operations.checks import service
from lms.operations.checks.model import CheckContext, Level
from lms.operations.restore import Restored, restore
from lms.people.actions.access import disable_person, revoke_role
from lms.people.actions.privacy import erase_person
from lms.people.actions.sessions import begin_session
from lms.people.devices import Device
from lms.people.models import Account, ApiToken, Person, RoleGrant, SignInSession
from lms.reports import recount
from lms.reports.recounted_rows import RecountRows
from tests.factories import Make
from tests.later_migration import copy_with_later_migration, use_migrations
from tests.operations.conftest import NAMES, NOW, Installation, copied, empty_postgresql, settings

LATER = NOW + timedelta(hours=5)


def silent(_line: str) -> None:
    """Tells nobody how far it is."""


def backed_up(installation: Installation, folder: Path, since: Path | None = None) -> Taken:
    taken: Taken = installation.within(
        lambda: take_backup(folder, installation.config, since=since, tell=silent, at=NOW)
    )
    return taken


def restored(folder: Path, target: Config, extra_journal: Path | None = None) -> Restored:
    return restore(folder, target, create_app, extra_journal=extra_journal, tell=silent, at=LATER)


@pytest.fixture
def opened(target: Config) -> Iterator[Callable[[], Installation]]:
    """What was restored, as an installation."""
    made: list[Installation] = []

    def open_it() -> Installation:
        made.append(Installation(target, create_app(target)))
        return made[-1]

    yield open_it
    for installation in made:
        installation.close()


def pdfs(config: Config) -> list[Path]:
    return sorted((config.folder / "files" / "certificates").rglob("*.pdf"))


@pytest.mark.parametrize("installation", ["sqlite", "postgresql"], indirect=True)
def test_what_was_backed_up_is_there_again(
    installation: Installation, target: Config, opened: Callable[[], Installation], tmp_path: Path
) -> None:
    installation.within(lambda: files.store("exports/1.csv", b"personal"))
    installation.within(lambda: files.store("staged/enrolments/1-1", b"personal"))
    folder = tmp_path / "backup"
    taken = backed_up(installation, folder)
    names = {path.split("/")[0] for path in taken.manifest.files}
    assert names == {"secret.key", "keys", "files", "database.sqlite" if not target.database_url else "database.dump"}
    assert {path.split("/")[1] for path in taken.manifest.files if path.startswith("files/")} == {"certificates"}
    assert taken.manifest.figures["participants"] == len(NAMES)
    assert taken.manifest.figures["certificates"] == len(NAMES)
    assert taken.manifest.rows["certificate"] == len(NAMES)
    assert [path.name for path in tmp_path.iterdir() if "unfinished" in path.name] == []
    private = [folder, *(path for path in folder.rglob("*") if path.is_file())]
    assert [path for path in private if path.stat().st_mode & 0o077] == []

    done = restored(folder, target)
    assert (done.is_migrated, done.entries, done.unreadable) == (False, 0, 0)
    again = opened()

    def look() -> tuple[list[VerdictState], list[str]]:
        states = [verdict_of_file(path.read_bytes()).state for path in pdfs(target)]
        return states, recount.facts_differences(RecountRows("Asia/Shanghai"))

    assert again.within(look) == ([VerdictState.VALID] * len(NAMES), [])
    assert schema_of(again) is None
    assert not target.unfinished_restore.exists()
    assert (target.folder / "secret.key").read_text() == (installation.config.folder / "secret.key").read_text()
    assert not (target.folder / "files" / "exports").exists()


def schema_of(installation: Installation) -> str | None:
    return installation.within(schema.find_mismatch)


def test_files_that_have_not_changed_are_linked(installation: Installation, tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    backed_up(installation, first)
    installation.within(lambda: files.store("snapshots/new.pdf", b"new"))
    damaged, whole, *others = sorted(first.rglob("*.pdf"))
    damaged.write_bytes(b"damaged")
    taken = backed_up(installation, second, since=first)
    assert (taken.linked, taken.damaged) == (1 + len(others), [damaged.relative_to(first).as_posix()])
    assert (second / whole.relative_to(first)).samefile(whole)
    assert (second / damaged.relative_to(first)).read_bytes().startswith(b"%PDF")
    assert (second / "files" / "snapshots" / "new.pdf").read_bytes() == b"new"
    assert taken.manifest.files == {path: manifest.digest(second / path) for path in taken.manifest.files}


@pytest.mark.long
def test_a_file_that_is_deleted_while_it_is_backed_up_is_left_out(
    installation: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = manifest.files_in

    def with_one_that_goes(folder: Path) -> Iterator[str]:
        yield from names(folder)
        if folder.name == "files":
            yield "certificates/gone.pdf"

    monkeypatch.setattr(manifest, "files_in", with_one_that_goes)
    taken = backed_up(installation, tmp_path / "backup")
    assert [path for path in taken.manifest.files if "gone" in path] == []
    assert [path for path in (tmp_path / "backup").rglob("*") if "gone" in path.name] == []


def test_what_was_erased_and_revoked_since_stays_so(
    installation: Installation, target: Config, opened: Callable[[], Installation], tmp_path: Path
) -> None:
    make = Make(installation.app)
    reporter = make.person("Rono Kiprop", email="rono@example.org", roles=["reporter"])
    disabled = make.person("Lin Yuhan", email="lin@example.org", password="correct horse battery")
    folder = tmp_path / "backup"
    backed_up(installation, folder)

    def since() -> None:
        erase_person(
            installation.people[0],
            confirmation="guest0@example.org",
            withdraw_certificates=True,
            by=SYSTEM,
            at=NOW + timedelta(hours=1),
        )
        revoke(installation.numbers[1], reason="Issued by mistake", by=SYSTEM, at=NOW + timedelta(hours=2))
        withdraw(installation.numbers[2], by=SYSTEM, at=NOW + timedelta(hours=3))
        grant = db.session.scalars(select(RoleGrant.id).where(RoleGrant.person_id == reporter.id)).one()
        revoke_role(reporter.public_id, grant, by=SYSTEM, at=NOW + timedelta(hours=3))
        disable_person(disabled.public_id, by=SYSTEM, at=NOW + timedelta(hours=3))

    installation.within(since)
    journal_file = installation.config.journal_file
    assert "guest" not in journal_file.read_text()
    assert "Achieng" not in journal_file.read_text()
    assert "mistake" not in journal_file.read_text()
    done = restored(folder, target, extra_journal=journal_file)
    assert done.replayed == {
        "erase_person": 1,
        "revoke_certificate": 1,
        "withdraw_certificate": 1,
        "revoke_role": 1,
        "disable_person": 1,
    }
    assert done.entries == 5

    def look() -> None:
        erased = db.session.scalars(select(Person).where(Person.public_id == installation.people[0])).one()
        assert (erased.full_name, erased.erased_at) == ("", NOW + timedelta(hours=1))
        states = dict(db.session.execute(select(Certificate.number, Certificate.state)).all())
        ended = [CertificateState.WITHDRAWN, CertificateState.REVOKED, CertificateState.WITHDRAWN]
        assert [states[number] for number in installation.numbers] == [*ended, CertificateState.VALID]
        held = select(RoleGrant.role).where(RoleGrant.revoked_at.is_(None))
        assert list(db.session.scalars(held)) == []
        assert db.session.get_one(Account, disabled.id).disabled_at == NOW + timedelta(hours=3)
        assert recount.facts_differences(RecountRows("Asia/Shanghai")) == []

    opened().within(look)
    # Whoever restores the same backup a second time needs no other journal
    assert {entry.what for entry in journal.read(target.journal_file).entries} == set(done.replayed)


@pytest.mark.long
def test_a_role_that_was_given_again_before_the_backup_holds_on(
    installation: Installation, target: Config, opened: Callable[[], Installation], tmp_path: Path
) -> None:
    make = Make(installation.app)
    reporter = make.person("Rono Kiprop", email="rono@example.org", roles=["reporter"])

    def twice() -> None:
        from lms.people.actions.access import grant_role

        grant = db.session.scalars(select(RoleGrant.id).where(RoleGrant.person_id == reporter.id)).one()
        revoke_role(reporter.public_id, grant, by=SYSTEM, at=NOW - timedelta(hours=2))
        grant_role(reporter.public_id, Role.REPORTER, by=SYSTEM, at=NOW - timedelta(hours=1))

    installation.within(twice)
    backed_up(installation, tmp_path / "backup")
    done = restored(tmp_path / "backup", target)
    assert (done.entries, done.replayed) == (1, {"revoke_role": 0})
    held = select(RoleGrant.role).where(RoleGrant.revoked_at.is_(None))
    assert opened().within(lambda: list(db.session.scalars(held))) == [Role.REPORTER]


@action
def change_something(*, at: datetime) -> None:
    """A change that is recorded as any other."""
    record("end_role", by=SYSTEM, at=at)


@pytest.mark.long
def test_nothing_is_done_again(
    installation: Installation, target: Config, opened: Callable[[], Installation], tmp_path: Path
) -> None:
    make = Make(installation.app)
    person = make.person("Rono Kiprop", email="rono@example.org", password="correct horse battery")
    make.token(person)
    installation.within(lambda: begin_session(person.id, Device("Firefox", "Linux"), lasts=timedelta(days=30), at=NOW))

    @action
    def under_way() -> None:
        payload = {"full_name": "Rono", "secret": "s3cret"}
        for key, due in (("due", NOW), ("later", LATER + timedelta(days=1))):
            post_mail("confirm_name", address="rono@example.org", payload=payload, dedupe_key=key, at=due)
        request_job("issue_certificates", {"series_id": 1}, by=SYSTEM, at=NOW)
        request_job("credit_lecture", {"lecture_id": 1}, by=SYSTEM, at=NOW)

    installation.within(under_way)
    installation.within(lambda: record_heartbeat("there:1", started_at=NOW, at=LATER))
    backed_up(installation, tmp_path / "backup")
    done = restored(tmp_path / "backup", target)
    assert (done.stopped.jobs, done.stopped.sessions, done.stopped.tokens) == (1, 1, 1)

    def look() -> None:
        mails = {mail.dedupe_key: mail for mail in db.session.scalars(select(OutboxMail))}
        assert (mails["due"].error, mails["due"].payload) == ("restored", {"full_name": "Rono"})
        assert (mails["later"].error, mails["later"].payload["secret"]) == (None, "s3cret")
        states = dict(db.session.execute(select(Job.kind, Job.state).where(Job.created_at == NOW)).all())
        assert states == {"issue_certificates": JobState.FAILED, "credit_lecture": JobState.QUEUED}
        assert list(db.session.scalars(select(SignInSession.ended_at))) == [LATER]
        assert list(db.session.scalars(select(ApiToken.revoked_at))) == [LATER]

    copy = opened()
    copy.within(look)

    def findings() -> list[tuple[Level, str]]:
        context = CheckContext(target, LATER + timedelta(hours=1))
        rows = copy.within(lambda: [*service.check_worker(context), *service.check_mail_queue(context)])
        return [(finding.level, finding.about) for finding in rows]

    assert findings() == [(Level.WARNING, "worker"), (Level.OK, "mail")]
    copy.within(lambda: change_something(at=LATER + timedelta(minutes=1)))
    assert findings() == [(Level.FAULT, "worker"), (Level.FAULT, "worker"), (Level.OK, "mail")]


def test_what_is_not_empty_is_left_alone(installation: Installation, target: Config, tmp_path: Path) -> None:
    folder = tmp_path / "backup"
    backed_up(installation, folder)
    with pytest.raises(Refused, match="is not empty"):
        restored(folder, installation.config)
    if target.database_url:
        other = settings(tmp_path / "elsewhere", installation.config.database_url)
        with pytest.raises(Refused, match="already has tables"):
            restored(folder, other)
        assert not other.folder.exists()
    assert installation.within(lambda: db.session.scalar(select(func.count()).select_from(Certificate))) == len(NAMES)


@pytest.mark.long
def test_a_restore_that_ends_after_the_database_is_back_can_be_run_again(
    installation: Installation,
    target: Config,
    opened: Callable[[], Installation],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder = tmp_path / "backup"
    backed_up(installation, folder)

    def ends(*_args: object, **_options: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(restoring, "stop_what_was_under_way", ends)
        with pytest.raises(KeyboardInterrupt):
            restored(folder, target)
    assert target.unfinished_restore.exists()
    restored(folder, target)
    assert not target.unfinished_restore.exists()
    assert schema_of(opened()) is None


@pytest.mark.long
@pytest.mark.parametrize("finishes", [False, True])
def test_a_restore_waits_for_another_into_the_same_place(
    installation: Installation, target: Config, tmp_path: Path, *, finishes: bool
) -> None:
    folder = tmp_path / "backup"
    backed_up(installation, folder)
    target.make_folder()
    waits = threading.Event()
    with ThreadPoolExecutor(1) as pool, target.unfinished_restore.open("w") as mark:
        fcntl.flock(mark, fcntl.LOCK_EX)

        def tell(line: str) -> None:
            if "Waiting" in line:
                waits.set()

        running = pool.submit(restore, folder, target, create_app, tell=tell, at=LATER)
        assert waits.wait(timeout=60)
        assert sorted(path.name for path in target.folder.iterdir()) == [target.unfinished_restore.name]
        if finishes:
            (target.folder / "secret.key").touch()
            target.unfinished_restore.unlink()
        fcntl.flock(mark, fcntl.LOCK_UN)
        if finishes:
            with pytest.raises(Refused, match="is not empty"):
                running.result()
        else:
            assert running.result().manifest.figures["certificates"] == len(NAMES)


def test_what_pg_restore_could_not_do_is_said_and_can_be_mended(
    postgresql_model: Installation, postgresql_url: str, tmp_path: Path
) -> None:
    folder = tmp_path / "backup"
    with empty_postgresql(postgresql_url, "hindering", template="model") as url:
        installation = copied(postgresql_model, tmp_path / "data", url)
        backed_up(installation, folder)
        installation.close()
    with empty_postgresql(postgresql_url, "hindered") as url:
        target = settings(tmp_path / "restored", url)
        engine = create_engine(url, poolclass=NullPool)
        with engine.begin() as connection:
            connection.execute(text("CREATE TYPE certificate AS ENUM ('no')"))
        with pytest.raises(Refused, match=r"^pg_restore failed: could not .*ERROR: .*certificate.* already exists"):
            restored(folder, target)
        with engine.begin() as connection:
            connection.execute(text("DROP TYPE certificate"))
        assert restored(folder, target).manifest.figures["certificates"] == len(NAMES)


# One kind of database is enough for these


@pytest.fixture(scope="module")
def backup(sqlite_model: Installation, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Installation, Path]]:
    """An installation on SQLite and its backup, not to be changed."""
    place = tmp_path_factory.mktemp("kept")
    made = copied(sqlite_model, place / "data")
    backed_up(made, place / "backup")
    yield made, place / "backup"
    made.close()


@pytest.fixture
def place(tmp_path: Path) -> Config:
    return settings(tmp_path / "restored")


def rewritten(folder: Path, **changed: object) -> None:
    """Changes a manifest as somebody who can make checksums would."""
    path = folder / manifest.NAME
    content = json.loads(path.read_text()) | changed
    content.pop("checksum")
    path.write_text(json.dumps(content | {"checksum": manifest._checksum(content)}))


def first_pdf(folder: Path) -> Path:
    return min(folder.rglob("*.pdf"))


FAULTS: dict[str, tuple[Callable[[Path], object], str]] = {
    "no manifest": (lambda folder: (folder / manifest.NAME).unlink(), "is not a complete backup"),
    "cut manifest": (lambda folder: (folder / manifest.NAME).write_text("{"), "manifest of .* is damaged"),
    "changed manifest": (
        lambda folder: (folder / manifest.NAME).write_text(
            (folder / manifest.NAME).read_text().replace('"size": ', '"size": 1')
        ),
        "manifest of .* is damaged",
    ),
    "newer format": (lambda folder: rewritten(folder, format=2), "written by a newer version"),
    "retired schema": (lambda folder: rewritten(folder, revision="8f40d2b6e1c5"), "is from before 29 November 2026"),
    "newer schema": (lambda folder: rewritten(folder, revision="f00d"), "taken with a newer version of Serai"),
    "another database": (lambda folder: rewritten(folder, database="postgresql"), "Use an empty database of the same"),
    "another zone": (lambda folder: rewritten(folder, reporting_zone="Asia/Tokyo"), "Set LMS_REPORTING_ZONE"),
    "a path outside": (
        lambda folder: rewritten(folder, files={"../../evil": {"size": 0, "sha256": ""}}),
        "manifest of .* is damaged",
    ),
    "missing file": (lambda folder: first_pdf(folder).unlink(), "has no files/certificates"),
    "damaged file": (lambda folder: first_pdf(folder).write_bytes(b"%PDF"), "files/certificates/.* is damaged"),
    "damaged database": (lambda folder: (folder / "database.sqlite").write_bytes(b"x"), "database.sqlite .* damaged"),
    "extra file": (
        lambda folder: (folder / "files" / "extra").write_bytes(b"x"),
        "is not in its manifest: files/extra",
    ),
    "a link out": (
        lambda folder: (first_pdf(folder).rename(folder.parent / "moved"), first_pdf_link(folder)),
        "lacks files|is damaged",
    ),
}


def first_pdf_link(folder: Path) -> None:
    moved = folder.parent / "moved"
    name = next(path for path in manifest.read(folder).files if not (folder / path).exists())
    (folder / name).symlink_to(moved)


@pytest.mark.long
@pytest.mark.parametrize("fault", FAULTS)
def test_a_backup_that_is_not_as_it_was_is_refused(
    backup: tuple[Installation, Path], place: Config, tmp_path: Path, fault: str
) -> None:
    folder = tmp_path / "backup"
    shutil.copytree(backup[1], folder)
    spoil, message = FAULTS[fault]
    spoil(folder)
    with pytest.raises(Refused, match=message):
        restored(folder, place)
    assert not place.folder.exists()


@pytest.mark.long
def test_a_backup_of_an_older_version_is_migrated(
    backup: tuple[Installation, Path], place: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    migrations = copy_with_later_migration(tmp_path, monkeypatch)

    def later_version(config: Config) -> APIFlask:
        return use_migrations(create_app(config), migrations)

    done = restore(backup[1], place, later_version, tell=silent, at=LATER)
    assert done.is_migrated
    made = Installation(place, later_version(place))
    assert schema_of(made) is None
    made.close()


@pytest.mark.long
def test_the_figures_are_compared(backup: tuple[Installation, Path], place: Config, tmp_path: Path) -> None:
    folder = tmp_path / "backup"
    shutil.copytree(backup[1], folder)
    figures = json.loads((folder / manifest.NAME).read_text())["figures"] | {"participants": 5}
    rewritten(folder, figures=figures)
    with pytest.raises(Refused, match="in its figures: participants is 4, not 5"):
        restored(folder, place)
    # It can be seen that it was not finished, and tried again with another backup
    with pytest.raises(Refused, match="was not finished"):
        schema.check(place)
    restored(backup[1], place)
    schema.check(place)


@pytest.mark.long
@pytest.mark.parametrize(
    ("where", "message"),
    [("backup", "already exists"), ("data/backup", "outside the data folder")],
)
def test_a_folder_that_does_not_fit_is_refused(backup: tuple[Installation, Path], where: str, message: str) -> None:
    made, folder = backup
    with pytest.raises(Refused, match=message):
        backed_up(made, folder.parent / where)


def test_the_journal_is_written_before_the_commit_and_voided_where_that_fails(
    backup: tuple[Installation, Path], tmp_path: Path
) -> None:
    made, _folder = backup
    path = tmp_path / "journal.jsonl"
    made.config.journal = str(path)

    @action
    def fails() -> None:
        journal.record("revoke_certificate", at=NOW, number="X")
        db.session.execute(text("PRAGMA defer_foreign_keys=ON"))
        db.session.execute(text("INSERT INTO role_grant (person_id, role, granted_at) VALUES (999, 'reporter', '')"))

    with pytest.raises(Exception, match="FOREIGN KEY"):
        made.within(fails)
    assert len(path.read_text().splitlines()) == 2
    assert journal.read(path) == journal.Journal()

    @action
    def refused() -> None:
        journal.record("revoke_certificate", at=NOW, number="X")
        raise Refused("no")

    with pytest.raises(Refused):
        made.within(refused)
    assert len(path.read_text().splitlines()) == 2

    with path.open("a") as file:
        file.write('{"id": "cut off')

    @action
    def holds() -> None:
        journal.record("revoke_certificate", at=NOW, number="Y")

    made.within(holds)
    entries = journal.read(path)
    assert ([entry.ids for entry in entries.entries], entries.unreadable) == ([{"number": "Y"}], 1)
    made.config.journal = str(tmp_path)  # a folder: it cannot be written
    with pytest.raises(OSError, match="Is a directory"):
        made.within(holds)
    made.config.journal = ""

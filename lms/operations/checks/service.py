"""Checks of the server: mail, disk, worker, settings, permissions, journal and backups."""

import os
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from platform import python_version
from urllib.parse import urlsplit

from babel import Locale
from sqlalchemy import func, select

from lms.catalogue.actions.time_zones import find_shifts, last_version
from lms.config import SETTINGS, Config
from lms.core.background import recurring
from lms.core.background.jobs import AWAY, Job, JobState
from lms.core.background.processes import is_worker_alive, worker_last_seen
from lms.core.base import engines
from lms.core.database.session import db
from lms.core.storage import journal
from lms.core.storage.last_backup import find_last_backup
from lms.core.storage.programs import find_ffmpeg
from lms.core.text.i18n import english as _
from lms.core.text.i18n import english_n as _n
from lms.core.text.i18n import find_translated
from lms.core.text.typesetting import can_draw
from lms.core.time import clock, zones
from lms.dashboards.queries.administration import failed_jobs
from lms.dashboards.queries.operation import measure_database, read_mail_queue, read_task_queue
from lms.mail import rendering
from lms.mail.bounce_mailbox import MailboxAddress, mailbox_state
from lms.mail.outbox import MailState, OutboxMail
from lms.operations.aftermath import is_unchanged_since_restore
from lms.operations.checks.model import CheckContext, Finding, fault, ok, warning
from lms.recordings.queries import measure_recordings
from lms.version import build_version

LATE = timedelta(minutes=15)
"""Work that is due for so long waits for a worker that does not do it."""
OLD_BACKUP = timedelta(days=2)
_MB, _GB = 1_000_000, 1_000_000_000
_LITTLE, _TOO_LITTLE = 2_000 * _MB, 200 * _MB
SLOW_DATABASE = 1.0
"""Seconds after which an answer of the database is late."""
_LOCAL = {"localhost", "127.0.0.1", "::1"}


def written_size(size: int) -> str:
    """A number of bytes as people read it."""
    return f"{size / _GB:,.1f} GB" if size >= _GB else f"{size / _MB:,.1f} MB"


def written_time(moment: datetime) -> str:
    """An instant as people read it, in UTC."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def check_fonts(_context: CheckContext) -> Iterator[Finding]:
    """Whether certificates and reports can be set in each language of the site, and names in Chinese characters."""
    lacking = [language for language in sorted({*find_translated(), "zh"}) if not can_draw(language)]
    names = ", ".join(Locale.parse(language).english_name or language for language in lacking)
    if lacking:
        remedy = _("Install the large fonts (`make fonts`), or name a folder of fonts in LMS_FONTS. Until then, "
                   "reports are in English, and certificates with such names are not issued.")  # fmt: skip
        yield warning(_("fonts"), _("none for: %(languages)s", languages=names), remedy)
    else:
        yield ok(_("fonts"), _("for all languages"))


def check_mail_server(context: CheckContext) -> Iterator[Finding]:
    """Whether the mail server answers. Nothing is sent."""
    try:
        rendering.probe(context.config)
    except OSError as error:  # smtplib's errors are OSErrors too
        reason = _("no answer: %(error)s", error=error.strerror or error)
        yield fault(_("mail"), reason, _("Check LMS_MAIL_URL, the mail server and the network."))
    else:
        yield ok(_("mail"), _("the server answers") if context.config.mail_url else _("is written to files"))


def check_mail_queue(context: CheckContext) -> Iterator[Finding]:
    """Whether mail waits or was given up."""
    queue = read_mail_queue(at=context.at)
    waiting = (
        OutboxMail.state == MailState.QUEUED,
        OutboxMail.created_at < context.at - LATE,
    )
    late = db.session.scalar(select(func.count()).where(*waiting, OutboxMail.due_at < context.at - LATE)) or 0
    refused = db.session.scalar(select(func.count()).where(*waiting, OutboxMail.error.is_not(None))) or 0
    db.session.rollback()
    yield ok(
        _("mail"),
        _n(
            "%(num)s e-mail was sent in the last hour",
            "%(num)s e-mails were sent in the last hour",
            queue.sent_last_hour,
        ),
    )
    if late:
        message = _n("%(num)s e-mail is waiting to be sent", "%(num)s e-mails are waiting to be sent", late)
        yield fault(_("mail"), message, _("Check the log of `lms worker`."))
    if refused:
        message = _n("%(num)s e-mail could not be sent yet", "%(num)s e-mails could not be sent yet", refused)
        yield warning(_("mail"), message, _("It will be tried again. The page Mail has the reason of each."))


def check_returned_mail(context: CheckContext) -> Iterator[Finding]:
    """Whether the mailbox for returned mail could be read when a worker last tried."""
    if not context.config.bounce_url:
        return
    row = mailbox_state(MailboxAddress.of(context.config.bounce_url).digest)
    db.session.rollback()
    if row is None:
        yield warning(_("returned mail"), _("the mailbox was not read yet"), _("Start `lms worker`."))
    elif row.fault is not None:
        message = _("the mailbox cannot be read: %(error)s", error=f"{row.fault} {row.error}".strip())
        yield fault(_("returned mail"), message, _("Check LMS_BOUNCE_URL, the mail server and the network."))
    else:
        yield ok(_("returned mail"), _("the mailbox can be read"))


def check_disk(context: CheckContext) -> Iterator[Finding]:
    """Whether there is room on the disk of the data folder."""
    disk = shutil.disk_usage(context.config.folder)
    free = disk.free
    message = _("%(free)s of %(size)s are free", free=written_size(free), size=written_size(disk.total))
    remedy = _("Free up space, or move the data folder to a larger disk.")
    if free < _TOO_LITTLE:
        yield fault(_("disk"), message, remedy)
    elif free < _LITTLE:
        yield warning(_("disk"), message, remedy)
    else:
        yield ok(_("disk"), message)


def check_ffmpeg(_context: CheckContext) -> Iterator[Finding]:
    """Whether lectures can be given and recorded in the browser."""
    if find_ffmpeg() is None:
        remedy = _("Install ffmpeg from the packages of your system. Lectures in an outside meeting do not need it.")
        yield warning(_("video"), _("ffmpeg is not installed"), remedy)
    else:
        yield ok(_("video"), _("ffmpeg is installed"))


def check_engines(_context: CheckContext) -> Iterator[Finding]:
    """Whether each optional engine that a setting names answers."""
    for engine in engines.engines():
        state = engine.state()
        if state.is_up:
            yield ok(str(engine.title), _("answers"))
            continue
        report = fault if engine.is_essential else warning
        message = _("no answer: %(error)s", error=state.error)
        yield report(str(engine.title), f"{message}. {engine.without}", str(engine.remedy))


def check_recordings(_context: CheckContext) -> Iterator[Finding]:
    """How many recordings there are, how large they are, and how many are deleted soon."""
    count, size, going = measure_recordings(at=clock.now())
    message = _n("%(num)s recording, %(size)s", "%(num)s recordings, %(size)s", count, size=written_size(size))
    if going:
        message += "; " + _n("%(num)s is deleted within two weeks", "%(num)s are deleted within two weeks", going)
    yield ok(_("recordings"), message)


def check_database(_context: CheckContext) -> Iterator[Finding]:
    """How large the database is, and whether it answers at once."""
    seconds, size = measure_database()
    db.session.rollback()
    if seconds > SLOW_DATABASE:
        message = _("it takes %(seconds)s seconds to answer", seconds=f"{seconds:.1f}")
        yield warning(_("database"), message, _("Check the load of the machine and of the database server."))
    else:
        yield ok(_("database"), _("%(size)s, answers at once", size=written_size(size)))


def check_tasks(context: CheckContext) -> Iterator[Finding]:
    """Whether tasks in the background failed in the last 30 days, without a later success."""
    failed = len(failed_jobs(at=context.at))
    queue = read_task_queue()
    db.session.rollback()
    if failed:
        message = _n("%(num)s task failed", "%(num)s tasks failed", failed)
        yield warning(_("tasks"), message, _("The page Status has the reason of each, and what to do."))
    else:
        yield ok(_("tasks"), _("none failed in the last 30 days"))
    waiting = queue.counts[JobState.QUEUED]
    yield ok(_("tasks"), _n("%(num)s task waits or is planned", "%(num)s tasks wait or are planned", waiting))


def check_version(_context: CheckContext) -> Iterator[Finding]:
    """Which version runs."""
    yield ok(
        _("version"), _("Serai %(version)s on Python %(python)s", version=build_version(), python=python_version())
    )


def check_worker(context: CheckContext) -> Iterator[Finding]:
    """Whether a worker is alive and does what is due. On a copy that was just restored, it need not run yet."""
    remedy = _("Start `lms worker`; on SQLite `lms serve` runs it.")
    seen = worker_last_seen()
    late = select(func.count()).where(
        Job.state == JobState.QUEUED, func.coalesce(Job.due_at, Job.created_at) < context.at - LATE
    )
    waiting = db.session.scalar(late) or 0
    is_alive = is_worker_alive(at=context.at)
    is_unused_copy = seen is None and is_unchanged_since_restore()
    db.session.rollback()
    if is_unused_copy:
        yield warning(_("worker"), _("none is running yet on this restored copy"), remedy)
        return
    if is_alive:
        yield ok(_("worker"), _("one is running"))
    elif seen is None:
        yield fault(_("worker"), _("none is running"), remedy)
    else:
        yield fault(_("worker"), _("last seen %(time)s", time=written_time(seen)), remedy)
    if waiting:
        message = _n("%(num)s job waits", "%(num)s jobs wait", waiting)
        yield fault(_("worker"), message, _("Check the log of `lms worker`."))


def check_recurring(context: CheckContext) -> Iterator[Finding]:
    """Whether what recurs, such as reminders, runs and succeeds."""
    runs, tasks = recurring.list_runs(), recurring.list_tasks()
    about, is_fine = _("tasks"), True
    for task in tasks:
        run = runs.get(task.name)
        if run is not None and run.failures:
            report = fault if run.failures >= recurring.OFTEN else warning
            message = _n("%(task)s failed %(num)s time, last at %(time)s: %(error)s",
                         "%(task)s failed %(num)s times in a row, last at %(time)s: %(error)s", run.failures,
                         task=task.name, time=written_time(run.failed_at or run.ran_at), error=run.error)  # fmt: skip
            remedy = _("Check the storage.") if run.error == AWAY else _("Check the log of `lms worker`.")
        elif run is not None and recurring.is_late(task, run, at=context.at) and is_worker_alive(at=context.at):
            report, remedy = warning, _("Check the log of `lms worker`.")
            message = _("%(task)s last ended at %(time)s", task=task.name, time=written_time(run.ran_at))
        else:
            continue
        is_fine = False
        yield report(about, message, remedy)
    db.session.rollback()
    if is_fine:
        yield ok(about, _n("%(num)s recurring task, no failure", "%(num)s recurring tasks, no failure", len(tasks)))


def check_time_zones(context: CheckContext) -> Iterator[Finding]:
    """Whether lectures to come were computed with the time zone database that is installed now."""
    version, last, moved = zones.version(), last_version(), len(find_shifts(at=context.at))
    db.session.rollback()
    remedy = _("Run `lms timezones check`.")
    if moved:
        message = _n("%(num)s lecture to come has another time", "%(num)s lectures to come have another time", moved)
        yield warning(_("time zones"), f"{version}: {message}", remedy)
    elif last not in (None, version):
        message = _("now %(version)s, lectures were checked with %(last)s", version=version, last=last)
        yield warning(_("time zones"), message, remedy)
    else:
        yield ok(_("time zones"), _("%(version)s, no lecture to come has another time", version=version))


def check_settings(context: CheckContext) -> Iterator[Finding]:
    """Settings that are unsafe for people who really use the site."""
    unsafe = list(_unsafe(context.config))
    yield from unsafe
    if not unsafe:
        yield ok(_("settings"), _("nothing unsafe"))


def _unsafe(config: Config) -> Iterator[Finding]:
    if config.is_demonstration:
        message = _("this is a demonstration: everyone knows the password of its accounts")
        yield warning(_("settings"), message, _("Use another data folder for real data."))
    address = urlsplit(config.base_url)
    if address.scheme != "https":
        report = warning if address.hostname in _LOCAL else fault
        remedy = _("Put a TLS proxy in front and set LMS_BASE_URL to the https address.")
        yield report(_("settings"), _("LMS_BASE_URL is %(url)s", url=config.base_url), remedy)
    elif not config.proxies:
        message = _("LMS_PROXIES is 0: all visitors appear to come from the proxy and share its limits")
        yield warning(_("settings"), message, _("Set LMS_PROXIES=1 behind one proxy."))
    if config.contact == _default("CONTACT"):
        remedy = _("Set LMS_CONTACT to an e-mail address that someone reads.")
        yield warning(_("settings"), _("LMS_CONTACT is %(contact)s", contact=config.contact), remedy)
    if not config.mail_url and not config.is_demonstration:
        remedy = _("Set LMS_MAIL_URL to the mail server.")
        yield warning(_("settings"), _("LMS_MAIL_URL is empty: no e-mails are sent"), remedy)
    for name in ("LMS_SECRET_KEY", "LMS_SIGNING_PASSWORD"):
        if os.environ.get(name):
            message = _("%(name)s is in the environment, where other processes of this user can read it", name=name)
            yield warning(_("settings"), message, _("Put it in the file that LMS_CONFIG names, with mode 0600."))
    if not config.staff_needs_second_factor:
        message = _("staff can sign in without a second factor")
        yield warning(_("settings"), message, _("Set LMS_STAFF_SECOND_FACTOR=on."))


def _default(name: str) -> str:
    return next(setting.default for setting in SETTINGS if setting.name == name)


def check_permissions(context: CheckContext) -> Iterator[Finding]:
    """Whether anybody but the user of the server can read what is private."""
    config = context.config
    private = [config.folder, config.folder / "secret.key", *(config.folder / "keys").glob("*")]
    if config.sqlite_file is not None:
        private.append(config.sqlite_file)
    named = [Path(path) for path in (os.environ.get("LMS_CONFIG"), config.signing_key, *config.secret_files) if path]
    # What root keeps for the server, the server reads as its group
    allowed = dict.fromkeys(named, 416) | dict.fromkeys(private, 448)
    wide = [path for path, most in allowed.items() if path.exists() and path.stat().st_mode & 0o077 & ~most]
    for path in wide:
        remedy = _("Run `chmod -R %(change)s %(path)s`.", change="go=" if path in private else "g-w,o=", path=path)
        report = fault if path != config.folder or path.stat().st_mode & 0o007 else warning
        yield report(_("permissions"), _("others can read %(path)s", path=path), remedy)
    if not wide:
        yield ok(_("permissions"), _("the data folder is private"))


def check_journal(context: CheckContext) -> Iterator[Finding]:
    """Whether the journal can be read and written, and is on another disk than the database."""
    if context.config.is_journal_stored:
        yield from _check_stored_journal(context.config)
        return
    path = context.config.journal_file
    try:
        entries = journal.read(path)
        if path.exists():
            path.open("ab").close()
    except OSError as error:
        message = _("%(path)s: %(error)s", path=path, error=error.strerror)
        yield fault(_("journal"), message, _("No one can be erased until it is writable."))
        return
    if entries.unreadable:
        message = _n("%(num)s line cannot be read", "%(num)s lines cannot be read", entries.unreadable)
        yield warning(_("journal"), message, _("Compare %(path)s with the journal of the last backup.", path=path))
    if not context.config.journal and not context.config.is_demonstration:
        message = _("it is on the same disk as the database: if that disk is lost, so is the journal")
        yield warning(_("journal"), message, _("Set LMS_JOURNAL to a file on another disk."))
    else:
        yield ok(_("journal"), _n("%(num)s entry", "%(num)s entries", len(entries.entries)))


def _check_stored_journal(config: Config) -> Iterator[Finding]:
    """Whether object storage has the journal. Its entries are counted and not read: there may be many."""
    place = journal.place_of(config)
    assert isinstance(place, journal.StoredJournal)
    try:
        count = sum(1 for _file in place.store.listed(""))
    except OSError as error:
        remedy = _("Check LMS_JOURNAL and the storage. No one can be erased until it answers.")
        yield fault(_("journal"), _("no answer: %(error)s", error=error), remedy)
    else:
        yield ok(_("journal"), _n("%(num)s entry", "%(num)s entries", count))


def check_backup(context: CheckContext) -> Iterator[Finding]:
    """Whether the last backup is recent."""
    if context.config.is_demonstration:
        return
    remedy = _("Run `lms backup FOLDER` every day, and check the timer's log.")
    last = find_last_backup(context.config)
    if last is None:
        yield warning(_("backup"), _("there is none yet"), remedy)
        return
    message = _("%(time)s, in %(folder)s", time=written_time(last.taken_at), folder=last.folder)
    if context.at - last.taken_at > OLD_BACKUP:
        yield warning(_("backup"), _("the latest is old: %(backup)s", backup=message), remedy)
    else:
        yield ok(_("backup"), message)

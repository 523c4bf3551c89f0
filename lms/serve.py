"""Production server: gunicorn's web processes, a worker for jobs and mail, and the packager of lectures.

Work waits in the database (`core.jobs`, `mail.outbox`, `streaming`). The packager looks for it every half second, the
worker too on SQLite; on PostgreSQL, signals wake it (`core.signals`).
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from ipaddress import ip_address
from math import inf
from pathlib import Path
from typing import Any, Final

import structlog
from flask import Flask
from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter
from sqlalchemy.exc import DBAPIError

from lms.app import create_app, settle
from lms.attendance.actions.reminders import post_due_reminders
from lms.attendance.actions.replays import credit_due_replays
from lms.certificates.actions.bundles import drop_old_bundles
from lms.certificates.actions.requirements import post_grown_requirements
from lms.config import Config
from lms.core import clock, files, instruments, jobs, leases, logs, process_heartbeats, schema, signals, tracing
from lms.core.db import db
from lms.core.errors import Refused
from lms.core.file_deletions import delete_waiting
from lms.core.instruments import FOLDER_VARIABLE
from lms.core.locked_folders import abandoned_folders, locked_folder, remove_abandoned
from lms.core.process_heartbeats import ProcessKind
from lms.core.process_names import process_name
from lms.core.staged import drop_old_files
from lms.dashboards.digests import post_due_digests
from lms.enrolment.invitations import invite_due
from lms.enrolment.quotas import release_lapsed
from lms.mail import bounce_mailbox, rendering, sending
from lms.mail.kinds import PRIORITIES
from lms.materials.actions import scan_waiting_files
from lms.materials.resumable_uploads import drop_old_uploads
from lms.messages.actions import send_due_messages
from lms.nominations.jobs import run_due_nominations
from lms.operations.machines import facts_of
from lms.people.actions.country_merging import settle_country_merges
from lms.people.actions.duplicates import compare_waiting_people
from lms.people.actions.sessions import prune_sessions, write_noted_uses
from lms.recordings.actions import announce_deletions, delete_old_recordings, drop_old_downloads
from lms.recordings.uploads import PURPOSE as RECORDING
from lms.reports.actions.exports import drop_old_exports
from lms.reports.actions.public import refresh_when_due
from lms.reports.jobs import send_scheduled
from lms.streaming import packager
from lms.streaming.actions import drop_old_chunks, drop_old_rehearsals
from lms.web import rates
from lms.web.metrics import serve_metrics
from lms.web.stopping import HandOver, StopMark
from lms.web_process import server_options

log = structlog.get_logger(__name__)
SWEEP_SECONDS = 5
TASK_LEASE_SECONDS = 60
"""How long a worker alone does what recurs, unless it renews that."""
END_SECONDS = 15
"""How long the server waits at its end for each process beside it."""
HEART_STOPS_WITHIN = 5
"""Seconds that a process waits at its end until its last heartbeat is written."""
_WORKERS = "workers"
"""The folder in the data folder that has one for each worker."""
WORK_STOPS_WITHIN = 10
"""Seconds that a worker waits at its end for what it is doing. What takes longer, another worker takes up later."""


def run_packager(config: Config, *, with_server: bool = False, metrics: tuple[str, int] | None = None) -> None:
    """Packages lectures that are given in the browser until told to stop. Options as in `run_worker`."""
    app = _prepare_background(config, ProcessKind.PACKAGER, with_server=with_server, metrics=metrics)
    stopping = _stopped_by_signals()
    heart = _begin_heartbeats(app, stopping, ProcessKind.PACKAGER)
    packager.run_packager(app, stopping)
    heart.join(HEART_STOPS_WITHIN)
    tracing.end()


def _prepare_background(
    config: Config, kind: ProcessKind, *, with_server: bool, metrics: tuple[str, int] | None
) -> Flask:
    """Makes the application of a process that works beside the web processes."""
    if with_server:
        threading.Thread(target=stop_with_parent, daemon=True).start()
    schema.check(config)
    app = create_app(config)
    logs.take_over_libraries()
    settle()
    if metrics is not None:
        try:
            serve_metrics(config, *metrics)
        except OSError as error:
            raise Refused(f"{metrics[0]}:{metrics[1]} cannot serve metrics: {error.strerror or error}") from error
    tracing.begin(kind)
    return app


def _stopped_by_signals() -> threading.Event:
    """Returns an event that is set when this process receives SIGTERM or SIGINT."""
    stopping = threading.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda _number, _frame: stopping.set())
    return stopping


def run_jobs(app: Flask, stopping: threading.Event) -> None:
    """Runs all jobs that are due, until `stopping` is set."""
    with app.app_context():
        jobs.run_due(is_stopping=stopping.is_set)
        db.session.remove()


def send_mail(app: Flask, stopping: threading.Event, *, priorities: Sequence[int] = PRIORITIES) -> bool:
    """Sends all mail of these priorities that is due, over one connection, until `stopping` is set.

    Returns whether some is due that the limit for each minute held back.
    """
    limit = app.extensions["lms.config"].mail_per_minute or None
    with app.app_context(), rendering.sender(app) as send:
        while not stopping.is_set() and sending.send_due(send, at=clock.now(), per_minute=limit, priorities=priorities):
            pass
        is_held_back = limit is not None and sending.is_due(at=clock.now(), priorities=priorities)
        db.session.remove()
    return is_held_back


def run_worker(config: Config, *, with_server: bool = False, metrics: tuple[str, int] | None = None) -> None:
    """Runs jobs and mail until told to stop.

    Two threads run jobs, so that a long one does not hold up short ones, and two send mail, one of them only what
    matters at once. (Two that send in bulk are slower than one: each waits for the other after each answer.) What
    recurs waits for no job, and not for the storage.

    `with_server`: also stops when the server that began it is gone, however that ended (its pipe closes).
    `metrics`: host and port on which it answers `/metrics`.
    """
    app = _prepare_background(config, ProcessKind.WORKER, with_server=with_server, metrics=metrics)
    _sweep_files(app)
    stopping = _stopped_by_signals()
    listener = signals.Listener.of(config)
    listener.start(stopping)
    threads = [
        threading.Thread(target=work, args=(app, stopping, *more), daemon=True)
        for work, *more in (
            (run_due_jobs, listener),
            (run_due_jobs, listener),
            (keep_house,),
            (keep_files,),
            (send_due_mail, listener),
            (send_urgent_mail, listener),
            (read_returned_mail,),
            (free_mail,),
            (compare_people,),
            (credit_replays,),
        )
    ]
    with locked_folder(config.folder / _WORKERS, process_name()):
        for thread in threads:
            thread.start()
        heart = _begin_heartbeats(app, stopping, ProcessKind.WORKER)
        stopping.wait()
        listener.wake_all()
        latest = time.monotonic() + WORK_STOPS_WITHIN
        for thread in threads:
            thread.join(max(0, latest - time.monotonic()))
        heart.join(HEART_STOPS_WITHIN)
        with app.app_context(), suppress(DBAPIError):
            sending.give_back_of([process_name()], at=clock.now())
    tracing.end()


def run_due_jobs(app: Flask, stopping: threading.Event, listener: signals.Listener) -> None:
    """Runs jobs as soon as they are due, until `stopping` is set."""

    def work() -> bool:
        run_jobs(app, stopping)
        return False

    _at_once(work, stopping, listener.waiter(signals.JOBS))


def send_due_mail(app: Flask, stopping: threading.Event, listener: signals.Listener) -> None:
    """Sends mail as soon as it is due, until `stopping` is set."""
    _at_once(lambda: send_mail(app, stopping), stopping, listener.waiter(signals.MAIL))


def send_urgent_mail(app: Flask, stopping: threading.Event, listener: signals.Listener) -> None:
    """Sends urgent mail, such as sign-in links, in parallel with other mail."""
    _at_once(lambda: send_mail(app, stopping, priorities=PRIORITIES[:1]), stopping, listener.waiter(signals.MAIL))


def read_returned_mail(app: Flask, stopping: threading.Event) -> None:
    """Reads the mailbox for returned mail every few minutes, if there is one, until `stopping` is set."""
    address = app.extensions["lms.config"].bounce_url
    while address and not stopping.wait(SWEEP_SECONDS):
        try:
            with app.app_context():
                bounce_mailbox.read_when_due(address, at=clock.now())
                db.session.remove()
        except Exception:
            log.exception("returned mail could not be read")


def free_mail(app: Flask, stopping: threading.Event) -> None:
    """Gives back every few seconds the e-mails that workers held when they died, until `stopping` is set: at once where
    they had this data folder, else after a minute.
    """
    folder = app.extensions["lms.config"].folder / _WORKERS

    def work(is_ours: bool) -> None:
        dead = abandoned_folders(folder)
        with app.app_context():
            if dead:
                sending.give_back_of([path.name for path in dead], at=clock.now())
            if is_ours:
                sending.give_back_of_dead(at=clock.now())
            db.session.remove()
        for path in dead:
            remove_abandoned(path)

    _every_few_seconds(app, stopping, "mail of dead workers", work)


def _at_once(work: Callable[[], bool], stopping: threading.Event, waiter: signals.Waiter) -> None:
    """Does `work` whenever a signal says so or it is time to look. It returns whether more is due soon."""
    is_soon = True
    while not stopping.is_set():
        waiter.wait(stopping, is_soon=is_soon)
        try:
            is_soon = not stopping.is_set() and work()
        except Exception:
            log.exception("due work failed")
            stopping.wait(SWEEP_SECONDS)
            is_soon = True


Recurring = Mapping[str, Callable[[datetime], object]]
"""What recurs, by the name that the log and the metrics use. Each can run on several machines at the same time."""
HOUSEKEEPING: Final[Recurring] = {
    "public figures": lambda at: refresh_when_due(at=at),
    "scheduled reports": lambda at: send_scheduled(at=at),
    "seats": lambda at: release_lapsed(at=at),
    "invitations": lambda at: invite_due(at=at),
    "reminders": lambda at: post_due_reminders(at=at),
    "digests": lambda at: post_due_digests(at=at),
    "grown requirements": lambda at: post_grown_requirements(at=at),
    "merged countries": lambda at: settle_country_merges(at=at),
    "old sessions": lambda at: prune_sessions(at=at),
    "use of sessions": lambda _at: write_noted_uses(),
    "notice of deletions": lambda at: announce_deletions(at=at),
    "messages": lambda at: send_due_messages(at=at),
    "nominations": lambda at: run_due_nominations(at=at),
}
FILE_TASKS: Final[Recurring] = {
    "removed files": lambda at: delete_waiting(at=at),
    "old exports": lambda at: drop_old_exports(at=at),
    "old bundles": lambda at: drop_old_bundles(at=at),
    "virus scanner": lambda _at: scan_waiting_files(),
    "old uploads": lambda at: drop_old_uploads(at=at),
    "old uploads of recordings": lambda at: drop_old_uploads(purpose=RECORDING, at=at),
    "old staged files": lambda at: drop_old_files(at=at),
    "old chunks": lambda at: drop_old_chunks(at=at),
    "old rehearsals": lambda at: drop_old_rehearsals(at=at),
    "old recordings": lambda at: delete_old_recordings(at=at),
    "old downloads": lambda at: drop_old_downloads(at=at),
}
"""What recurs and may wait for the storage. It has a thread of its own."""


def keep_house(app: Flask, stopping: threading.Event) -> None:
    """Does every few seconds what recurs, such as reminders, until `stopping` is set."""
    _do_recurring(app, stopping, "housekeeping", HOUSEKEEPING)


def keep_files(app: Flask, stopping: threading.Event) -> None:
    """Does every few seconds what recurs with stored files, until `stopping` is set."""
    _do_recurring(app, stopping, "stored files", FILE_TASKS)


def _do_recurring(app: Flask, stopping: threading.Event, name: str, tasks: Recurring) -> None:
    waiting: set[str] = set()

    def work(is_ours: bool) -> None:
        if is_ours:
            with app.app_context():
                run_recurring(tasks, waiting)

    _every_few_seconds(app, stopping, name, work)


def run_recurring(tasks: Recurring, waiting: set[str]) -> None:
    """Does each task once, whatever becomes of those before. `waiting`: those that the storage failed last time, which
    the log names once."""
    for name, task in tasks.items():
        try:
            task(clock.now())
        except files.StorageAway as error:
            files.note_failure(error)
            instruments.RECURRING_FAILURES.add(1, name)
            if name not in waiting:
                log.warning("a recurring task waits for the storage", task=name, error=str(error))
            waiting.add(name)
        except Exception:
            instruments.RECURRING_FAILURES.add(1, name)
            log.exception("a recurring task failed", task=name)
        else:
            waiting.discard(name)
        with suppress(DBAPIError):
            db.session.remove()


def compare_people(app: Flask, stopping: threading.Event) -> None:
    """Compares new people with everyone else every few seconds, until `stopping` is set."""

    def work(is_ours: bool) -> None:
        if is_ours:
            with app.app_context():
                compare_waiting_people(at=clock.now())

    _every_few_seconds(app, stopping, "compare people", work)


def credit_replays(app: Flask, stopping: threading.Event) -> None:
    """Credits every few seconds what people watched of replays, until `stopping` is set."""

    def work(is_ours: bool) -> None:
        if is_ours:
            with app.app_context():
                credit_due_replays(at=clock.now())

    _every_few_seconds(app, stopping, "credit replays", work)


def _every_few_seconds(app: Flask, stopping: threading.Event, task: str, work: Callable[[bool], None]) -> None:
    """Calls `work` until `stopping` is set, with whether this worker does what recurs of a task.

    On PostgreSQL one worker does, under a lease; another takes over within a minute after it died.
    """
    holder, is_shared = leases.new_holder(), app.extensions["lms.config"].sqlite_file is None
    while not stopping.wait(SWEEP_SECONDS):
        try:
            with app.app_context():
                is_ours = not is_shared or leases.acquire(f"worker: {task}", holder, TASK_LEASE_SECONDS)
                db.session.remove()
            work(is_ours)
        except Exception:
            log.exception("a recurring task failed", task=task)
    if is_shared:
        with app.app_context(), suppress(DBAPIError):
            leases.release(f"worker: {task}", holder)


def _begin_heartbeats(app: Flask, stopping: threading.Event, kind: ProcessKind) -> threading.Thread:
    thread = threading.Thread(target=send_heartbeats, args=(app, stopping, kind), name="heartbeats", daemon=True)
    thread.start()
    return thread


def send_heartbeats(app: Flask, stopping: threading.Event, kind: ProcessKind = ProcessKind.WORKER) -> None:
    """Records every few seconds that this process is alive and what it runs with, until it stops."""
    name, started_at = process_name(), clock.now()

    def beat() -> None:
        ahead = process_heartbeats.clock_ahead_of_database()
        facts = facts_of(app.extensions["lms.config"], is_new_storage_marked=True)
        process_heartbeats.record_heartbeat(
            name, kind=kind, started_at=started_at, at=clock.now(), ahead=ahead, facts=facts
        )

    def within_app(work: Callable[[], None]) -> None:
        try:
            with app.app_context():
                work()
        except Exception:
            log.exception("heartbeat failed")

    while True:
        within_app(beat)
        if stopping.wait(process_heartbeats.INTERVAL_SECONDS):
            break
    within_app(lambda: process_heartbeats.remove_heartbeat(name))


def _sweep_files(app: Flask) -> None:
    """Clears away what workers that were killed left half written."""
    with app.app_context():
        try:
            swept = files.sweep(at=clock.now())
        except files.StorageAway as error:
            log.warning("half written files were not swept", error=str(error))
        else:
            if swept:
                log.info("half written files swept", count=swept)


def stop_with_parent() -> None:
    """Stops this process when its standard input closes, because the process that began it is gone."""
    while os.read(0, 1024):  # past Python's own buffer, whose lock would be held while the process ends
        pass
    os.kill(os.getpid(), signal.SIGTERM)


class _Background:
    """A process beside the web processes, such as the worker: restarted whenever it exits."""

    def __init__(self, command: str, config: Config) -> None:
        self._command = command
        self._environment = {**os.environ, **config.environment()}
        self._process: subprocess.Popen[bytes] | None = None
        self._began = -inf

    def poll(self) -> None:
        """Logs that the process ended, if it did."""
        if self._process is not None and (code := self._process.poll()) is not None:
            log.warning("a process ended and is begun again", command=self._command, code=code)
            self._process = None

    def run(self) -> None:
        """Begins the process unless it runs, at most once a second."""
        self.poll()
        if self._process is None and time.monotonic() - self._began >= 1:
            self._began = time.monotonic()
            command = [sys.executable, "-m", "lms", self._command, "--with-server"]
            self._process = subprocess.Popen(command, env=self._environment, stdin=subprocess.PIPE)  # noqa: S603  our own command

    def end(self) -> None:
        """Stops the process and waits for it."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(END_SECONDS)


class _Arbiter(Arbiter):
    """Looks after all processes in one thread: a process that forks must have no other."""

    def __init__(
        self, app: BaseApplication, background: Sequence[_Background], mark: StopMark, *, stop_seconds: int
    ) -> None:
        self._background = background
        self._mark = mark
        self._stop_seconds = stop_seconds
        self._stops_at = inf
        super().__init__(app)

    def handle_term(self) -> None:
        """Stops after `stop_seconds`, in which balancers learn of it; at the second signal at once."""
        if not self._stop_seconds or self._mark.is_set():
            super().handle_term()
        self._mark.set()
        self._stops_at = time.monotonic() + self._stop_seconds

    def handle_chld(self) -> None:
        for process in self._background:
            process.poll()  # or gunicorn would take its exit code
        super().handle_chld()

    handle_cld = handle_chld

    def manage_workers(self) -> None:
        super().manage_workers()
        for process in self._background:
            process.run()
        if time.monotonic() >= self._stops_at:
            raise StopIteration


class _Server(BaseApplication):
    def __init__(
        self, config: Config, options: dict[str, Any], *, rates_uri: str, background: Sequence[_Background]
    ) -> None:
        self.options = options
        self.lms_config = config
        self.rates_uri = rates_uri
        self.background = background
        self.mark = StopMark()
        super().__init__()

    def load_config(self) -> None:
        for name, value in self.options.items():
            self.cfg.set(name, value)
        self.cfg.set("post_worker_init", _begin_web_heartbeats)
        self.cfg.set("worker_exit", _end_web_heartbeats)

    def load(self) -> Flask:
        app = create_app(self.lms_config, rates_uri=self.rates_uri)
        app.wsgi_app = HandOver(app.wsgi_app, self.mark)  # type: ignore[method-assign]
        settle()
        return app

    def run(self) -> None:
        _Arbiter(self, self.background, self.mark, stop_seconds=self.lms_config.stop_seconds).run()


def _begin_web_heartbeats(worker: Any) -> None:
    tracing.begin(ProcessKind.WEB)
    worker.heart_stopping = threading.Event()
    worker.heart = _begin_heartbeats(worker.app.wsgi(), worker.heart_stopping, ProcessKind.WEB)


def _end_web_heartbeats(_arbiter: Any, worker: Any) -> None:
    if hasattr(worker, "heart"):  # not one that could not be begun
        worker.heart_stopping.set()
        worker.heart.join(HEART_STOPS_WITHIN)
    tracing.end()


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def run(config: Config, *, host: str, port: int, workers: int | None = None) -> None:
    """Serves until told to stop; on SQLite the worker and the packager run as children of this process.

    Refused for a database that `lms init` has still to prepare or migrate, and for a port in use.
    """
    try:
        socket.create_server((host, port)).close()
    except OSError as error:
        raise Refused(f"{host}:{port} cannot be served: {error.strerror or error}") from error
    schema.check(config)
    if not config.proxies and not _is_loopback(host):
        log.warning("a proxy such as nginx should be in front: slow clients occupy threads (see docs/OPERATIONS.md)")
    background: list[_Background] = []
    parent_pid = os.getpid()
    logs.take_over_libraries()
    shared = Path(tempfile.mkdtemp(prefix="serai-"))
    try:
        (shared / "metrics").mkdir()
        os.environ[FOLDER_VARIABLE] = str(shared / "metrics")
        # Begun with this variable: they count into the same folder
        background = [_Background(name, config) for name in ("worker", "packager")] if config.sqlite_file else []
        options = server_options(config, host=host, port=port, workers=workers)
        rates_uri = rates.prepare(shared / "rates.db")
        _Server(config, options, rates_uri=rates_uri, background=background).run()
    finally:
        if os.getpid() == parent_pid:  # web processes leave through here too
            shutil.rmtree(shared, ignore_errors=True)
            for process in background:
                process.end()

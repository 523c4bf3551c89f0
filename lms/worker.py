"""The processes beside the web processes: the worker, for jobs, mail and what recurs, and the packager of lectures.

Work waits in the database (`jobs`, `mail.outbox`, `streaming`). The packager looks for it every half second, the
worker too on SQLite; on PostgreSQL, signals wake it (`signals`). Slices register what they do in their `jobs.py`.
"""

import os
import signal
import threading
import time
from collections.abc import Callable

import structlog
from flask import Flask

from lms.app import create_app, settle
from lms.config import Config
from lms.core.background import jobs, processes, recurring, signals, tracing
from lms.core.background.leases import HeldLeases
from lms.core.background.processes import WORKERS, ProcessKind, process_name
from lms.core.base import logs
from lms.core.base.errors import Refused
from lms.core.database import schema
from lms.core.database.session import db
from lms.core.storage import files
from lms.core.storage.locks import locked_folder
from lms.core.time import clock
from lms.web.request.request_log import serve_metrics

log = structlog.get_logger(__name__)
ROUND_SECONDS = 5
"""How often a thread looks which of its tasks are due."""
HEART_STOPS_WITHIN = 5
"""Seconds that a process waits at its end until its last heartbeat is written."""
WORK_STOPS_WITHIN = 10
"""Seconds that a worker waits at its end for what it is doing. What takes longer, another worker takes up later."""


def run_worker(config: Config, *, with_server: bool = False, metrics: tuple[str, int] | None = None) -> None:
    """Runs jobs, mail and what recurs until told to stop. Options as in `run_process`.

    Two threads run jobs, so that a long one does not hold up short ones, and two send mail, one of them only what
    matters at once. (Two that send in bulk are slower than one: each waits for the other after each answer.) What
    recurs has threads of its own: it waits for no job, and what needs no stored file waits for no storage.
    """

    def work(app: Flask, stopping: threading.Event) -> None:
        _sweep_files(app)
        listener = signals.Listener.of(config)
        listener.start(stopping)
        leases = None if config.sqlite_file else HeldLeases(app, seconds=recurring.LEASE_SECONDS)
        threads = [
            threading.Thread(target=_at_once, args=(app, stopping, work, listener.waiter(channel)), daemon=True)
            for channel, work in (*[(signals.JOBS, run_jobs)] * 2, *signals.WORK)
        ]
        threads += [
            threading.Thread(target=_in_rounds, args=(app, stopping, recurring.Rounds(tasks, leases)), daemon=True)
            for tasks in recurring.tasks_by_thread().values()
        ]
        if leases is not None:
            threading.Thread(target=leases.run, args=(stopping,), daemon=True).start()
        with locked_folder(config.folder / WORKERS, process_name()):
            for thread in threads:
                thread.start()
            stopping.wait()
            listener.wake_all()
            latest = time.monotonic() + WORK_STOPS_WITHIN
            for thread in threads:
                thread.join(max(0, latest - time.monotonic()))
            with app.app_context():
                recurring.end_work()

    run_process(config, ProcessKind.WORKER, work, with_server=with_server, metrics=metrics)


def run_process(
    config: Config,
    kind: ProcessKind,
    work: Callable[[Flask, threading.Event], None],
    *,
    with_server: bool = False,
    metrics: tuple[str, int] | None = None,
) -> None:
    """Does `work`, which returns once its event is set, in this process, until a signal ends it.

    `with_server`: also stops when the server that began it is gone, however that ended (its pipe closes).
    `metrics`: host and port on which it answers `/metrics`. Raises Refused where these cannot be used.
    """
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
    stopping = threading.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda _number, _frame: stopping.set())
    heart = begin_heartbeats(app, stopping, kind)
    work(app, stopping)
    heart.join(HEART_STOPS_WITHIN)
    tracing.end()


def run_jobs(app: Flask, stopping: threading.Event) -> bool:
    """Runs all jobs that are due, until `stopping` is set. Returns False: none is due sooner than the next signal."""
    with app.app_context():
        jobs.run_due(is_stopping=stopping.is_set)
        db.session.remove()
    return False


def _at_once(app: Flask, stopping: threading.Event, work: signals.Work, waiter: signals.Waiter) -> None:
    """Does `work` whenever a signal says so or it is time to look. It returns whether more is due soon."""
    is_soon = True
    while not stopping.is_set():
        waiter.wait(stopping, is_soon=is_soon)
        try:
            is_soon = not stopping.is_set() and work(app, stopping)
        except Exception:
            log.exception("due work failed")
            stopping.wait(ROUND_SECONDS)
            is_soon = True


def _in_rounds(app: Flask, stopping: threading.Event, rounds: recurring.Rounds) -> None:
    """Runs recurring tasks that are due every few seconds."""
    while not stopping.wait(ROUND_SECONDS):
        with app.app_context():
            rounds.run_due()
    rounds.end()


def begin_heartbeats(app: Flask, stopping: threading.Event, kind: ProcessKind) -> threading.Thread:
    """Begins a thread that records that this process is alive, until `stopping` is set."""
    thread = threading.Thread(target=send_heartbeats, args=(app, stopping, kind), name="heartbeats", daemon=True)
    thread.start()
    return thread


def send_heartbeats(app: Flask, stopping: threading.Event, kind: ProcessKind = ProcessKind.WORKER) -> None:
    """Records every few seconds that this process is alive and what it runs with, until it stops."""
    name, started_at = process_name(), clock.now()

    def beat() -> None:
        ahead = processes.clock_ahead_of_database()
        facts = processes.facts_of_this_process()
        processes.record_heartbeat(name, kind=kind, started_at=started_at, at=clock.now(), ahead=ahead, facts=facts)

    def within_app(work: Callable[[], None]) -> None:
        try:
            with app.app_context():
                work()
        except Exception:
            log.exception("heartbeat failed")

    while True:
        within_app(beat)
        if stopping.wait(processes.INTERVAL_SECONDS):
            break
    within_app(lambda: processes.remove_heartbeat(name))


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

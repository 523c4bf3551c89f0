"""A web process: gunicorn's threads, behind a loop that does what takes as long as a client likes.

A thread works on a request that is there as a whole, and is free again when its answer is written. Whatever comes or
goes slowly is the loop's: it waits for many connections at once, and ends those that are late.
"""

from __future__ import annotations

import errno
import itertools
import os
import resource
import selectors
import socket
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from heapq import heappop, heappush
from math import inf
from typing import Any
from weakref import ref

from gunicorn import util
from gunicorn.glogging import Logger
from gunicorn.http.errors import NoMoreData
from gunicorn.workers.gthread import STOP_KEEPALIVE_LINGER, ThreadWorker

from lms.config import Config
from lms.connections import Connection, NoRoom, Room, SmallChunks
from lms.core import logs
from lms.web.body_limits import most_bytes

LEAST_RATE = 500
"""Bytes a second that a client sends of a body, and takes of an answer, once its first seconds are over."""
LINGER_SECONDS = 2
"""How long a connection that is ended waits for the client to end it: closed at once, the answer could be lost."""
KEPT_BODIES = 16
"""A process keeps so many of the largest bodies in files at once."""
_FILES_A_CONNECTION = 3
_MORE_TO_COME = object()


class SlowClient(Exception):
    """A request did not come in time."""


_ANSWERS: dict[type[Exception], tuple[int, str]] = {
    SlowClient: (408, "Request Timeout"),
    SmallChunks: (400, "Bad Request"),
    NoRoom: (503, "Service Unavailable"),
}


class WebProcess(ThreadWorker):
    """Methods that it overrides have gunicorn's names."""

    slow_client_seconds = 20

    def init_process(self) -> None:
        self._timers: list[tuple[float, int, ref[Connection]]] = []
        self._count = itertools.count()
        self._evictable: OrderedDict[Connection, None] = OrderedDict()
        """Connections of which nothing is lost: no whole head, or all is answered. Who waits longest comes first."""
        _allow_files(self.worker_connections * _FILES_A_CONNECTION)
        super().init_process()

    def load_wsgi(self) -> None:
        super().load_wsgi()
        self._most_bytes = partial(most_bytes, self.wsgi)
        self._room = Room(KEPT_BODIES * (self.wsgi.config["MAX_CONTENT_LENGTH"] or 2**25))

    # In a thread

    def handle(self, conn: Connection) -> object:
        """_MORE_TO_COME, or whether the connection is used again."""
        try:
            if conn.failure is not None:
                raise conn.failure
            if conn.request is None and conn.receive() is not None:
                return _MORE_TO_COME
            return self.handle_request(conn.open_request(), conn)
        except NoMoreData:
            conn.sock.close()
        except StopIteration:
            pass
        except ConnectionError as error:
            self.log.debug("A client is gone or slow: %r", error)
            conn.sock.close()
        except Exception as error:
            self.handle_error(conn.request, conn.sock, conn.client, error)
        return False

    def handle_error(self, req: Any, client: Any, addr: Any, exc: Exception) -> None:
        if answer := _ANSWERS.get(type(exc)):
            with suppress(OSError):
                util.write_error(client, *answer, "")
        else:
            super().handle_error(req, client, addr, exc)

    # In the loop

    def accept(self, listener: Any) -> None:
        try:
            accepted, client = listener.accept()
        except OSError as error:
            if error.errno in {errno.EMFILE, errno.ENFILE}:
                self.log.warning("no more than %d connections: the limit of open files is reached", self.nr_conns)
                self.worker_connections = max(1, self.nr_conns)
            elif error.errno not in {errno.EAGAIN, errno.ECONNABORTED}:
                raise
            return
        self.nr_conns += 1
        name = listener.getsockname()
        conn = Connection(self.cfg, accepted, client, name, room=self._room, most_bytes=self._most_bytes)
        self._await_request(conn, self.slow_client_seconds)

    def _await_request(self, conn: Connection, seconds: float) -> None:
        self._evictable[conn] = None
        self._watch(conn, selectors.EVENT_READ, self._on_request, seconds)

    def _on_request(self, conn: Connection, _sock: Any) -> None:
        self._unwatch(conn)
        self.enqueue_req(conn)  # most requests come in one piece: a thread receives and answers them in one go

    def _on_more(self, conn: Connection, _sock: Any) -> None:
        in_body = conn.request is not None
        try:
            count = conn.receive()
        except Exception as error:
            conn.failure, count = error, None
        if count is None:
            self._on_request(conn, None)
            return
        if in_body:
            self._give_time(conn, count)
        elif conn.request is not None:
            del self._evictable[conn]
            self._set_deadline(conn, time.monotonic() + self.slow_client_seconds)

    def finish_request(self, conn: Connection, fs: Future[object]) -> None:
        try:
            result = fs.result()
            if result is not _MORE_TO_COME:
                conn.keeps_alive = bool(result)
                conn.finish()
                self._send_rest(conn)
                return
        except Exception:
            self.log.exception("a connection failed")
            self._close(conn)
            return
        seconds: float = self.slow_client_seconds
        if conn.request is None:
            self._evictable[conn] = None
            seconds = self._until_stopped(seconds)
        self._watch(conn, selectors.EVENT_READ, self._on_more, seconds)

    def _send_rest(self, conn: Connection) -> None:
        """After an answer is written: sends what the network did not take, then waits for the next request."""
        try:
            conn.sock.flush()
        except OSError:
            self._close(conn)
            return
        if not conn.sock.is_empty:
            self._watch(conn, selectors.EVENT_WRITE, self._on_writable, self.slow_client_seconds)
        elif not conn.keeps_alive:
            self._end(conn)
        elif conn.has_following:
            self.enqueue_req(conn)
        else:
            self._await_request(conn, self._until_stopped(self.cfg.keepalive))

    def _on_writable(self, conn: Connection, _sock: Any) -> None:
        try:
            count = conn.sock.flush()
        except OSError:
            self._close(conn)
            return
        if conn.sock.is_empty:
            self._unwatch(conn)
            self._send_rest(conn)
        else:
            self._give_time(conn, count)

    def _end(self, conn: Connection) -> None:
        try:
            conn.sock.shutdown(socket.SHUT_WR)
        except OSError:
            self._close(conn)
            return
        self._evictable[conn] = None
        seconds = self.slow_client_seconds if conn.is_refused else LINGER_SECONDS
        self._watch(conn, selectors.EVENT_READ, self._on_rest, self._until_stopped(seconds))

    def _on_rest(self, conn: Connection, _sock: Any) -> None:
        """Many clients send all before they read: what is left of a refused request goes unread."""
        try:
            if conn.sock.recv(65536):
                return
        except BlockingIOError:
            return
        except OSError:
            pass
        self._close(conn)

    def _until_stopped(self, seconds: float) -> float:
        return seconds if self.alive else min(seconds, STOP_KEEPALIVE_LINGER)

    # Who is late, and who has to make room

    def _watch(self, conn: Connection, event: int, on_event: Callable[[Connection, Any], None], seconds: float) -> None:
        self.poller.register(conn.sock, event, partial(on_event, conn))
        self._set_deadline(conn, time.monotonic() + seconds)

    def _unwatch(self, conn: Connection) -> None:
        self.poller.unregister(conn.sock)
        self._evictable.pop(conn, None)
        conn.deadline = inf

    def _give_time(self, conn: Connection, count: int) -> None:
        """For so many bytes that came or went, and never more than a client has for its first."""
        most = time.monotonic() + self.slow_client_seconds
        self._set_deadline(conn, min(most, conn.deadline + count / LEAST_RATE))

    def _set_deadline(self, conn: Connection, deadline: float) -> None:
        """Each connection has one timer that counts; it is set again where it rings before the deadline."""
        conn.deadline = deadline
        if deadline < conn.timer:
            conn.timer = deadline
            heappush(self._timers, (deadline, next(self._count), ref(conn)))

    def murder_keepalived(self, force: bool = False) -> None:
        """Ends what is late; `force`: and all that is evictable."""
        now = time.monotonic()
        while self._timers and self._timers[0][0] <= now:
            due, _number, waiting = heappop(self._timers)
            conn = waiting()
            if conn is None or due != conn.timer:
                continue
            conn.timer = inf
            if conn.deadline <= now:
                self._on_late(conn)
            elif conn.deadline < inf:
                self._set_deadline(conn, conn.deadline)
        while self._evictable and (force or self.nr_conns >= self.worker_connections):
            self._close(next(iter(self._evictable)))

    def _on_late(self, conn: Connection) -> None:
        if conn.is_receiving:
            conn.failure = SlowClient()
            self._on_request(conn, None)
        else:
            self._close(conn)

    def _cap_keepalive(self, deadline: float) -> None:
        for conn in self._evictable:
            self._set_deadline(conn, min(conn.deadline, deadline))

    def _close(self, conn: Connection) -> None:
        if conn.deadline < inf:
            self._unwatch(conn)
        conn.close()
        self.nr_conns -= 1
        self.worker_connections = self.cfg.worker_connections


def _allow_files(count: int) -> None:
    """Lets this process open so many files, as far as the system allows it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = count if hard == resource.RLIM_INFINITY else min(count, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _check_threads(arbiter: Any, _worker: Any) -> None:
    """Logs an error if this process has threads when it forks: the child has none of them, and may wait for one."""
    with suppress(OSError):  # no /proc outside of Linux
        count = len(os.listdir("/proc/self/task"))  # noqa: PTH208  numbers, no paths
        if count > 1:
            arbiter.log.error("%d threads run before a fork", count)


class _ServerLog(Logger):
    """gunicorn's log, as lines of JSON."""

    def setup(self, cfg: Any) -> None:
        super().setup(cfg)
        for handler in self.error_log.handlers:
            handler.setFormatter(logs.library_formatter())


def server_options(config: Config, *, host: str, port: int, workers: int | None = None) -> dict[str, Any]:
    """Returns gunicorn's options: `workers` web processes (default: the setting) with `config.threads` threads each."""
    return {
        "bind": f"{host}:{port}",
        "workers": workers or config.workers,
        "threads": config.threads,
        "worker_class": type("WebProcess", (WebProcess,), {"slow_client_seconds": config.slow_client_seconds}),
        "timeout": 60,
        "graceful_timeout": 20,
        "keepalive": 65,  # longer than nginx keeps a connection, or it would send a request on one that is being closed
        "accesslog": None,
        "loglevel": "warning",
        "logger_class": _ServerLog,
        "control_socket_disable": True,  # it would be made in the home folder, which a service may not have
        "preload_app": True,  # a web process that ended is replaced at once
        "pre_fork": _check_threads,
        "proc_name": "serai",
        "limit_request_line": 8190,
        "forwarded_allow_ips": "",  # nobody says in a header which scheme, path or part of it a request has
        "forwarder_headers": "",
    }

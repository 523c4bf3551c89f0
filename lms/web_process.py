"""How gunicorn runs the web processes: a thread for each request that is worked on."""

import json
import os
from contextlib import suppress
from http import HTTPStatus
from typing import Any

from gunicorn.glogging import Logger
from gunicorn.http.errors import LimitRequestHeaders, LimitRequestLine
from gunicorn.util import write_nonblock
from gunicorn.workers.gthread import ThreadWorker

from lms.config import Config
from lms.core.base import logs


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


_TOO_LONG = {
    LimitRequestLine: (HTTPStatus.REQUEST_URI_TOO_LONG, "The address with its query is longer than 8,000 bytes."),
    LimitRequestHeaders: (
        HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
        "There are more than 100 headers, or one is longer than 8,000 bytes.",
    ),
}
"""What gunicorn refuses before the application sees it: nobody knows the language, nor whether a person asks."""


class _Worker(ThreadWorker):
    """gunicorn's, which answers what is too long with a problem document, like the application."""

    def handle_error(self, req: Any, client: Any, addr: Any, exc: BaseException) -> None:
        """Answers what cannot be read."""
        for kind, (status, detail) in _TOO_LONG.items():
            if isinstance(exc, kind):
                problem = {"type": "about:blank", "title": status.phrase, "status": status.value, "detail": detail}
                body = json.dumps(problem).encode()
                head = (
                    f"HTTP/1.1 {status.value} {status.phrase}\r\nConnection: close\r\n"
                    f"Content-Type: application/problem+json\r\nContent-Length: {len(body)}\r\n\r\n"
                )
                with suppress(OSError):
                    write_nonblock(client, head.encode() + body)
                return
        super().handle_error(req, client, addr, exc)


def server_options(config: Config, *, host: str, port: int, workers: int | None = None) -> dict[str, Any]:
    """Returns gunicorn's options: `workers` web processes (default: the setting) with `config.threads` threads each."""
    return {
        "bind": f"{host}:{port}",
        "workers": workers or config.workers,
        "threads": config.threads,
        "worker_class": _Worker,
        "timeout": 60,
        "graceful_timeout": 20,
        "keepalive": 65,  # longer than nginx keeps a connection, or it would send a request on a closing one
        "accesslog": None,
        "loglevel": "warning",
        "logger_class": _ServerLog,
        "control_socket_disable": True,  # it would be created in the home folder, which a service may not have
        "preload_app": True,  # a web process that ended is replaced at once
        "pre_fork": _check_threads,
        "proc_name": "serai",
        "limit_request_line": 8190,
        "forwarded_allow_ips": "",  # nobody says in a header which scheme, path or part of it a request has
        "forwarder_headers": "",
    }

"""A site on three web machines of its own: PostgreSQL, Valkey and object storage are all that they share."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from apiflask import APIFlask
from sqlalchemy import create_engine, text
from werkzeug.serving import BaseWSGIServer, make_server

from lms.app import create_app
from lms.core.base.roles import SYSTEM
from lms.core.database.session import db
from lms.core.time import clock
from lms.people.actions.countries import load_countries
from tests.engines.s3 import Storage
from tests.engines.valkey_server import ValkeyServer
from tests.proxy import Certificate, proxy
from tests.relaxed import RelaxedConfig
from tests.tables import create_tables, postgresql_tools

WEB_MACHINES = 3
DATABASE = "journeys"


@contextmanager
def shared_site(
    folder: Path, certificate: Certificate, postgresql_url: str, storage: Storage
) -> Iterator[tuple[APIFlask, str]]:
    """Serves it behind nginx, which gives each request to the next machine.

    Gives the application of one more machine, which serves nobody and works as the worker, and the address.
    """
    with ExitStack() as stack:
        valkey = ValkeyServer(folder)
        stack.callback(valkey.kill)
        valkey.start()
        machines: list[APIFlask] = []
        servers = [_server(machines, number) for number in range(WEB_MACHINES)]
        first, *others = (f"server 127.0.0.1:{server.server_port} " for server in servers)
        options = "max_fails=1 fail_timeout=5s;"
        changes = {f"{first}{options}": "\n    ".join(f"{server}{options}" for server in (first, *others))}
        front = stack.enter_context(
            proxy(folder / "nginx", certificate, backend=servers[0].server_port, changes=changes)
        )
        settings = {
            "secret_key": "tests-only",
            "base_url": front.address,
            "proxies": "1",
            "log_level": "ERROR",
            "database_url": _empty_database(postgresql_url),
            "postgresql_tools": postgresql_tools(),
            "valkey_url": valkey.url,
            "journal": storage.address("journal"),
            **storage.settings(),
        }
        names = ("worker", *(f"web-{number}" for number in range(WEB_MACHINES)))
        apps = [create_app(RelaxedConfig.load({}, data=str(folder / name), **settings)) for name in names]
        with apps[0].app_context():
            create_tables()
            load_countries(by=SYSTEM, at=clock.now())
        machines += apps[1:]
        for server in servers:
            stack.callback(_stop, server)
            threading.Thread(target=server.serve_forever, daemon=True).start()
        yield apps[0], front.address
    for app in apps:
        with app.app_context():
            db.session.remove()
            db.engine.dispose()


def _server(machines: list[APIFlask], number: int) -> BaseWSGIServer:
    """A server for a machine that is made later: its settings need the address of nginx, and nginx that of servers."""

    def answer(environ: dict[str, Any], start: Any) -> Any:
        return machines[number](environ, start)

    return make_server("127.0.0.1", 0, answer, threaded=True)


def _stop(server: BaseWSGIServer) -> None:
    server.shutdown()
    server.server_close()


def _empty_database(postgresql_url: str) -> str:
    """The address of a new database on the tests' PostgreSQL."""
    engine = create_engine(postgresql_url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)"))
        connection.execute(text(f"CREATE DATABASE {DATABASE}"))
    engine.dispose()
    return engine.url.set(database=DATABASE).render_as_string(hide_password=False)

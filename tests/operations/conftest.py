"""A small installation with something of everything, and an empty one of the same kind to restore into."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

import psycopg
import pytest
from apiflask import APIFlask
from sqlalchemy import make_url, select

from lms.app import create_app
from lms.attendance_imports.actions.imports import publish_attendance
from lms.attendance_imports.actions.staging import stage_attendance
from lms.catalogue.actions.states import end_lecture, start_lecture
from lms.catalogue.models import CertificateKind
from lms.certificates.actions import batch_render
from lms.certificates.actions.awards import issue_certificates
from lms.certificates.models import Certificate
from lms.config import Config
from lms.core.background import jobs
from lms.core.base.roles import SYSTEM
from lms.core.database.session import db
from lms.mail import sending
from lms.operations.initialise import prepare
from tests.factories import Make
from tests.tables import postgresql_tools

R = TypeVar("R")
BEGAN = datetime(2026, 11, 20, 6, 0, tzinfo=UTC)
NOW = datetime(2026, 11, 27, 6, 0, tzinfo=UTC)
NAMES = ("Achieng Odhiambo", "Peter Mutua", "Wanjiru Kamau", "Zhou Anran")


@dataclass
class Installation:
    """An installation with a held lecture, people who attended, and their certificates with their files."""

    config: Config
    app: APIFlask
    numbers: list[str] = field(default_factory=list)
    people: list[str] = field(default_factory=list)

    def within(self, work: Callable[[], R]) -> R:
        """Does something in an app context of its own."""
        with self.app.app_context():
            try:
                return work()
            finally:
                db.session.remove()

    def close(self) -> None:
        """Lets go of the database."""
        with self.app.app_context():
            db.session.remove()
            db.engine.dispose()


def install(config: Config) -> Installation:
    """Sets up and fills an installation."""
    made = Installation(config, create_app(config))
    made.within(lambda: prepare(at=BEGAN - timedelta(days=30)))
    fill(made)
    return made


def fill(made: Installation) -> None:
    make = Make(made.app)
    series = make.series("livestream", policy={"certificate": CertificateKind.PARTICIPATION})
    lecture = make.lecture(series, starts_at=BEGAN)
    lines = ["email,joined_at,left_at"]
    for number, name in enumerate(NAMES):
        person = make.person(name, email=f"guest{number}@example.org")
        make.enrolment(series, person)
        made.people.append(person.public_id)
        lines.append(f"guest{number}@example.org,{BEGAN.isoformat()},{(BEGAN + timedelta(minutes=90)).isoformat()}")

    def attend() -> None:
        start_lecture(lecture.id, by=SYSTEM, at=BEGAN)
        end_lecture(lecture.id, by=SYSTEM, at=BEGAN + timedelta(minutes=90))
        staged = stage_attendance(lecture.id, "\n".join(lines).encode(), file_name="report.csv", by=SYSTEM)
        publish_attendance(staged, by=SYSTEM, at=BEGAN + timedelta(hours=2))
        jobs.run_due(at=BEGAN + timedelta(hours=3))
        issue_certificates(series.id, by=SYSTEM, at=BEGAN + timedelta(days=1))
        rows = list(db.session.scalars(select(Certificate).order_by(Certificate.id)))
        made.numbers += [row.number for row in rows]
        batch_render.fill(series.id, lambda done, total: None)
        # Mails of certificates wait a while for others of their reader
        while sending.send_due(lambda _mail: None, at=BEGAN + timedelta(days=1, hours=1)):
            pass

    made.within(attend)


@contextlib.contextmanager
def empty_postgresql(server: str, name: str, *, template: str = "template1") -> Iterator[str]:
    """A database of this name on the tests' PostgreSQL: empty, or a copy of another that nobody has open."""
    plain = server.replace("postgresql+psycopg://", "postgresql://", 1)
    with psycopg.connect(plain, autocommit=True) as connection:
        connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')  # type: ignore[call-overload]
        connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')  # type: ignore[call-overload]
    yield make_url(server).set(database=name).render_as_string(hide_password=False)
    with psycopg.connect(plain, autocommit=True) as connection:
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')  # type: ignore[call-overload]


def settings(folder: Path, url: str = "") -> Config:
    """Settings of an installation in a folder, on SQLite unless the address of a PostgreSQL is given."""
    return Config.load(
        {},
        data=str(folder),
        database_url=url,
        postgresql_tools=postgresql_tools() if url else "",
        base_url="http://localhost",
        log_level="ERROR",
    )


@pytest.fixture(scope="session")
def sqlite_model(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """The installation on SQLite that tests get a copy of."""
    made = install(settings(tmp_path_factory.mktemp("model") / "data"))
    made.close()
    return made


@pytest.fixture(scope="session")
def postgresql_model(postgresql_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """The installation on PostgreSQL that tests get a copy of."""
    with empty_postgresql(postgresql_url, "model") as url:
        made = install(settings(tmp_path_factory.mktemp("model") / "data", url))
        made.close()
        yield made


def copied(model: Installation, folder: Path, url: str = "") -> Installation:
    """A copy of an installation that nobody has open; its database, on PostgreSQL, is a copy already."""
    shutil.copytree(model.config.folder, folder)
    config = settings(folder, url)
    return Installation(config, create_app(config), list(model.numbers), list(model.people))


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.long)])
def installation(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Installation]:
    """The installation, on SQLite and in `make test-long` on PostgreSQL."""
    with contextlib.ExitStack() as stack:
        url = ""
        if request.param == "postgresql":
            model = request.getfixturevalue("postgresql_model")
            server = request.getfixturevalue("postgresql_url")
            url = stack.enter_context(empty_postgresql(server, "installation", template="model"))
        else:
            model = request.getfixturevalue("sqlite_model")
        made = copied(model, tmp_path / "data", url)
        yield made
        made.close()


@pytest.fixture
def target(request: pytest.FixtureRequest, installation: Installation, tmp_path: Path) -> Iterator[Config]:
    """Settings of an empty place to restore into, on the same kind of database."""
    with contextlib.ExitStack() as stack:
        url = ""
        if installation.config.database_url:
            server = request.getfixturevalue("postgresql_url")
            url = stack.enter_context(empty_postgresql(server, "restored"))
        yield settings(tmp_path / "restored", url)

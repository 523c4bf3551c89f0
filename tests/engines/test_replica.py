"""Heavy reads go to a replica that is not too far behind; people see what they have just changed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from apiflask import APIFlask
from sqlalchemy import event, text

from lms.app import create_app
from lms.config import Config
from lms.core import clock, engines, replica
from lms.core.audit import record
from lms.core.db import action, db
from lms.core.roles import SYSTEM, Actor
from lms.people.actions.countries import load_countries
from lms.people.models import Person
from tests.engines.postgresql_replica import ReplicaServer, replica_server
from tests.factories import Make
from tests.faults.conftest import own_database
from tests.tables import create_tables

pytestmark = pytest.mark.long(seconds=60)


@pytest.fixture(scope="module")
def primary_url(postgresql_url: str) -> Iterator[str]:
    with own_database(postgresql_url) as url:
        yield url


@pytest.fixture(scope="module")
def server(primary_url: str) -> Iterator[ReplicaServer]:
    with replica_server(primary_url) as made:
        yield made


@pytest.fixture
def site(
    server: ReplicaServer, primary_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[APIFlask]:
    monkeypatch.setattr(engines, "RETRY_SECONDS", 0.1)
    url = server.url.render_as_string(hide_password=False)
    config = Config.load(
        {},
        data=str(tmp_path),
        database_url=primary_url,
        database_replica_url=url,
        database_replica_lag="2",
        secret_key="tests-only",
        base_url="http://localhost",
        staff_second_factor="off",
        log_level="CRITICAL",
    )
    config.demonstration_mark.write_text("{}")
    app = create_app(config)
    with app.app_context():
        db.drop_all()
        create_tables()
        load_countries(by=SYSTEM, at=clock.now())
        catch_up()
        yield app
        db.session.remove()
        made = replica.find_replica()
        assert made is not None
        made.engine.dispose()
        db.engine.dispose()


def until(condition: Callable[[], bool]) -> None:
    for _turn in range(300):
        if condition():
            return
        time.sleep(0.05)
    raise AssertionError("it did not happen")


def catch_up() -> None:
    made = replica.find_replica()
    assert made is not None

    def is_caught_up() -> bool:
        state = made.usable_by(None)
        return state is not None and state.is_caught_up

    until(is_caught_up)


@action
def act(person: Person) -> None:
    record("example", by=Actor(person_id=person.id), at=clock.now())


def reads_replica(person_id: int | None) -> bool:
    with replica.reading(person_id) as does:
        assert db.session.scalar(text("SELECT pg_is_in_recovery()")) is does
    assert db.session.scalar(text("SELECT pg_is_in_recovery()")) is False
    db.session.rollback()
    return does


def test_a_replica_without_lag_is_read_and_actions_go_to_the_main_database(site: APIFlask) -> None:
    person = Make(site).person()
    catch_up()
    assert reads_replica(person.id)
    with replica.reading(person.id) as does:
        assert does
        act(person)
        assert db.session.scalar(text("SELECT pg_is_in_recovery()")) is False  # it sees what it wrote
    assert replica.as_of(at := clock.now()) == at
    with replica.reading_in_job() as does:
        assert does
        act(person)
        assert db.session.scalar(text("SELECT pg_is_in_recovery()")) is True


def test_people_see_what_they_have_just_changed(site: APIFlask, server: ReplicaServer) -> None:
    make = Make(site)
    person, other = make.person(), make.person()
    catch_up()
    server.pause()
    try:
        time.sleep(0.2)
        act(person)
        assert not reads_replica(person.id)
        assert reads_replica(other.id)
        with replica.reading(other.id):
            at = clock.now()
            assert at - timedelta(seconds=2) < replica.as_of(at) < at
    finally:
        server.resume()
    catch_up()
    assert reads_replica(person.id)


def test_a_replica_that_is_too_far_behind_is_not_read_and_said_so(site: APIFlask, server: ReplicaServer) -> None:
    person = Make(site).person()
    catch_up()
    server.pause()
    try:
        act(person)
        until(lambda: not reads_replica(None))
        readyz = site.test_client().get("/readyz")
        assert (readyz.status_code, "degraded: [replica]" in readyz.get_data(as_text=True)) == (200, True)
        assert site.test_client().get("/search?q=anything").status_code == 200
    finally:
        server.resume()
    catch_up()
    assert "degraded" not in site.test_client().get("/readyz").get_data(as_text=True)


def test_pages_are_read_from_the_replica_and_go_on_without_it(site: APIFlask, server: ReplicaServer) -> None:
    make = Make(site)
    make.series(title="Cross-border trade")
    catch_up()
    made = replica.find_replica()
    assert made is not None
    client = site.test_client()
    make.sign_in(client, make.person("Lin Yuhan", roles=["reporter"]))
    catch_up()
    asked: list[str] = []
    event.listen(made.engine, "before_cursor_execute", lambda *given: asked.append(given[2]))
    for address in ("/search?q=trade", "/admin/reports", "/countries/KE"):
        asked.clear()
        assert client.get(address).status_code == 200, address
        assert len(asked) > 2, address
    server.kill()
    try:
        for address in ("/search?q=trade", "/admin/reports", "/countries/KE"):
            assert client.get(address).status_code == 200, address
        assert not reads_replica(None)
    finally:
        server.start()
    catch_up()


def test_the_address_of_the_main_database_is_refused_as_a_replica(
    server: ReplicaServer, primary_url: str, tmp_path: Path
) -> None:
    config = Config.load({}, data=str(tmp_path), database_url=primary_url, database_replica_url=primary_url)
    app = create_app(config)
    with app.app_context():
        assert not reads_replica(None)
        (engine,) = [engine for engine in engines.engines() if engine.name == "replica"]
        assert engine.state().error == "ReplicaUnusable: the server is no replica"
        db.engine.dispose()

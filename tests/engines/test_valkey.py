"""Valkey: what several processes share through it, and how the site goes on when it is killed, hangs or is full."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import valkey as valkey_client
from apiflask import APIFlask
from limits import RateLimitItemPerMinute
from limits.strategies import MovingWindowRateLimiter
from structlog.testing import capture_logs

from lms.attendance.queries import viewers as viewers_module
from lms.attendance.queries.viewers import count_viewers
from lms.config import BadSetting, Config
from lms.core.base import engines, valkey
from lms.core.base.logs import configure as configure_logs
from lms.core.database.cache_versions import memory
from lms.core.database.session import db
from lms.core.time import clock
from lms.people.actions.sessions import note_use_shared, write_noted_uses
from lms.people.models import SignInSession
from lms.web.request import rates
from tests.engines.valkey_server import ValkeyServer, answering
from tests.factories import Make
from tests.faults.conftest import Site
from tests.waiting import until

FIVE = RateLimitItemPerMinute(5)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ValkeyServer]:
    server = ValkeyServer(tmp_path_factory.mktemp("valkey"))
    server.start()
    yield server
    server.resume()
    server.kill()


@pytest.fixture(autouse=True)
def fresh(server: ValkeyServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Each test begins with an empty server that answers, and probes often."""
    monkeypatch.setattr(engines, "RETRY_SECONDS", 0.05)
    configure_logs("INFO")  # the last application that was made decides
    server.resume()
    if server.process is None or server.process.poll() is not None:
        server.start()
    server.client.flushall()
    server.client.config_set("maxmemory", 0)
    yield
    server.resume()


@pytest.fixture
def shared(app: APIFlask, server: ValkeyServer) -> Iterator[valkey.SharedMemory]:
    """The application, with this Valkey."""
    before = app.extensions.pop(engines.KEY, None)
    shared = valkey.init_app(app, server.url, secret="a secret of the tests")
    assert shared is not None
    yield shared
    del app.extensions[valkey.KEY]
    app.extensions[engines.KEY] = before or {}
    shared.pool.disconnect()


def make_rates(server: ValkeyServer, folder: Path, name: str) -> MovingWindowRateLimiter:
    """The limits as a server of this name counts them: Valkey, or else a file of its own."""
    from lms.web.request.shared_rates import ValkeyRates

    shared = valkey.SharedMemory(server.url, secret="a secret of the tests")
    fallback = rates.SharedRates(rates.prepare(folder / f"{name}.db"), secret="a secret of the tests")
    return MovingWindowRateLimiter(
        ValkeyRates("serai-valkey://", secret="a secret of the tests", shared=shared, fallback=fallback)
    )


def test_two_servers_count_a_limit_together(server: ValkeyServer, tmp_path: Path) -> None:
    one, other = make_rates(server, tmp_path, "one"), make_rates(server, tmp_path, "other")
    hits = [limits.hit(FIVE, "192.0.2.1") for limits in (one, other) * 5]
    assert hits == [True] * 5 + [False] * 5
    assert one.get_window_stats(FIVE, "192.0.2.1").remaining == 0
    assert other.hit(FIVE, "192.0.2.2")
    assert b"192.0.2" not in b" ".join(server.client.keys())


def test_limits_are_counted_by_each_server_while_valkey_is_away(server: ValkeyServer, tmp_path: Path) -> None:
    limits = make_rates(server, tmp_path, "one")
    assert limits.hit(FIVE, "192.0.2.1")
    server.kill()
    assert [limits.hit(FIVE, "192.0.2.1") for _ in range(7)] == [True] * 5 + [False] * 2
    server.start()
    until(lambda: limits.storage.check())
    assert limits.hit(FIVE, "192.0.2.1"), "Valkey is asked again, which has forgotten everything"


def test_a_limit_goes_on_when_valkey_hangs_or_is_full(server: ValkeyServer, tmp_path: Path) -> None:
    limits = make_rates(server, tmp_path, "one")
    server.hang()
    began = time.monotonic()
    assert [limits.hit(FIVE, "192.0.2.1") for _ in range(6)] == [True] * 5 + [False]
    assert time.monotonic() - began < 3 * valkey.TIMEOUT_SECONDS, "only the first request waits"
    server.resume()
    until(lambda: limits.storage.check())
    server.client.config_set("maxmemory", 1)
    with capture_logs() as logs:
        assert [limits.hit(FIVE, "192.0.2.2") for _ in range(6)] == [True] * 5 + [False]
        time.sleep(0.3)  # probes fail too, so that it does not count as back
        assert not limits.storage.check()
        server.client.config_set("maxmemory", 0)
        until(lambda: limits.storage.check())
    assert [line["event"] for line in logs] == ["an engine is away", "an engine is back"]


def as_other_process() -> None:
    """Forgets what this process keeps of viewers."""
    memory("viewers").clear()


@pytest.fixture
def counts(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The lectures whose viewers were counted in the database, where 41 are found, then 42 …"""
    counted: list[int] = []

    def viewers(lecture_id: int, _at_ms: int) -> int:
        counted.append(lecture_id)
        return 40 + len(counted)

    monkeypatch.setattr(viewers_module, "viewers", viewers)
    return counted


@pytest.mark.usefixtures("shared", "context")
def test_all_processes_show_the_same_number_of_viewers(counts: list[int]) -> None:
    at = clock.now()
    numbers = []
    for seconds in (0, 1, 4):
        as_other_process()
        numbers.append(count_viewers(7, at + timedelta(seconds=seconds)))
    assert (numbers, counts) == ([41, 41, 41], [7])
    as_other_process()
    assert count_viewers(7, at + timedelta(seconds=5)) == 42


@pytest.mark.usefixtures("context")
def test_what_valkey_had_long_ago_or_never_should_have_is_not_shown(
    counts: list[int], server: ValkeyServer, shared: valkey.SharedMemory
) -> None:
    at = clock.now()
    for value in (f"{clock.to_ms(at) - 60_000}:900", f"{clock.to_ms(at) + 60_000}:900", "nonsense", "1:"):
        as_other_process()
        server.client.set(f"{shared.prefix}viewers:7", value)
        assert count_viewers(7, at) == 40 + len(counts)
    assert len(counts) == 4


@pytest.mark.usefixtures("shared", "context")
def test_one_process_counts_while_the_others_show_the_previous_number(
    counts: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    at = clock.now()
    as_other_process()
    assert count_viewers(7, at) == 41
    later = at + timedelta(seconds=6)
    entry = memory("viewers")[7]
    during: list[int] = []

    def viewers(_lecture_id: int, _at_ms: int) -> int:
        memory("viewers")[7] = entry  # another process, whose number is as old
        during.append(count_viewers(7, later))
        return 99

    monkeypatch.setattr(viewers_module, "viewers", viewers)
    valkey.use_shared(lambda client, prefix: client.delete(f"{prefix}viewers:7", f"{prefix}viewers:7:turn"))
    assert count_viewers(7, later) == 99
    assert during == [41]


@pytest.mark.usefixtures("shared", "context")
def test_viewers_are_counted_by_each_process_while_valkey_is_away(counts: list[int], server: ValkeyServer) -> None:
    server.kill()
    at = clock.now()
    for _process in range(2):
        as_other_process()
        count_viewers(7, at)
    assert len(counts) == 2


def seen_at(app: APIFlask) -> Any:
    with app.app_context():
        return db.session.scalars(db.select(SignInSession.seen_at)).one()


def set_seen_at(app: APIFlask, at: Any) -> None:
    with app.app_context():
        db.session.execute(db.update(SignInSession).values(seen_at=at))
        db.session.commit()


@pytest.mark.databases(differs=True)
def test_the_use_of_sessions_is_written_once_a_minute(
    app: APIFlask, shared: valkey.SharedMemory, server: ValkeyServer, make: Make
) -> None:
    client = app.test_client()
    make.sign_in(client, make.person(email="trainee@example.org"))
    hour_ago = clock.now() - timedelta(hours=1)
    set_seen_at(app, hour_ago)
    for _page in range(3):
        assert client.get("/me").status_code == 200
    assert seen_at(app) == hour_ago, "no transaction for it"
    with app.app_context():
        assert write_noted_uses() == 1
    now = seen_at(app)
    assert clock.now() - now < timedelta(minutes=1)
    with app.app_context():
        assert write_noted_uses() == 0, "not twice a minute"
        assert server.client.zcard(f"{shared.prefix}uses") == 0
        # A use that was noted late does not turn the time back
        server.client.delete(f"{shared.prefix}uses:turn")
        session_id = db.session.scalars(db.select(SignInSession.id)).one()
        db.session.rollback()
        server.client.zadd(f"{shared.prefix}uses", {str(session_id): hour_ago.timestamp()})
        assert write_noted_uses() == 1
    assert seen_at(app) == now


@pytest.mark.usefixtures("shared")
def test_the_use_of_a_session_is_written_at_once_for_staff_and_while_valkey_is_away(
    app: APIFlask, server: ValkeyServer, make: Make
) -> None:
    for roles, is_away in ((["administrator"], False), ([], True)):
        with app.app_context():
            db.session.execute(db.delete(SignInSession))
            db.session.commit()
        client = app.test_client()
        make.sign_in(client, make.person(email=f"p{is_away}@example.org", roles=roles))
        set_seen_at(app, clock.now() - timedelta(minutes=20))
        if is_away:
            server.kill()
        with client.get("/me") as answer:
            assert answer.status_code == 200
        assert clock.now() - seen_at(app) < timedelta(minutes=1)


def test_a_refused_password_is_away_and_not_logged(server: ValkeyServer) -> None:
    server.client.config_set("requirepass", "right-password")
    try:
        with capture_logs() as logs:
            wrong = valkey.SharedMemory(f"valkey://:wrong-password@127.0.0.1:{server.port}", secret="x")
            assert wrong.use(lambda client: client.get("x")) is None
            right = valkey.SharedMemory(f"valkey://:right-password@127.0.0.1:{server.port}/1", secret="x")
            assert right.use(lambda client: client.set("x", "1"))
        assert [line["event"] for line in logs] == ["an engine is away"]
        assert "password@" not in str(logs)
        assert "wrong-password" not in str(logs)
    finally:
        valkey_client.Valkey(port=server.port, password="right-password").config_set("requirepass", "")


@pytest.mark.long
def test_two_servers_share_limits_and_go_on_without_valkey(server: ValkeyServer, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'serai.db'}"
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    sites = [Site(tmp_path / name, url, valkey_url=server.url) for name in ("a", "b")]
    try:
        for site in sites:
            site.config.demonstration_mark.unlink()  # which knows no limits
            site.start(worker=False, workers=1)
            assert site.get("/readyz") == (200, b"ok\n")
        answers = [sites[turn % 2].get("/verify/none")[0] for turn in range(64)]
        assert answers == [404] * 60 + [429] * 4
        server.kill()
        assert [site.get("/verify/none")[0] for site in sites] == [404, 404]
        assert sites[0].get("/readyz") == (200, b"ok\ndegraded: [valkey]\n")
        log = (tmp_path / "a" / "log").read_text()
        assert log.count("an engine is away") == 1
        assert "verify/none" not in log
    finally:
        for site in sites:
            site.close()


@pytest.mark.parametrize(
    "url", ["http://:hunter2@host", "valkey://:hunter2@", "redis:///hunter2", "valkey://:hunter2@host:port"]
)
def test_an_address_that_is_none_is_refused_without_showing_it(url: str) -> None:
    with pytest.raises(BadSetting, match="LMS_VALKEY_URL cannot be used") as refusal:
        Config.load({}, valkey_url=url)
    assert "hunter2" not in str(refusal.value)


LIES = {
    "an error": b"-ERR something is wrong\r\n",
    "a number": b":1\r\n",
    "a large number": b":99999999999999999999999999\r\n",
    "a text": b"$5\r\nhello\r\n",
    "numbers that are none": b"*2\r\n$3\r\nnan\r\n$3\r\ninf\r\n",
    "texts that are no numbers": b"*2\r\n$1\r\na\r\n$1\r\nb\r\n",
    "a session of nobody": b"*2\r\n$20\r\n99999999999999999999\r\n$1\r\n1\r\n",
    "a time that is none": b"*2\r\n$1\r\n1\r\n$6\r\n1e+300\r\n",
    "less than it says": b"*2\r\n:1\r\n",
    "a list without a bottom": b"*1\r\n" * 100_000,
    "another protocol": b"HTTP/1.1 500 Internal Server Error\r\n\r\n",
    "no text": b"$-5\r\n\xff\xfe\x00\r\n",
}


@pytest.mark.usefixtures("context")
@pytest.mark.parametrize("lie", LIES.values(), ids=LIES)
def test_a_valkey_that_lies_is_gone_on_without(app: APIFlask, counts: list[int], lie: bytes, tmp_path: Path) -> None:
    from lms.web.request.shared_rates import ValkeyRates

    fallback = rates.SharedRates(rates.prepare(tmp_path / "rates.db"), secret="a secret of the tests")
    at = clock.now()
    with answering(lie) as url:
        for use in ("viewers", "uses", "note", "rates"):
            shared = valkey.SharedMemory(url, secret="a secret of the tests")
            app.extensions[valkey.KEY] = shared
            try:
                if use == "viewers":
                    as_other_process()
                    assert count_viewers(7, at) == 41
                elif use == "uses":
                    assert write_noted_uses() == 0
                elif use == "note":
                    note_use_shared(7, at=at)
                else:
                    options = {"secret": "a secret of the tests", "shared": shared, "fallback": fallback}
                    limits = MovingWindowRateLimiter(ValkeyRates("serai-valkey://", **options))
                    limits.hit(FIVE, "192.0.2.1")
                    assert limits.get_window_stats(FIVE, "192.0.2.1").reset_time >= 0
            finally:
                del app.extensions[valkey.KEY]
                shared.pool.disconnect()


def test_an_answer_that_never_ends_is_not_waited_for() -> None:
    with answering(b"$20\r\n01234567890123456789\r\n", seconds=8 * valkey.WHOLE_SECONDS) as url:
        shared = valkey.SharedMemory(url, secret="a secret of the tests")
        assert shared.use(lambda client: client.get("x")) is None
        assert not shared.engine.is_up()
        assert shared.use(lambda client: client.get("x")) is None
    with answering(b"$2\r\n01\r\n") as url:
        shared = valkey.SharedMemory(url, secret="a secret of the tests")
        assert shared.use(lambda client: client.get("x")) == b"01"

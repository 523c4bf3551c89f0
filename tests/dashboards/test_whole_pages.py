"""Pages for strangers are rendered once: for an address, a language, a zone, what they show, and the minute."""

from __future__ import annotations

import gzip
import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Response, flash, render_template_string, session
from flask.testing import FlaskClient
from flask.typing import ResponseReturnValue
from sqlalchemy import text
from werkzeug.test import TestResponse

from lms.catalogue.models import Series, Visibility
from lms.core.base.roles import SYSTEM
from lms.core.database import cache_versions
from lms.core.database.session import Base, action, db, tables_unread_by_strangers
from lms.core.time import clock
from lms.reports.actions.public import refresh_public_figures
from lms.web.pages.whole_pages import STAMP, same_for_strangers
from tests.dashboards.conftest import World
from tests.languages import offering
from tests.queries import CountQueries
from tests.rows import each_row

SERIES = "/series/cross-border"


@pytest.fixture
def stranger(world: World) -> FlaskClient:
    return world.make.app.test_client()


def change(world: World, **columns: object) -> None:
    """Writes to the series, as any action does."""

    @action
    def write() -> None:
        for name, value in columns.items():
            setattr(db.session.get_one(Series, world.series.id), name, value)

    with world.make.app.app_context():
        write()


def is_shared(answer: TestResponse) -> bool:
    return bool(answer.cache_control.public) and "ETag" in answer.headers


@pytest.mark.databases
def test_a_page_is_rendered_once_until_what_it_shows_changes(
    world: World, stranger: FlaskClient, count_queries: CountQueries
) -> None:
    first = stranger.get(SERIES)
    with count_queries() as asked:
        again = stranger.get(SERIES)
    assert asked == []  # the stamp is looked at past the session
    assert again.text == first.text
    assert is_shared(first)
    assert is_shared(again)
    change(world, title="Renamed for a change")
    renamed = stranger.get(SERIES)
    assert "Renamed for a change" in renamed.text
    assert renamed.headers["ETag"] != first.headers["ETag"]


@pytest.mark.databases
def test_a_series_that_becomes_a_draft_is_gone_at_once(world: World, stranger: FlaskClient) -> None:
    home = stranger.get("/")
    assert stranger.get(SERIES).status_code == 200
    assert world.series.title in home.text
    change(world, visibility=Visibility.DRAFT)
    assert stranger.get(SERIES, headers={"If-None-Match": home.headers["ETag"]}).status_code == 404
    assert world.series.title not in stranger.get("/").text
    change(world, visibility=Visibility.PUBLIC)
    assert stranger.get(SERIES).status_code == 200


def test_languages_and_zones_are_pages_of_their_own(world: World, stranger: FlaskClient) -> None:
    with offering(world.make.app, "es"):
        english = stranger.get(SERIES)
        assert '<html lang="es"' in stranger.get(f"{SERIES}?lang=es").text
        assert '<html lang="es"' in stranger.get(SERIES, headers={"Accept-Language": "es"}).text
        stranger.set_cookie("lang", "es")
        assert '<html lang="es"' in stranger.get(SERIES).text
        stranger.delete_cookie("lang")
        assert stranger.get(SERIES).text == english.text
    stranger.set_cookie("zone", "Africa/Nairobi")
    nairobi = stranger.get(SERIES).text
    stranger.set_cookie("zone", "America/Lima")
    lima = stranger.get(SERIES).text
    assert "Nairobi" in nairobi
    assert "Lima" in lima
    assert nairobi != lima
    assert {"Cookie", "Accept-Language", "Accept-Encoding"} <= set(english.vary.as_set(preserve_casing=True))


def test_a_page_is_asked_for_again_by_its_etag(world: World, stranger: FlaskClient) -> None:
    first = stranger.get(SERIES, headers={"Accept-Encoding": "gzip"})
    assert gzip.decompress(first.data).decode() == stranger.get(SERIES).text
    for encoding in ("gzip", "identity"):
        headers = {"If-None-Match": first.headers["ETag"], "Accept-Encoding": encoding}
        again = stranger.get(SERIES, headers=headers)
        assert (again.status_code, again.data) == (304, b"")
        assert is_shared(again)
        assert again.headers["Vary"] == first.headers["Vary"]
    change(world, title="Renamed for a change")
    assert stranger.get(SERIES, headers={"If-None-Match": first.headers["ETag"]}).status_code == 200


def test_what_the_clock_says_is_not_older_than_its_minute(
    world: World, stranger: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = world.at.replace(second=0, microsecond=0)
    world.make.lecture(world.series, title="Soon", starts_at=start + timedelta(minutes=20))
    for seconds, said, most in ((0, "in 20 minutes", 10), (55, "in 20 minutes", 5), (60, "in 19 minutes", 10)):
        monkeypatch.setattr(clock, "now", lambda later=timedelta(seconds=seconds): start + later)
        answer = stranger.get("/")
        assert said in answer.text
        assert answer.cache_control.s_maxage == most
        assert answer.cache_control.max_age == 0


def test_nobody_signed_in_gets_or_leaves_a_page_for_others(world: World, stranger: FlaskClient) -> None:
    before = stranger.get(SERIES)
    own = world.signed_in(world.trainee).get(SERIES, headers={"If-None-Match": before.headers["ETag"]})
    assert own.status_code == 200
    assert world.trainee.full_name in own.text
    assert own.headers["Cache-Control"] == "no-store"
    assert "ETag" not in own.headers
    assert stranger.get(SERIES).text == before.text


def test_a_message_is_shown_to_its_reader_alone(world: World, stranger: FlaskClient) -> None:
    with world.make.app.test_request_context():
        flash("Only for you", "done")
        told = dict(session)
    reader = world.make.app.test_client()
    with reader.session_transaction() as kept:
        kept.update(told)
    before = stranger.get(SERIES)
    answer = reader.get(SERIES, headers={"If-None-Match": before.headers["ETag"]})
    assert "Only for you" in answer.text
    assert "ETag" not in answer.headers
    assert answer.headers["Cache-Control"] == "no-store"
    world.forget_pages()
    assert "Only for you" not in stranger.get(SERIES).text


def _with_token() -> str:
    return render_template_string("{{ csrf_token() }}")


def _with_cookie() -> Response:
    answer = Response("own")
    answer.set_cookie("own", "1")
    return answer


def _with_session() -> str:
    session["own"] = 1
    return "own"


@each_row("view", [_with_token, _with_cookie, _with_session, lambda: ("gone", 404)])
def test_what_was_made_for_one_reader_is_not_kept(world: World, view: Callable[[], ResponseReturnValue]) -> None:
    world.forget_pages()
    for _turn in range(2):
        with world.make.app.test_request_context("/"):
            made = world.make.app.make_response(same_for_strangers(view)())
            assert "ETag" not in made.headers
            assert not made.cache_control.public
    assert not world.make.app.extensions["lms.whole_pages"]


def test_pages_for_strangers_hold_no_secret_and_read_no_table_that_is_left_out(
    world: World, stranger: FlaskClient, count_queries: CountQueries
) -> None:
    app = world.make.app
    with app.app_context():
        refresh_public_figures(by=SYSTEM, at=world.at)
    shared = [
        rule
        for rule in app.url_map.iter_rules()
        if getattr(app.view_functions[rule.endpoint], "is_same_for_strangers", False)
    ]
    values = {"slug": "cross-border", "lecture_id": world.held[0].id}
    for rule in shared:
        path = rule.rule.replace("<slug>", "cross-border").replace("<int:lecture_id>", str(values["lecture_id"]))
        if "<" in path:
            continue  # a published report, which tests/reports holds
        with count_queries() as asked:
            answer = stranger.get(path)
        assert is_shared(answer), path
        assert "csrf_token" not in answer.text
        assert "nonce" not in answer.headers["Content-Security-Policy"]
        assert "Set-Cookie" not in answer.headers
        read = set(re.findall(r'(?:FROM|JOIN|,) "?(\w+)"?', " ".join(asked))) & set(Base.metadata.tables)
        assert not read & tables_unread_by_strangers(), path
    assert {one.endpoint for one in shared} >= {
        "dashboards.home",
        "dashboards.series",
        "dashboards.lecture",
        "reports.impact",
    }


@pytest.mark.databases
@pytest.mark.usefixtures("context")
class TestStamps:
    def write(self, statement: str, *, ends: str = "commit") -> None:
        with db.engine.connect() as connection:
            connection.execute(text(statement))
            getattr(connection, ends)()

    def drawn(self) -> int | None:
        db.session.rollback()
        return cache_versions.stamp_of(STAMP)

    @pytest.mark.databases(differs=True)
    def test_whatever_writes_draws_one_as_it_commits(self) -> None:
        before = self.drawn()
        self.write("UPDATE series SET title = 'other'", ends="rollback")
        assert self.drawn() == before
        self.write("UPDATE series SET title = 'other'")
        after = self.drawn()
        assert after not in (None, before)
        self.write("SELECT * FROM series")
        assert self.drawn() == after

    def test_what_no_page_reads_draws_none(self) -> None:
        before = self.drawn()
        self.write('UPDATE "beat" SET seq = seq')
        self.write("DELETE FROM audit_entry WHERE id < 0")
        assert self.drawn() == before

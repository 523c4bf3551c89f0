"""Slides: which files become pages, who turns them, and which page viewers get."""

from __future__ import annotations

import io
import shutil
from datetime import timedelta
from typing import Any

import pikepdf
import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient
from PIL import Image
from sqlalchemy import select, update

from lms.catalogue.models import Lecture, LectureState
from lms.core.background import jobs
from lms.core.base.errors import Forbidden, Invalid, Refused
from lms.core.base.events import StoredFilesAsked, publish
from lms.core.base.roles import SYSTEM
from lms.core.database.session import action, db
from lms.core.storage import files
from lms.core.time import clock
from lms.materials.actions import remove_file, replace_file, upload_file
from lms.materials.models import Audience
from lms.slides import actions, rules
from lms.slides.models import DeckProblem, DeckState, SlideDeck
from lms.slides.queries import list_replay_turns, list_turns
from lms.slides.rules import Turn
from lms.streaming.addresses import media_address
from tests.factories import Make
from tests.rows import each_row
from tests.slides.pdf_files import pdf

NEVER_RUN = "app.launchURL('https://x.example', true);"


class Hall:
    """A live lecture with an instructor and a viewer."""

    def __init__(self, client: FlaskClient, make: Make) -> None:
        self.client, self.make = client, make
        self.teacher = make.person("Lin Yuhan", roles=["instructor"])
        self.series = make.series(instructors=[self.teacher])
        self.ada = make.person("Ada")
        make.enrolment(self.series, self.ada)
        began = clock.now() - timedelta(minutes=30)
        self.lecture = make.lecture(self.series, state="live", starts_at=began, actual_start=began)
        self.staff, self.id = make.actor(self.teacher), self.lecture.id

    def upload(self, content: bytes, name: str = "slides.pdf") -> str:
        with self.make.app.app_context():
            at = clock.now()
            return upload_file(self.id, io.BytesIO(content), name, Audience.ENROLLED, by=self.staff, at=at)

    def show(self, file_id: str) -> SlideDeck:
        with self.make.app.app_context():
            actions.show_file(self.id, file_id, by=self.staff, at=clock.now())
        return self.work()

    def work(self) -> SlideDeck:
        """Runs the tasks that wait; returns the newest deck."""
        with self.make.app.app_context():
            jobs.run_due()
            return db.session.scalars(select(SlideDeck).order_by(SlideDeck.id.desc())).one()

    def turn(self, deck: SlideDeck, page: int | None, **more: Any) -> None:
        with self.make.app.app_context():
            given = {"by": self.staff, "at": clock.now()} | more
            actions.turn_page(self.id, deck.version, page, **given)

    def turns(self) -> list[Turn]:
        with self.make.app.app_context():
            return list_turns(self.id)

    def stored(self) -> list[str]:
        with self.make.app.app_context():
            return [file.key for file in files.all_files("slides")]

    def snapshot(self) -> dict[str, Any]:
        with self.make.app.app_context():
            address = media_address(self.id, at=clock.now())
        return dict(self.client.get(f"{address}snapshot.json").json["slides"])


@pytest.fixture
def hall(client: FlaskClient, make: Make, app: APIFlask, monkeypatch: pytest.MonkeyPatch) -> Hall:
    monkeypatch.setattr("lms.slides.queries.STANDS_MS", 0)
    with app.app_context():
        shutil.rmtree(files.folder() / "slides", ignore_errors=True)
    return Hall(client, make)


def test_pages_become_pictures_and_text(hall: Hall) -> None:
    deck = hall.show(hall.upload(pdf(11)))
    assert (deck.state, deck.page_count) == (DeckState.READY, 11)
    assert len(hall.stored()) == 33
    address = hall.snapshot()["decks"][0]["address"]
    sizes = {"large": (1600, 900), "small": (640, 360)}
    for kind, size in sizes.items():
        answer = hall.client.get(f"{address}11-{kind}.webp")
        assert answer.mimetype == "image/webp"
        assert Image.open(io.BytesIO(answer.data)).size == size
    assert hall.client.get(f"{address}11.txt").text == "Page 11 of Ada"
    for name in ("12.txt", "0.txt", "1-huge.webp", "../1.txt", "1", "٣.txt"):
        assert hall.client.get(f"{address}{name}").status_code == 404
    forged = address.replace(address.split("/")[2], "none")
    assert hall.client.get(f"{forged}1.txt").status_code == 403


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (lambda: pdf(2_000, words=False), DeckProblem.TOO_LONG),
        (lambda: pdf(301, words=False), DeckProblem.TOO_LONG),
    ],
)
def test_long_files_are_refused_in_words(hall: Hall, content: Any, problem: DeckProblem) -> None:
    deck = hall.show(hall.upload(content()))
    assert (deck.state, deck.problem, deck.page_count) == (DeckState.REFUSED, problem, 0)
    assert hall.stored() == []
    hall.make.sign_in(hall.client, hall.teacher)
    assert "more than 300 pages" in hall.client.get(f"/lectures/{hall.id}/slides").text


def test_scripts_are_not_run_and_locked_files_not_taken(hall: Hall) -> None:
    assert hall.show(hall.upload(pdf(1, script=NEVER_RUN))).state is DeckState.READY
    with pytest.raises(Invalid, match="needs a password"):
        hall.upload(pdf(1, password="s3cret"))


@each_row(
    "content, problem",
    [
        (pdf(1, password="s3cret"), "locked"),
        (b"%PDF-1.7\nnothing", "unreadable"),
        (b"", "unreadable"),
        (pdf(0), "unreadable"),
    ],
)
def test_reader_says_what_is_wrong(content: bytes, problem: str) -> None:
    from lms.slides.rendering import render

    list(render(pdf(1, password="s3cret"), first=0, count=8))  # leaves its code behind
    values = list(render(content, first=0, count=8))
    assert [value.get("problem") for value in values] == [problem]


def test_pages_of_odd_shapes_stay_small(hall: Hall) -> None:
    made, out = pikepdf.new(), io.BytesIO()
    for size in ((14_400, 3), (3, 14_400), (3, 3)):
        made.add_blank_page(page_size=size)
    made.save(out)
    assert hall.show(hall.upload(out.getvalue())).page_count == 3
    address = hall.snapshot()["decks"][0]["address"]
    picture = Image.open(io.BytesIO(hall.client.get(f"{address}2-large.webp").data))
    assert max(picture.size) == 1600


def test_turns_are_stored_once(hall: Hall) -> None:
    deck = hall.show(hall.upload(pdf(3)))
    at = clock.now()
    hall.turn(deck, 1, at=at)
    hall.turn(deck, 1, at=at)
    hall.turn(deck, 2, at=at)
    hall.turn(deck, 0, at=at + timedelta(seconds=9), late_ms=4000)
    ms = clock.to_ms(at)
    assert [(turn.at_ms - ms, turn.page) for turn in hall.turns()] == [(0, 1), (1, 2), (5000, 0)]
    assert [turn[2] for turn in hall.snapshot()["turns"]] == [1, 2, 0]


def test_bad_turns_change_nothing(hall: Hall) -> None:
    deck = hall.show(hall.upload(pdf(3)))
    for page in (-1, 4, None):
        with pytest.raises(Invalid):
            hall.turn(deck, page)
    with pytest.raises(Invalid):
        hall.turn(deck, 1, late_ms=rules.LATE_MS + 1)
    with pytest.raises(Forbidden):
        hall.turn(deck, 1, by=hall.make.actor(hall.ada))
    other = SlideDeck(version="none")
    with pytest.raises(Invalid, match="no longer shown"):
        hall.turn(other, 1)
    assert hall.turns() == []


def test_ended_lecture_is_not_turned(hall: Hall) -> None:
    deck = hall.show(hall.upload(pdf(3)))
    hall.make.change(hall.lecture, state=LectureState.HELD, actual_end=clock.now())
    with pytest.raises(Refused):
        hall.turn(deck, 1)


def test_turns_are_bounded(hall: Hall, monkeypatch: pytest.MonkeyPatch) -> None:
    deck = hall.show(hall.upload(pdf(3)))
    monkeypatch.setattr(actions, "MOST_TURNS", 2)
    hall.turn(deck, 1)
    hall.turn(deck, 2)
    with pytest.raises(Refused, match="2 times"):
        hall.turn(deck, 3)


def test_pages_go_with_their_file(hall: Hall) -> None:
    file_id = hall.upload(pdf(2))
    deck = hall.show(file_id)
    hall.turn(deck, 2)
    with hall.make.app.app_context():
        remove_file(hall.id, file_id, by=hall.staff, at=clock.now())
    assert hall.stored() == []
    assert hall.turns() == []
    assert hall.snapshot() == {"decks": [], "turns": []}


def test_replaced_file_has_new_pages_and_its_turns(hall: Hall) -> None:
    file_id = hall.upload(pdf(2))
    before = hall.show(file_id).version
    deck = hall.work()
    hall.turn(deck, 2)
    with hall.make.app.app_context():
        replace_file(hall.id, file_id, io.BytesIO(pdf(4)), "better.pdf", by=hall.staff, at=clock.now())
    assert hall.snapshot()["decks"] == []
    deck = hall.work()
    assert (deck.page_count, deck.version != before) == (4, True)
    assert [turn.page for turn in hall.turns()] == [2]
    assert {key.split("/")[1] for key in hall.stored()} == {deck.version}


def test_file_of_another_kind_takes_the_slides_away(hall: Hall) -> None:
    file_id = hall.upload(pdf(2))
    hall.show(file_id)
    picture = io.BytesIO()
    Image.new("RGB", (4, 3)).save(picture, "PNG")
    with hall.make.app.app_context():
        replace_file(hall.id, file_id, picture, "map.png", by=hall.staff, at=clock.now())
        assert db.session.scalars(select(SlideDeck)).all() == []
    assert hall.stored() == []


def test_file_removed_while_its_pages_are_made(hall: Hall) -> None:
    file_id = hall.upload(pdf(2))
    with hall.make.app.app_context():
        actions.show_file(hall.id, file_id, by=hall.staff, at=clock.now())
        actions.hide_file(hall.id, file_id, by=hall.staff, at=clock.now())
        jobs.run_due()
    assert hall.stored() == []


def test_every_stored_page_belongs_to_a_row(hall: Hall) -> None:
    hall.show(hall.upload(pdf(2)))
    with hall.make.app.app_context():
        question = StoredFilesAsked(by=SYSTEM, at=clock.now())
        publish(question)
    assert set(hall.stored()) <= question.needed


def test_only_pdf_files_are_shown(hall: Hall) -> None:
    picture = io.BytesIO()
    Image.new("RGB", (4, 3)).save(picture, "PNG")
    file_id = hall.upload(picture.getvalue(), "map.png")
    with pytest.raises(Refused, match="Only PDF"):
        hall.show(file_id)


def test_room_of_viewer_and_presenter(hall: Hall) -> None:
    deck = hall.show(hall.upload(pdf(2)))
    hall.turn(deck, 2)
    hall.make.sign_in(hall.client, hall.ada)
    assert 'data-testid="slides"' in hall.client.get(f"/lectures/{hall.id}/room").text
    answer = hall.client.post(f"/lectures/{hall.id}/slides/turn", data={"deck": deck.version, "page": 1})
    assert answer.status_code in {302, 403}
    hall.make.sign_in(hall.client, hall.teacher)
    assert 'data-testid="present"' in hall.client.get(f"/lectures/{hall.id}/room").text
    assert list_of(hall) == [2]


def list_of(hall: Hall) -> list[int]:
    return [turn.page for turn in hall.turns()]


def test_replay_without_recording_has_no_turns(hall: Hall) -> None:
    deck = hall.show(hall.upload(pdf(2)))
    hall.turn(deck, 2)

    @action
    def end() -> None:
        values = {"state": LectureState.HELD, "actual_end": clock.now()}
        db.session.execute(update(Lecture).where(Lecture.id == hall.id).values(**values))

    with hall.make.app.app_context():
        end()
        assert list_replay_turns(hall.id) == []

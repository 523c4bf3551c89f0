"""Uploads in pieces: what breaks off continues, what is whole is checked like any file, what is left is removed."""

from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any

import pikepdf
import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient

from lms.catalogue.models import Lecture
from lms.config import Config
from lms.core.background import leases
from lms.core.base.errors import Refused
from lms.core.storage import files
from lms.core.time import clock
from lms.materials import resumable_uploads
from lms.materials.models import Audience, FileState
from lms.materials.queries import get_files_to_edit
from lms.materials.resumable_uploads import FOLDER, KEPT, MAX_UNFINISHED, PIECE_BYTES, begin_upload, drop_old_uploads
from lms.people.models import Person
from tests.factories import Make


@pytest.fixture(autouse=True)
def _no_files(app: APIFlask) -> None:
    """The folder is that of all tests: each begins without files in it."""
    with app.app_context():
        for folder in ("materials", FOLDER):
            files.delete_folder(folder)


@pytest.fixture
def ines(make: Make) -> Person:
    return make.person("Ines", roles=["instructor"])


@pytest.fixture
def lecture(make: Make, ines: Person) -> Lecture:
    return make.lecture(make.series("trade", "Trade", instructors=[ines]), instructors=[ines])


@pytest.fixture
def slides() -> bytes:
    made, out = pikepdf.new(), io.BytesIO()
    made.add_blank_page()
    made.save(out)
    return out.getvalue()


@pytest.fixture
def staff(client: FlaskClient, make: Make, ines: Person, unprotected: None) -> FlaskClient:
    """Ines in a browser; forms are sent without their token."""
    make.sign_in(client, ines)
    return client


class Sending:
    """A file as the script of the page sends it."""

    def __init__(self, client: FlaskClient, lecture: Lecture, content: bytes, name: str = "slides.pdf") -> None:
        self.client, self.content, self.path = client, content, f"/lectures/{lecture.id}"
        self.about = {"name": name, "size": len(content), "modified": 1_700_000_000_000}
        self.id = ""

    def begin(self, **more: Any) -> Any:
        answer = self.client.post(f"{self.path}/uploads", data=self.about | more)
        self.id = answer.json.get("id", self.id)
        return answer

    def piece(self, start: int, end: int, offset: int | None = None) -> Any:
        data = {"offset": start if offset is None else offset, "piece": (io.BytesIO(self.content[start:end]), "piece")}
        return self.client.post(f"{self.path}/uploads/{self.id}", data=data)

    def finish(self, audience: str = "everyone", to: str = "files") -> Any:
        data, headers = {"upload": self.id, "audience": audience}, {"Accept": "application/json"}
        return self.client.post(f"{self.path}/{to}", data=data, headers=headers)


def stored_names(app: APIFlask) -> list[str]:
    """What is kept of uploads, notes aside."""
    with app.app_context():
        keys = [file.key for file in files.all_files(FOLDER) if not file.key.endswith(".json")]
        return [key.rpartition("/")[2] for key in keys]


def listed(app: APIFlask, make: Make, lecture: Lecture, ines: Person) -> list[Any]:
    with app.app_context():
        return get_files_to_edit(lecture.id, by=make.actor(ines))[1]


def test_a_file_in_pieces_is_saved_like_one_in_a_request(
    app: APIFlask, staff: FlaskClient, make: Make, lecture: Lecture, ines: Person, slides: bytes
) -> None:
    sending = Sending(staff, lecture, slides)
    assert sending.begin().json == {"id": sending.id, "received": 0, "saved": False}
    assert sending.piece(0, 100).json == {"received": 100}
    # the connection breaks off; the same file is chosen again
    assert sending.begin().json["received"] == 100
    early = sending.finish()
    assert (early.status_code, early.json["saved"]) == (409, False)
    assert "not complete" in early.json["reason"]
    assert listed(app, make, lecture, ines) == []
    assert sending.piece(100, len(slides)).json == {"received": len(slides)}
    assert listed(app, make, lecture, ines) == []  # whole, but not yet checked
    for _n in range(2):  # the answer was lost: it is asked for again
        assert sending.finish().json == {"saved": True, "reason": ""}
    (file,) = listed(app, make, lecture, ines)
    assert (file.title, file.file_name, file.audience, file.state) == (
        "slides", "slides.pdf", Audience.EVERYONE, FileState.READY,
    )  # fmt: skip
    assert staff.get(f"/lectures/{lecture.id}/files/{file.public_id}").data == slides
    assert sending.begin().json["saved"] is True
    assert stored_names(app) == []


def test_a_piece_is_added_only_where_it_belongs(staff: FlaskClient, lecture: Lecture, slides: bytes) -> None:
    sending = Sending(staff, lecture, slides)
    sending.begin()
    sending.piece(0, 50)
    assert sending.piece(0, 50).json == {"received": 50}  # twice
    assert sending.piece(200, 300).json == {"received": 50}  # one between is missing
    over = sending.piece(0, len(slides), offset=50)
    assert (over.status_code, "Choose it again" in over.json["reason"]) == (413, True)
    assert sending.begin().json["received"] == 50


def test_of_two_pieces_at_once_one_is_added(app: APIFlask) -> None:
    def add(piece: bytes) -> int:
        with app.app_context():
            return files.append(f"{FOLDER}/1/both", piece, offset=0)

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(add, [b"a" * 9, b"b" * 9])) == [9, 9]
    with app.app_context(), files.local_copy(f"{FOLDER}/1/both") as path:
        assert path.read_bytes() in {b"a" * 9, b"b" * 9}


def test_what_is_no_file_of_its_name_is_refused_and_forgotten(
    app: APIFlask, staff: FlaskClient, make: Make, lecture: Lecture, ines: Person
) -> None:
    program = Sending(staff, lecture, b"MZ" + bytes(99), "slides.pptx")
    program.begin()
    program.piece(0, 101)
    refused = program.finish()
    assert (refused.status_code, "Windows program" in refused.json["reason"]) == (415, True)
    assert (stored_names(app), listed(app, make, lecture, ines)) == ([], [])
    assert program.begin().json["received"] == 0


def test_a_file_is_replaced_by_an_upload_in_pieces(
    app: APIFlask, staff: FlaskClient, make: Make, lecture: Lecture, ines: Person, slides: bytes
) -> None:
    first = Sending(staff, lecture, slides)
    first.begin()
    first.piece(0, len(slides))
    first.finish()
    (file,) = listed(app, make, lecture, ines)
    other = Sending(staff, lecture, slides + b"\n", "again.pdf")
    other.begin()
    other.piece(0, len(slides) + 1)
    assert other.finish(to=f"files/{file.public_id}/content").json["saved"] is True
    (replaced,) = listed(app, make, lecture, ines)
    assert (replaced.public_id, replaced.file_name) == (file.public_id, "again.pdf")


def test_limits_are_said_before_anything_is_sent(
    app: APIFlask, staff: FlaskClient, lecture: Lecture, monkeypatch: pytest.MonkeyPatch
) -> None:
    config: Config = app.extensions["lms.config"]
    monkeypatch.setattr(config, "max_material_mb", 1)
    sending = Sending(staff, lecture, b"x")
    large = sending.begin(size=1024 * 1024 + 1)
    assert (large.status_code, large.json) == (413, {"reason": "The file is larger than 1 MB."})
    assert sending.begin(size=0).status_code == 422
    assert sending.begin(name="x" * 301).status_code == 422
    assert [sending.begin(modified=n).status_code for n in range(MAX_UNFINISHED)] == [200] * MAX_UNFINISHED
    many = sending.begin(modified=99)
    assert (many.status_code, "20 unfinished uploads" in many.json["reason"]) == (409, True)
    assert sending.begin(modified=1).status_code == 200  # one that was begun continues
    sending.content = bytes(PIECE_BYTES + 128 * 1024)
    assert sending.piece(0, len(sending.content)).status_code == 413


def test_uploads_that_begin_at_once_stay_within_the_limit(
    app: APIFlask, make: Make, lecture: Lecture, ines: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lms.materials.resumable_uploads.MAX_UNFINISHED", 3)
    by, began = make.actor(ines), Barrier(8)

    def begin(number: int) -> bool:
        with app.app_context():
            began.wait(30)
            try:
                begin_upload(lecture.id, f"{number}.pdf", 10, 1_700_000_000_000, by=by)
            except Refused:
                return False
            return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(begin, range(8))) == 3


def test_an_upload_is_its_uploaders_alone(
    app: APIFlask, staff: FlaskClient, make: Make, lecture: Lecture, slides: bytes
) -> None:
    sending = Sending(staff, lecture, slides, "plan of 2027.pdf")
    sending.begin()
    sending.piece(0, 50)
    page = staff.get(f"/lectures/{lecture.id}/files").text
    assert "plan of 2027.pdf" in page
    assert 'value="50"' in page
    make.sign_in(staff, make.person(roles=["administrator"]))
    assert "plan of 2027.pdf" not in staff.get(f"/lectures/{lecture.id}/files").text
    assert sending.piece(50, 60).status_code == 404
    assert sending.finish().status_code == 404
    staff.post(f"{sending.path}/uploads/{sending.id}/discard")
    assert len(stored_names(app)) == 1
    for strange in ("..", "x" * 32, "0" * 31):
        assert staff.post(f"{sending.path}/files", data={"upload": strange, "audience": "everyone"}).status_code == 404


@pytest.mark.present
def test_what_is_left_of_broken_uploads_goes(
    app: APIFlask, staff: FlaskClient, make: Make, lecture: Lecture, ines: Person, slides: bytes
) -> None:
    discarded, left = Sending(staff, lecture, slides), Sending(staff, lecture, slides, "left.pdf")
    for sending in (discarded, left):
        sending.begin()
        sending.piece(0, 50)
    assert staff.post(f"{discarded.path}/uploads/{discarded.id}/discard").status_code == 303
    assert stored_names(app) == [left.id]
    with app.app_context():
        drop_old_uploads(at=clock.now() + KEPT - timedelta(minutes=1))
        assert stored_names(app) == [left.id]
        drop_old_uploads(at=clock.now() + KEPT + timedelta(minutes=1))
        assert stored_names(app) == []
        assert begin_upload(lecture.id, "left.pdf", len(slides), 1_700_000_000_000, by=make.actor(ines)).received == 0


def test_who_begins_many_uploads_at_once_is_asked_to_wait(
    app: APIFlask, staff: FlaskClient, lecture: Lecture, ines: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resumable_uploads, "LEASE_SECONDS", 0)
    with app.app_context():
        assert leases.acquire(f"uploads/staged/uploads/{ines.id}", "another page", 60)
    answer = staff.post(f"/lectures/{lecture.id}/uploads", data={"name": "a.pdf", "size": 10, "modified": 1})
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "60")
    assert "Another of your uploads is being begun." in answer.text

"""Files of lectures: what is taken, who can open it, in which order, and what the virus scanner says."""

from __future__ import annotations

import io
import re
import shutil
import socket
import struct
import threading
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import pikepdf
import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient
from PIL import Image
from sqlalchemy import func, select, update

from lms.catalogue.models import Lecture, LectureState, Series
from lms.config import Config
from lms.core.base.errors import DomainError, Forbidden, Invalid, NotFound, Refused, WrongKind
from lms.core.base.roles import ANONYMOUS, Actor
from lms.core.database.session import db
from lms.core.storage import files
from lms.core.time import clock
from lms.materials import actions
from lms.materials.models import Audience, FileState, LectureFile
from lms.materials.queries import get_file_to_open, get_files_to_edit, list_files
from lms.people.models import Person
from tests.factories import Make
from tests.rows import each_row


@cache
def pdf(text: str = "slides") -> bytes:
    made, out = pikepdf.new(), io.BytesIO()
    made.add_blank_page()
    made.docinfo["/Title"] = text
    made.save(out)
    return out.getvalue()


def packed(*names: str, content: bytes = b"x") -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made:
        for name in names:
            made.writestr(name, content)
    return out.getvalue()


def picture(form: str, size: tuple[int, int] = (4, 3)) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size).save(out, form)
    return out.getvalue()


PPTX = ("[Content_Types].xml", "ppt/presentation.xml")


@pytest.fixture(autouse=True)
def _no_files(app: APIFlask) -> None:
    """The folder is that of all tests: each begins without files in it."""
    with app.app_context():
        shutil.rmtree(files.folder() / "materials", ignore_errors=True)


@pytest.fixture
def ines(make: Make) -> Person:
    return make.person("Ines", roles=["instructor"])


@pytest.fixture
def series(make: Make, ines: Person) -> Series:
    return make.series("trade", "Trade", instructors=[ines])


@pytest.fixture
def lecture(make: Make, series: Series) -> Lecture:
    return make.lecture(series, "Opening")


@pytest.fixture
def staff(make: Make, ines: Person) -> Actor:
    return make.actor(ines)


def upload(
    lecture: Lecture, by: Actor, content: bytes | None = None, name: str = "a.pdf", who: Audience = Audience.ENROLLED
) -> str:
    given = pdf() if content is None else content
    return actions.upload_file(lecture.id, io.BytesIO(given), name, who, by=by, at=clock.now())


class TestWhatIsTaken:
    @each_row(
        "name, content, kind",
        [
            ("Slides_of day 1.PDF", pdf(), "pdf"),
            ("deck.pptx", packed(*PPTX), "pptx"),
            ("notes.docx", packed("[Content_Types].xml", "word/document.xml"), "docx"),
            ("duty.xlsx", packed("[Content_Types].xml", "xl/workbook.xml"), "xlsx"),
            ("photos.zip", packed("a/b.txt"), "zip"),
            ("map.png", picture("PNG"), "png"),
            ("map.jpeg", picture("JPEG"), "jpg"),
            ("map.gif", picture("GIF"), "gif"),
            ("map.webp", picture("WEBP"), "webp"),
        ],
    )
    @pytest.mark.usefixtures("context")
    def test_by_its_content(self, lecture: Lecture, staff: Actor, name: str, content: bytes, kind: str) -> None:
        file_id = upload(lecture, staff, content, name)
        row, _is_staff = get_file_to_open(lecture.id, file_id, by=staff)
        assert (row.kind, row.size, files.find(row.key)) == (kind, len(content), content)
        assert row.file_name.endswith(f".{kind}")

    @each_row(
        "name, content, error, says",
        [
            ("slides.pptx", b"MZ" + bytes(200), WrongKind, "Windows program"),
            ("slides.pptx", packed("readme.txt"), WrongKind, "does not match its extension: it is a ZIP"),
            ("slides.pdf", picture("PNG"), WrongKind, "it is a PNG"),
            ("slides", pdf(), WrongKind, "does not match its extension"),
            ("slides.pptx", packed(*PPTX, "ppt/vbaProject.bin"), WrongKind, "macros"),
            ("old.ppt", b"\xd0\xcf\x11\xe0" + bytes(99), WrongKind, "an old format"),
            ("page.html", b"<script>alert(1)</script>", WrongKind, "Upload a PDF"),
            ("drawing.svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>", WrongKind, "Upload a PDF"),
            ("slides.pdf", pdf()[:200], Invalid, "damaged"),
            ("slides.zip", packed("a.txt")[:40], Invalid, "damaged"),
            ("map.png", picture("PNG")[:30], Invalid, "“map.png” is damaged: its content is not a PNG file"),
            ("slides.pdf", b"garbage" * 99, Invalid, "“slides.pdf” is damaged: its content is not a PDF file"),
            ("lecture.mp4", b"anything", WrongKind, "This is a video. Once the lecture has been held"),
            ("lecture", bytes(4) + b"ftypmp42" + bytes(99), WrongKind, "This is a video"),
            ("slides.pdf", b"\x1aE\xdf\xa3" + bytes(99), WrongKind, "This is a video"),
            ("bomb.zip", packed("a", content=bytes(10_000_000)), Invalid, "unpacks to too much"),
            ("up.zip", packed("../../etc/cron.d/x"), Invalid, "outside its folder"),
            ("empty.pdf", b"", Invalid, "empty"),
        ],
    )
    @pytest.mark.usefixtures("context")
    def test_other_files_are_refused_and_nothing_is_kept(
        self, lecture: Lecture, staff: Actor, name: str, content: bytes, error: type[DomainError], says: str
    ) -> None:
        with pytest.raises(error, match=says):
            upload(lecture, staff, content, name)
        assert db.session.scalar(select(func.count()).select_from(LectureFile)) == 0
        assert not list(files.folder().glob("materials/*"))

    @pytest.mark.usefixtures("context")
    def test_the_same_content_once_and_at_most_sixty(
        self, lecture: Lecture, staff: Actor, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        upload(lecture, staff, pdf("one"), "one.pdf")
        with pytest.raises(Refused, match="in the list already, as “one”"):
            upload(lecture, staff, pdf("one"), "again.pdf")
        monkeypatch.setattr(actions, "MAX_FILES", 1)
        with pytest.raises(Refused, match="can have 1 files"):
            upload(lecture, staff, pdf("two"), "two.pdf")
        assert len(list(files.folder().glob("materials/*"))) == 1

    @pytest.mark.usefixtures("context")
    def test_names_are_safe(self, lecture: Lecture, staff: Actor) -> None:
        upload(lecture, staff, pdf("1"), 'C:\\Users\\me\\..\\a"b<c>\r\nX: y_z.pdf')
        upload(lecture, staff, pdf("2"), "مقدمة.pdf")
        _lecture, file_list = get_files_to_edit(lecture.id, by=staff)
        assert [(one.title, one.file_name) for one in file_list] == [
            ('a"b<c> X: y z', "abc X y_z.pdf"),
            ("مقدمة", "مقدمة.pdf"),
        ]


class TestWhoCanOpen:
    @pytest.mark.databases
    @pytest.mark.usefixtures("context")
    def test_by_audience_and_state(self, make: Make, series: Series, lecture: Lecture, staff: Actor) -> None:
        trainee, other = make.person(), make.person()
        make.enrolment(series, trainee)
        ids = {who: upload(lecture, staff, pdf(who.value), f"{who.value}.pdf", who) for who in Audience}

        def opens(by: Actor) -> set[Audience]:
            audiences = set()
            for who, file_id in ids.items():
                try:
                    get_file_to_open(lecture.id, file_id, by=by)
                except NotFound:
                    continue
                audiences.add(who)
            return audiences

        readers = [ANONYMOUS, make.actor(other), make.actor(trainee), staff]
        everyone, enrolled = {Audience.EVERYONE}, {Audience.EVERYONE, Audience.ENROLLED}
        assert [opens(by) for by in readers] == [everyone, everyone, enrolled, set(Audience)]
        row = db.session.get_one(Lecture, lecture.id)
        shown = list_files(row, enrolled=True, by=readers[2])
        assert [(one.audience, one.opens, one.downloads) for one in shown] == [
            (Audience.ENROLLED, True, None),
            (Audience.EVERYONE, True, None),
            (Audience.AFTERWARDS, False, None),
        ]
        row.state = LectureState.HELD
        db.session.commit()
        assert [opens(by) for by in readers] == [everyone, everyone, set(Audience), set(Audience)]

    @pytest.mark.usefixtures("context")
    def test_files_of_a_draft_are_for_its_staff(self, make: Make, series: Series, staff: Actor) -> None:
        draft = make.lecture(series, "Later", state=LectureState.DRAFT)
        file_id = upload(draft, staff, who=Audience.EVERYONE)
        for by in (ANONYMOUS, make.actor(make.person())):
            with pytest.raises(NotFound):
                get_file_to_open(draft.id, file_id, by=by)

    @pytest.mark.usefixtures("context")
    def test_only_staff_changes_anything(self, make: Make, lecture: Lecture, staff: Actor) -> None:
        file_id = upload(lecture, staff)
        stranger = make.actor(make.person(roles=["instructor"]))
        for refused in (
            lambda: upload(lecture, stranger, pdf("x")),
            lambda: actions.edit_file(lecture.id, file_id, "x", Audience.EVERYONE, by=stranger, at=clock.now()),
            lambda: actions.move_file(lecture.id, file_id, 1, by=stranger, at=clock.now()),
            lambda: actions.remove_file(lecture.id, file_id, by=stranger, at=clock.now()),
            lambda: actions.replace_file(
                lecture.id, file_id, io.BytesIO(pdf("y")), "y.pdf", by=stranger, at=clock.now()
            ),
        ):
            with pytest.raises(Forbidden):
                refused()
        assert len(get_files_to_edit(lecture.id, by=staff)[1]) == 1


@pytest.mark.databases
class TestTheList:
    @pytest.mark.usefixtures("context")
    def test_is_ordered_renamed_replaced_and_emptied(self, lecture: Lecture, staff: Actor) -> None:
        at = clock.now()
        first, second, third = (upload(lecture, staff, pdf(name), f"{name}.pdf") for name in "abc")

        def titles() -> list[str]:
            return [one.title for one in get_files_to_edit(lecture.id, by=staff)[1]]

        for _twice in range(2):  # a form that is sent again changes nothing more
            actions.move_file(lecture.id, third, 1, by=staff, at=at)
            assert titles() == ["c", "a", "b"]
        actions.move_file(lecture.id, third, 99, by=staff, at=at)
        assert titles() == ["a", "b", "c"]
        actions.edit_file(lecture.id, first, " Slides  of day 1 ", Audience.EVERYONE, by=staff, at=at)
        with pytest.raises(Invalid, match="Enter a name"):
            actions.edit_file(lecture.id, first, "\u200b", Audience.EVERYONE, by=staff, at=at)
        before = get_file_to_open(lecture.id, first, by=staff)[0].key
        with pytest.raises(Refused, match="in the list already, as “b”"):
            actions.replace_file(lecture.id, first, io.BytesIO(pdf("b")), "new.pdf", by=staff, at=at)
        actions.replace_file(lecture.id, first, io.BytesIO(picture("PNG")), "new.png", by=staff, at=at)
        row, _is_staff = get_file_to_open(lecture.id, first, by=staff)
        assert (row.title, row.kind, row.file_name) == ("Slides of day 1", "png", "new.png")
        assert (files.has(before), files.find(row.key)) == (False, picture("PNG"))
        for _twice in range(2):
            actions.remove_file(lecture.id, second, by=staff, at=at)
        assert titles() == ["Slides of day 1", "c"]
        assert len(list(files.folder().glob("materials/*"))) == 2

    @pytest.mark.databases(differs=True)
    def test_the_same_file_from_two_people_at_once_is_one(
        self, app: APIFlask, make: Make, lecture: Lecture, ines: Person
    ) -> None:
        staff, content = make.actor(ines), pdf("race")

        def send(_number: int) -> str:
            with app.app_context():
                try:
                    return upload(lecture, staff, content)
                except Refused as error:
                    return error.message

        with ThreadPoolExecutor(4) as pool:
            answers = list(pool.map(send, range(4)))
        assert sum("in the list already" in one for one in answers) == 3
        with app.app_context():
            assert len(get_files_to_edit(lecture.id, by=staff)[1]) == 1
            assert len(list(files.folder().glob("materials/*"))) == 1


@pytest.mark.usefixtures("unprotected")
class TestPages:
    def send(self, client: FlaskClient, lecture: Lecture, content: bytes, name: str, **more: Any) -> Any:
        data = {"file": (io.BytesIO(content), name), "audience": "everyone"}
        return client.post(f"/lectures/{lecture.id}/files", data=data, **more)

    def test_upload_says_what_is_wrong_at_the_field(
        self, client: FlaskClient, make: Make, lecture: Lecture, ines: Person
    ) -> None:
        make.sign_in(client, ines)
        assert self.send(client, lecture, pdf(), "slides.pdf").status_code == 303
        for page in (f"/lectures/{lecture.id}", f"/lectures/{lecture.id}/files"):
            assert re.search(r"PDF, <bdi>\d+ kB</bdi>", client.get(page).text), "not of the Latin run in Arabic"
        refused = self.send(client, lecture, b"MZ" + bytes(99), "slides.pptx")
        assert (refused.status_code, "Windows program" in refused.text) == (415, True)
        assert client.post(f"/lectures/{lecture.id}/files", data={"audience": "everyone"}).status_code == 422
        assert self.send(client, lecture, pdf("x"), "x.pdf", headers={"Accept": "application/json"}).json == {
            "saved": True,
            "reason": "",
        }
        answer = self.send(client, lecture, pdf("x"), "x.pdf", headers={"Accept": "application/json"})
        assert (answer.status_code, answer.json["saved"]) == (409, False)
        assert "in the list already" in answer.json["reason"]

    def test_a_video_is_sent_to_the_recording(
        self, app: APIFlask, client: FlaskClient, make: Make, lecture: Lecture, ines: Person
    ) -> None:
        make.sign_in(client, ines)
        assert "once it has been held" in client.get(f"/lectures/{lecture.id}/files").text
        with app.app_context():
            db.session.execute(update(Lecture).where(Lecture.id == lecture.id).values(state=LectureState.HELD))
            db.session.commit()
        refused = self.send(client, lecture, b"anything", "lecture.mp4")
        assert refused.status_code == 415
        assert refused.text.count(f'href="/lectures/{lecture.id}/recording#upload"') == 2  # and for the script

    def test_a_file_larger_than_allowed_is_413(
        self, app: APIFlask, client: FlaskClient, make: Make, lecture: Lecture, ines: Person,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:  # fmt: skip
        make.sign_in(client, ines)
        config: Config = app.extensions["lms.config"]
        monkeypatch.setattr(config, "max_material_mb", 1)
        answer = self.send(client, lecture, pdf() + bytes(1024 * 1024 + 1), "large.pdf")
        assert (answer.status_code, "larger than 1 MB" in answer.text) == (413, True)
        assert self.send(client, lecture, bytes(1024 * 1024 + 128 * 1024), "large.pdf").status_code == 413

    def test_delivery_is_safe_and_in_ranges(
        self, app: APIFlask, client: FlaskClient, make: Make, lecture: Lecture, ines: Person
    ) -> None:
        content = pdf()
        with app.app_context():
            file_id = upload(lecture, make.actor(ines), content, "Zölle.pdf", Audience.EVERYONE)
        url = f"/lectures/{lecture.id}/files/{file_id}"
        whole = client.get(url)
        assert (whole.status_code, whole.data) == (200, content)
        assert whole.mimetype == "application/pdf"
        assert whole.headers["Content-Disposition"] == (
            "attachment; filename=Zolle.pdf; filename*=UTF-8''Z%C3%B6lle.pdf"
        )
        assert whole.headers["X-Content-Type-Options"] == "nosniff"
        assert whole.headers["Content-Security-Policy"] == "default-src 'none'; sandbox; frame-ancestors 'none'"
        rest = client.get(url, headers={"Range": "bytes=100-", "If-Range": whole.headers["ETag"]})
        assert (rest.status_code, rest.data) == (206, content[100:])
        assert client.get(url, headers={"Range": f"bytes={len(content) + 1}-"}).status_code == 416
        assert client.get(url, headers={"If-None-Match": whole.headers["ETag"]}).status_code == 304
        assert client.head(url).status_code == 200
        assert client.get(url, headers={"Range": "bytes=0-9"}).status_code == 206
        make.sign_in(client, ines)
        client.get(url)
        page = client.get(f"/lectures/{lecture.id}/files").text
        assert "2 downloads" in page  # the whole, and the one begun; neither ranges that go on nor the staff's

    def test_who_is_not_signed_in_is_asked_to(
        self, app: APIFlask, client: FlaskClient, make: Make, lecture: Lecture, ines: Person
    ) -> None:
        with app.app_context():
            file_id = upload(lecture, make.actor(ines))
        for name in (file_id, "no-such-file"):
            answer = client.get(f"/lectures/{lecture.id}/files/{name}")
            assert (answer.status_code, "/sign-in" in answer.headers["Location"]) == (302, True)
        make.sign_in(client, make.person())
        assert client.get(f"/lectures/{lecture.id}/files/{file_id}").status_code == 404

    def test_the_lecture_page_lists_what_its_reader_can_open(
        self, app: APIFlask, client: FlaskClient, make: Make, lecture: Lecture, ines: Person
    ) -> None:
        assert "For all" not in client.get(f"/lectures/{lecture.id}").text
        with app.app_context():
            upload(lecture, make.actor(ines), pdf("1"), "For all.pdf", Audience.EVERYONE)
            upload(lecture, make.actor(ines), pdf("2"), "For some.pdf", Audience.ENROLLED)
        page = client.get(f"/lectures/{lecture.id}").text  # kept before the upload, and made anew
        assert ("For all" in page, "For some" in page) == (True, False)


@dataclass
class Daemon:
    """Answers as clamd does (clamd(8)): INSTREAM in pieces with their length before them, ended by a length of 0."""

    limit: int = 1_000_000
    seen: list[bytes] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.server = socket.create_server(("127.0.0.1", 0))
        self.address = f"clamd://127.0.0.1:{self.server.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                end, _address = self.server.accept()
            except OSError:
                return
            with end, end.makefile("rb") as stream:
                assert stream.read(10) == b"zINSTREAM\0"
                content = b""
                while length := struct.unpack("!I", stream.read(4))[0]:
                    content += stream.read(length)
                    if len(content) > self.limit:
                        break
                self.seen.append(content)
                if len(content) > self.limit:
                    end.sendall(b"INSTREAM size limit exceeded. ERROR\0")
                elif b"EICAR" in content:
                    end.sendall(b"stream: Eicar-Test-Signature FOUND\0")
                else:
                    end.sendall(b"stream: OK\0")

    def close(self) -> None:
        self.server.close()


@pytest.fixture
def daemon() -> Iterator[Daemon]:
    made = Daemon()
    yield made
    made.close()


@pytest.mark.databases
@pytest.mark.usefixtures("context")
class TestScanner:
    @pytest.fixture
    def set_scanner(self, app: APIFlask, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
        config: Config = app.extensions["lms.config"]
        return lambda address: monkeypatch.setattr(config, "scanner", address)

    def states(self, lecture: Lecture, staff: Actor) -> list[tuple[FileState, str | None]]:
        return [(one.state, one.finding) for one in get_files_to_edit(lecture.id, by=staff)[1]]

    def test_nobody_opens_a_file_before_it_was_scanned(
        self, make: Make, lecture: Lecture, staff: Actor, daemon: Daemon, set_scanner: Callable[[str], None]
    ) -> None:
        set_scanner(daemon.address)
        clean, infected = packed("a.txt"), packed("EICAR")
        good = upload(lecture, staff, clean, "good.zip", Audience.EVERYONE)
        bad = upload(lecture, staff, infected, "bad.zip", Audience.EVERYONE)
        for file_id in (good, bad):
            with pytest.raises(NotFound):
                get_file_to_open(lecture.id, file_id, by=ANONYMOUS)
        assert actions.scan_waiting_files() == 2
        assert daemon.seen == [clean, infected]
        assert self.states(lecture, staff) == [
            (FileState.READY, None),
            (FileState.REFUSED, "Eicar-Test-Signature"),
        ]
        get_file_to_open(lecture.id, good, by=ANONYMOUS)
        with pytest.raises(NotFound):
            get_file_to_open(lecture.id, bad, by=ANONYMOUS)
        assert actions.scan_waiting_files() == 0

    def test_while_the_scanner_is_away_files_wait(
        self, lecture: Lecture, staff: Actor, set_scanner: Callable[[str], None]
    ) -> None:
        set_scanner("clamd:///no/such/socket")
        upload(lecture, staff)
        assert actions.scan_waiting_files() == 0
        assert self.states(lecture, staff) == [(FileState.WAITING, None)]
        set_scanner("")
        assert actions.scan_waiting_files() == 1
        assert self.states(lecture, staff) == [(FileState.READY, None)]

    def test_a_file_that_the_scanner_does_not_take_is_refused(
        self, lecture: Lecture, staff: Actor, daemon: Daemon, set_scanner: Callable[[str], None]
    ) -> None:
        daemon.limit = 10
        set_scanner(daemon.address)
        upload(lecture, staff)
        assert actions.scan_waiting_files() == 1
        assert self.states(lecture, staff) == [(FileState.REFUSED, "INSTREAM size limit exceeded.")]

"""The page of a recording: download, trimming, chapters, removal, upload; and the administrators' list."""

from __future__ import annotations

import io
import re
from datetime import timedelta
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from lms.attendance.actions.closing import close_attendance
from lms.catalogue.actions.states import undo_start
from lms.catalogue.actions.translations import translate_lecture
from lms.catalogue.models import Lecture
from lms.core.background import jobs
from lms.core.background.jobs import Job, JobState
from lms.core.base.errors import Refused
from lms.core.base.roles import SYSTEM
from lms.core.database.session import action, db
from lms.core.storage import files
from lms.core.storage.locks import locked_folder
from lms.core.time import clock
from lms.recordings import downloads, uploads
from lms.streaming.models import Epoch, Stream, Track
from lms.streaming.queries import find_stream, list_chapters, replay_parts, stream_status
from tests.factories import Make
from tests.forms import token_in
from tests.recordings.recorded import held_lecture, mp4, package, record
from tests.rows import each_row
from tests.streaming.media import run_ffmpeg


class Staff:
    """An instructor in the browser, with a lecture that was held."""

    def __init__(self, client: FlaskClient, make: Make) -> None:
        self.client, self.make = client, make
        self.teacher = make.person("Lin Yuhan", roles=["instructor"])
        self.lecture: Lecture = held_lecture(make, series=make.series(instructors=[self.teacher]), title="Customs")
        make.sign_in(client, self.teacher)
        self.path = f"/lectures/{self.lecture.id}/recording"

    def record(self, *lengths_ms: int) -> None:
        with self.make.app.app_context():
            record(db.session.get_one(Lecture, self.lecture.id), *lengths_ms)

    def page(self) -> str:
        return self.client.get(self.path).text

    def post(self, part: str, **fields: object) -> tuple[int, str]:
        csrf = token_in(self.page())
        answer = self.client.post(f"{self.path}/{part}", data={"csrf_token": csrf, **fields})
        return answer.status_code, self.page() if answer.status_code == 303 else answer.text

    def stream(self) -> Stream | None:
        return find_stream(self.lecture.id, Track.MAIN)


@pytest.fixture
def staff(client: FlaskClient, make: Make) -> Staff:
    return Staff(client, make)


def parts(staff: Staff) -> list[tuple[int, int]]:
    """Position and length of the parts of the replay, and their time of day against the start of the lecture."""
    return [(part.position_ms, part.length_ms) for part in replay_parts(staff.lecture.id)]


def test_trimming_changes_the_replay_and_can_be_undone(staff: Staff) -> None:
    staff.record(20_000, 20_000)
    status, page = staff.post("trim", start="0:00:05", end="0:00:31")
    assert (status, "Viewers see 0:00:26 of 0:00:40." in page) == (303, True)
    with staff.make.app.app_context():
        stream = staff.stream()
        assert stream is not None
        assert (stream.trim_from_ms, stream.trim_until_ms) == (4000, 30_000)
        first, second = replay_parts(staff.lecture.id)
        assert staff.lecture.actual_start is not None
        start_ms = clock.to_ms(staff.lecture.actual_start)
        assert (first.position_ms, first.wall_ms, first.length_ms) == (0, start_ms + 4000, 16_000)
        assert (second.position_ms, second.wall_ms, second.length_ms) == (16_000, start_ms + 80_000, 10_000)
        assert stream_status(staff.lecture.id, at=clock.now()).is_trimmed
        folder = stream.public_id
    media = re.search(r'data-media="([^"]+)"', staff.client.get(f"/lectures/{staff.lecture.id}/room").text)
    assert media is not None
    snapshot = staff.client.get(f"{media[1]}snapshot.json").json
    assert snapshot["playlist"].endswith(f"/{staff.lecture.id}/{folder}/master_trimmed.m3u8")
    master = staff.client.get(snapshot["playlist"])
    assert (master.status_code, "v_trimmed.m3u8" in master.text) == (200, True)
    playlist = staff.client.get(snapshot["playlist"].replace("master", "v")).text.splitlines()
    segments = [line for line in playlist if line.endswith(".m4s")]
    assert (segments[0], segments[7], segments[8], segments[-1]) == (
        "1/v00002.m4s", "1/v00009.m4s", "2/v00000.m4s", "2/v00004.m4s",
    )  # fmt: skip
    assert playlist[-1] == "#EXT-X-ENDLIST"
    elsewhere = snapshot["playlist"].replace(folder, "other")
    assert staff.client.get(elsewhere).status_code == 403  # it is signed for this stream
    status, page = staff.post("trim")
    assert (status, "Viewers see the whole recording." in page) == (303, True)
    with staff.make.app.app_context():
        assert parts(staff) == [(0, 20_000), (20_000, 20_000)]


def test_what_cannot_be_trimmed_says_why_and_changes_nothing(staff: Staff) -> None:
    staff.record(20_000)
    status, page = staff.post("trim", start="soon", end="0:00:15")
    assert status == 422
    assert "Enter a time such as 0:12:30." in page
    assert 'value="soon"' in page
    with staff.make.app.app_context():
        assert parts(staff) == [(0, 20_000)]


def test_chapters_are_those_of_the_replay(staff: Staff) -> None:
    staff.record(40_000)
    status, page = staff.post("chapters", chapters="0 Welcome\n20 Rules of origin\n35 <b>Questions</b>")
    assert status == 303
    assert "0:00:20 Rules of origin\n0:00:35 &lt;b&gt;Questions" in page
    staff.post("trim", start="10", end="30")
    with staff.make.app.app_context():
        assert [(chapter.position_ms, chapter.title) for chapter in list_chapters(staff.lecture.id)] == [
            (0, "Welcome"), (10_000, "Rules of origin"),
        ]  # fmt: skip
    status, page = staff.post("chapters", chapters="Welcome")
    assert (status, "Line 1: begin with a time" in page) == (422, True)


def test_a_recording_is_removed_after_a_question(staff: Staff) -> None:
    staff.record(20_000)
    question = staff.client.get(f"{staff.path}/remove").text
    assert "Attendance that was counted from watching it stays as it is" in question
    status, page = staff.post("remove")
    assert (status, "Recording removed." in page, "Upload a recording" in page) == (303, True, True)
    with staff.make.app.app_context():
        assert staff.stream() is None


def test_a_lecture_that_was_not_held_after_all_has_no_recording(staff: Staff) -> None:
    staff.record(20_000)
    with staff.make.app.app_context():
        undo_start(staff.lecture.id, by=staff.make.administrator(), at=clock.now())
    page = staff.page()
    assert "No recording yet" in page
    assert "Upload a recording" not in page


def test_a_file_is_uploaded_without_and_with_a_script(staff: Staff) -> None:
    status, page = staff.post("upload", file=(io.BytesIO(b"%PDF-1.7 no video"), "Zoom.mp4"))
    assert (status, "This file is not a video." in page) == (415, True)
    csrf = token_in(staff.page())
    content, token = mp4(2), {"csrf_token": csrf}
    begun = staff.client.post(
        f"{staff.path}/uploads", data=token | {"name": "Zoom.mp4", "size": len(content), "modified": 1}
    ).json
    address = f"{staff.path}/uploads/{begun['id']}"
    half = len(content) // 2
    for offset, piece in ((0, content[:half]), (half, content[half:])):
        sent = {"offset": offset, "piece": (io.BytesIO(piece), "piece")}
        answer = staff.client.post(address, data=token | sent)
        if not offset:
            unfinished = staff.client.post(
                f"{staff.path}/upload", data=token | {"upload": begun["id"]}, headers={"Accept": "application/json"}
            )
            assert unfinished.json["saved"] is False
            assert "Unfinished uploads" in staff.page()
    assert answer.json == {"received": len(content)}
    saved = staff.client.post(
        f"{staff.path}/upload", data=token | {"upload": begun["id"]}, headers={"Accept": "application/json"}
    )
    assert saved.json == {"saved": True, "reason": ""}
    again = staff.client.post(
        f"{staff.path}/upload", data=token | {"upload": begun["id"]}, headers={"Accept": "application/json"}
    )
    assert again.json == saved.json
    begun_again = staff.client.post(
        f"{staff.path}/uploads", data=token | {"name": "Zoom.mp4", "size": len(content), "modified": 1}
    )
    assert begun_again.json["saved"] is True
    assert "The recording is being packaged" in staff.page()
    with staff.make.app.app_context():
        assert staff.stream() is not None
        assert [name for name, _at in files.listed(f"staged/recordings/{staff.teacher.id}")] == [f"{begun['id']}.json"]


@each_row("kind", ["avi", "large"])
def test_an_upload_in_pieces_is_refused_at_once(staff: Staff, kind: str) -> None:
    name, size = ("Zoom.avi", 40) if kind == "avi" else ("Zoom.mp4", 5_000_000_000)
    csrf = token_in(staff.page())
    fields = {"csrf_token": csrf, "name": name, "size": size, "modified": 1}
    answer = staff.client.post(f"{staff.path}/uploads", data=fields)
    words = {"avi": "Choose an MP4 or WebM file.", "large": "The file is larger than 4000 MB."}
    assert (answer.status_code, answer.json) == (415 if kind == "avi" else 413, {"reason": words[kind]})


def test_the_page_says_what_is_missing(staff: Staff, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lms.recordings.views.find_ffmpeg", lambda: None)
    monkeypatch.setattr("lms.recordings.actions.find_ffmpeg", lambda: None)
    assert "ffmpeg is not installed on the server" in staff.page()
    status, page = staff.post("upload", file=(io.BytesIO(b"video"), "Zoom.mp4"))
    assert (status, "Recordings cannot be uploaded: ffmpeg is not installed" in page) == (409, True)
    staff.record(20_000)
    status, page = staff.post("download")
    assert "The file cannot be made: ffmpeg is not installed on the server." in page


# Download


def test_epochs_of_different_cameras_and_of_sound_alone_become_one_file(
    staff: Staff, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app, pictures = staff.make.app, [mp4(6, size="128x72"), mp4(4, size="96x72"), mp4(4, with_video=False)]
    monkeypatch.setattr(app.extensions["lms.config"], "segment_seconds", 1)
    with app.app_context():
        _package_each(staff, pictures, tmp_path)
    staff.post("chapters", chapters="0 Welcome\n5 Questions = answers")
    staff.post("trim", start="1")
    _status, page = staff.post("download")
    assert 'data-testid="job"' in page
    with app.app_context():
        jobs.run_due()
        done = db.session.query(Job).filter_by(kind="make_recording_file").one()
        assert done.state is JobState.DONE, done.error
    assert 'data-testid="download"' in staff.page()
    file = staff.client.get(f"{staff.path}.mp4")
    assert (file.status_code, file.mimetype) == (200, "video/mp4")
    assert file.headers["Content-Disposition"].startswith("attachment; filename=Customs.mp4")
    (tmp_path / "whole.mp4").write_bytes(file.data)
    report = run_ffmpeg("-i", tmp_path / "whole.mp4", "-map", "0:v", "-map", "0:a", "-f", "null", "-").stderr.decode()
    hours, minutes, seconds = re.findall(r"time=(\d+):(\d+):([\d.]+)", report)[-1]
    assert (hours, minutes) == ("00", "00")
    with app.app_context():
        shown_ms = [length_ms for _position_ms, length_ms in parts(staff)]
    assert len(shown_ms) == 3
    assert float(seconds) == pytest.approx(sum(shown_ms) / 1000, abs=0.3)
    assert [title.strip() for title in re.findall(r"title +: (.*)", report)[:3]] == [
        "Customs", "Welcome", "Questions = answers",
    ]  # fmt: skip
    assert "error" not in report.lower()
    staff.post("trim")
    assert 'data-testid="prepare-download"' in staff.page()
    assert staff.client.get(f"{staff.path}.mp4").status_code == 404


def _package_each(staff: Staff, contents: list[bytes], folder: Path) -> None:
    """Packages uploads as epochs of one recording, as computers would that take over from one another."""
    by = staff.make.administrator()
    lectures = [held_lecture(staff.make) for _content in contents[1:]]
    for number, (lecture, content) in enumerate(zip([staff.lecture, *lectures], contents, strict=True)):
        uploads.upload_whole(lecture.id, io.BytesIO(content), "Zoom.mp4", by=by, at=clock.now())
        package(staff.make, lecture.id, folder / str(number))
    _join([staff.lecture.id, *(lecture.id for lecture in lectures)])


@action
def _join(lecture_ids: list[int]) -> None:
    first, *others = (find_stream(lecture_id, Track.MAIN) for lecture_id in lecture_ids)
    assert first is not None
    for number, other in enumerate(others, 2):
        assert other is not None
        (epoch,) = db.session.query(Epoch).filter_by(stream_id=other.id)
        source, target = (files.folder() / "recordings" / stream.public_id for stream in (other, first))
        (source / "1").rename(target / str(number))
        epoch.stream_id, epoch.number = first.id, number


def test_a_full_disk_fails_the_download_with_the_reason(staff: Staff, monkeypatch: pytest.MonkeyPatch) -> None:
    staff.record(20_000)
    staff.post("download")
    with staff.make.app.app_context():
        monkeypatch.setattr(files, "free_bytes", lambda: 1_000_000)
        jobs.run_due()
    assert "The server’s disk is nearly full." in staff.page()


def test_a_part_that_is_missing_fails_the_download_with_the_reason(staff: Staff) -> None:
    staff.record(20_000)
    living, dead = (staff.make.app.extensions["lms.config"].folder / "joining" / name for name in ("living", "dead"))
    dead.mkdir(parents=True)
    staff.post("download")
    with staff.make.app.app_context(), locked_folder(living.parent, living.name):
        jobs.run_due()
        assert (living.exists(), dead.exists()) == (True, False)  # another worker still joins in its folder
    assert "a part of the recording is missing in the storage" in staff.page()


def test_an_epoch_without_segments_does_not_lower_the_picture(staff: Staff, monkeypatch: pytest.MonkeyPatch) -> None:
    chosen: list[str] = []

    def copy_part(*given: object) -> None:
        chosen.append(str(given[4]))
        raise Refused

    monkeypatch.setattr(downloads._Join, "_copy_part", copy_part)
    staff.record(20_000, 20_000)
    staff.post("download")
    with staff.make.app.app_context():
        first, second = db.session.query(Epoch).order_by(Epoch.number)
        first.durations, second.durations = first.durations | {"h": first.durations["v"]}, {}
        db.session.query(Job).delete()
        db.session.commit()
    staff.post("download")
    with staff.make.app.app_context():
        jobs.run_due()
    assert chosen == ["h"]


# All recordings


def test_administrators_see_what_is_deleted_when_and_keep_it(
    staff: Staff, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    staff.record(20_000)
    monkeypatch.setattr(staff.make.app.extensions["lms.config"], "recordings_kept", 365)
    admin = staff.make.person("Ada", roles=["administrator"])
    staff.make.sign_in(client, admin)
    with staff.make.app.app_context():
        translate_lecture(staff.lecture.id, "fr", {"title": "Douanes"}, by=SYSTEM, at=clock.now())
    assert "1 recording" in client.get("/admin/recordings?q=douane").text
    assert ",Customs," in client.get("/admin/recordings.csv?lang=fr").text  # files keep the main title
    page = client.get("/admin/recordings").text
    assert "1 recording" in page
    assert "Deleted 365 days after the lecture." in page
    csrf = token_in(page)
    fields = {"csrf_token": csrf, "people": str(staff.lecture.id), "keep": "yes"}
    client.post("/admin/recordings/keep", data=fields)
    page = client.get("/admin/recordings?kind=kept").text
    assert "Kept for ever" in page
    assert "<dd>Never</dd>" in client.get(staff.path).text
    room = f"/lectures/{staff.lecture.id}/room"
    assert "The recording can be watched until" not in client.get(room).text
    client.post("/admin/recordings/keep", data=fields | {"keep": "no"})
    assert "The recording can be watched until" in client.get(room).text
    with staff.make.app.app_context():
        ended = staff.lecture.actual_end
        assert ended is not None
        listed = client.get("/admin/recordings.csv").text
        assert f"{ended + timedelta(days=365):%Y-%m-%d}" in listed


def test_the_room_has_the_chapters(staff: Staff) -> None:
    staff.record(40_000)
    staff.post("chapters", chapters="0 Welcome\n20 Rules of “origin” </script>")
    room = staff.client.get(f"/lectures/{staff.lecture.id}/room").text
    chapters = re.findall(r'<button type="button" data-position="(\d+)">.*?<bdi>(.*?)</bdi>', room)
    assert chapters == [("0", "Welcome"), ("20000", "Rules of “origin” &lt;/script&gt;")]


HALF_HOUR_MS = 1_800_000


def test_a_trimming_after_which_the_replay_counts_for_nobody_is_asked_about(staff: Staff) -> None:
    staff.record(HALF_HOUR_MS)
    page = staff.page()
    assert "Watching it counts as attendance if it shows at least 18 of the lecture’s 30 minutes." in page
    too_short = "The replay shows 17 of 30 minutes, and 18 are needed. Watching it does not count as attendance."
    status, page = staff.post("trim", start="0:00:00", end="0:17:00")
    assert (status, too_short in page, 'name="is_short_accepted"' in page) == (422, True, True)
    status, page = staff.post("trim", start="0:00:00", end="0:17:00", is_short_accepted="y")
    assert (status, too_short in page, 'data-testid="too-short"' in page) == (303, True, True)
    status, page = staff.post("trim", start="0:00:00", end="0:18:00")
    assert (status, too_short in page) == (303, False)


def test_closing_says_until_when_the_replay_counts_and_for_how_many(staff: Staff) -> None:
    staff.record(HALF_HOUR_MS)
    for name in ("Ada", "Ben"):
        staff.make.enrolment(staff.lecture.series, staff.make.person(name))
    path = f"/lectures/{staff.lecture.id}/attendance/close"
    words = "also while attendance is closed: 2 people who have not attended can still do so by watching it."
    assert words in staff.client.get(path).text
    with staff.make.app.app_context():
        close_attendance(staff.lecture.id, by=staff.make.actor(staff.teacher), at=clock.now())
    assert words in staff.client.get(path).text


def test_who_gives_a_series_reads_nothing_of_their_country(client: FlaskClient, make: Make) -> None:
    teacher = make.person("Lin Yuhan", roles=["instructor"])
    series = make.series(instructors=[teacher], admission="nomination")
    make.sign_in(client, teacher)
    page = client.get(f"/series/{series.slug}").text
    assert "Ask your country’s focal point" not in page
    assert 'data-testid="enrol"' not in page

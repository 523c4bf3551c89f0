"""Sending chunks from a page, and signed addresses of media."""

from __future__ import annotations

import base64
import gzip
import hashlib
import re
from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import update
from werkzeug.test import TestResponse

from lms.catalogue.actions.states import end_lecture
from lms.core.database.session import action, db
from lms.core.storage import files
from lms.core.time import clock
from lms.people.actions.access import disable_person
from lms.people.models import RoleGrant
from lms.streaming.actions import note_packaged, remove_streams
from lms.streaming.addresses import media_address, media_key
from lms.streaming.models import Stream, Track
from lms.streaming.queries import find_open_session_of, find_stream, get_session
from lms.streaming.rules import BURST_BYTES, BYTES_A_DAY, LATE_CHUNKS, MAX_CHUNK, media_folder
from lms.streaming.tokens import MEDIA_AGE, TOKEN_AGE, sign_media
from lms.streaming.webm import MAGIC
from tests.factories import Make
from tests.recordings.recorded import held_lecture, record

FIRST = MAGIC + b"first"


class Page:
    """The page of an instructor in a live lecture."""

    def __init__(self, client: FlaskClient, make: Make, name: str = "Lin Yuhan") -> None:
        self.client, self.make = client, make
        self.teacher = make.person(name, roles=["instructor"])
        began = clock.now() - timedelta(minutes=1)
        series = make.series(instructors=[self.teacher])
        self.lecture = make.lecture(series, state="live", starts_at=began, actual_start=began)
        make.sign_in(client, self.teacher)
        room = client.get(f"/lectures/{self.lecture.id}/room").text
        self.csrf = re.search(r'data-csrf="([^"]+)"', room)[1]  # type: ignore[index]
        self.address = self.token = ""

    def begin(self, **fields: str) -> TestResponse:
        headers = {"X-CSRFToken": self.csrf}
        answer = self.client.post(f"/lectures/{self.lecture.id}/stream", data=fields, headers=headers)
        if answer.status_code == 200:
            self.address, self.token = answer.json["address"], answer.json["token"]
        return answer

    def put(self, number: int, content: bytes, **headers: str) -> TestResponse:
        digest = base64.b64encode(hashlib.sha256(content).digest()).decode()
        sent = {"Stream-Token": self.token, "Content-Digest": f"sha-256=:{digest}:"} | {
            name.replace("_", "-"): value for name, value in headers.items()
        }
        client = self.make.app.test_client()  # it may be signed out meanwhile
        return client.put(f"{self.address}/{number}", data=content, headers=sent)


@pytest.fixture
def page(client: FlaskClient, make: Make) -> Page:
    return Page(client, make)


def test_a_page_sends_chunks_with_the_token_of_its_session(page: Page) -> None:
    begun = page.begin()
    assert {key: begun.json[key] for key in ("next_chunk", "is_stopped", "is_sound_only")} == {
        "next_chunk": 0, "is_stopped": False, "is_sound_only": False,
    }  # fmt: skip
    assert [page.put(0, FIRST).json["next_chunk"], page.put(1, b"second").json["next_chunk"]] == [1, 2]
    progress = page.client.get(page.address, headers={"Stream-Token": page.token})
    assert progress.json["next_chunk"] == 2
    stopped = page.client.post(f"{page.address}/stop", data={"chunk_count": 2}, headers={"Stream-Token": page.token})
    assert stopped.json["is_stopped"] is True


def test_nobody_sends_without_the_token_or_the_form(page: Page, make: Make) -> None:
    assert page.client.post(f"/lectures/{page.lecture.id}/stream").status_code == 400
    page.begin()
    first = page.address, page.token
    assert page.put(0, FIRST, Stream_Token="").status_code == 403
    page.begin(take_over="1")
    assert page.address != first[0]
    assert page.put(0, FIRST, Stream_Token=first[1]).status_code == 403
    for path in (page.address, f"{page.address}/stop"):
        assert page.client.open(path, method="POST" if path.endswith("stop") else "GET").status_code == 403


def test_an_instructor_reads_that_another_page_sends(page: Page) -> None:
    page.begin()
    first = page.address, page.token
    again = page.begin()
    assert (again.status_code, again.json["detail"]) == (409, "You are sending this lecture from another page.")
    page.begin(take_over="1")
    page.address, page.token = first
    assert page.put(0, FIRST).json == {"next_chunk": 1, "is_stopped": True, "is_sound_only": False}


def test_what_was_recorded_before_the_end_can_arrive_a_minute_later(
    page: Page, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    page.begin()
    with make.app.app_context():
        end_lecture(page.lecture.id, by=make.administrator(), at=clock.now())
    assert page.put(0, FIRST).status_code == 200
    now = clock.now()
    monkeypatch.setattr(clock, "now", lambda: now + LATE_CHUNKS + timedelta(seconds=1))
    late = page.put(1, b"late")
    assert (late.status_code, late.json["detail"]) == (
        409,
        "This lecture is now sent from another page, or it is over.",
    )
    assert late.mimetype == "application/problem+json", "nginx's refusals look otherwise, and are not final"


def test_a_chunk_is_refused_for_good_once_nobody_reads_it(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    page.begin()
    session_id = page.address.rpartition("/")[2]
    create = files.create

    def packaged_meanwhile(key: str, content: bytes) -> bool:
        note_packaged(get_session(session_id).id, at=clock.now())
        return create(key, content)

    with monkeypatch.context() as patch:
        patch.setattr(files, "create", packaged_meanwhile)
        assert page.put(0, FIRST).status_code == 409
    with monkeypatch.context() as patch:
        now = clock.now()
        patch.setattr("time.time", lambda: (now + TOKEN_AGE).timestamp() + 2)
        assert page.put(1, b"old").status_code == 410
    with page.make.app.app_context():
        remove_streams(page.lecture.id)
    assert page.put(1, b"late").json["detail"] == "The recording was removed."
    assert page.put(1, b"late").status_code == 410
    assert page.put(0, bytes(MAX_CHUNK + 1)).mimetype == "application/problem+json"


@pytest.mark.parametrize("digest", ["", "sha-256=:AAAA:", f"sha-256=:{'A' * 43}=:"])
def test_a_chunk_without_its_digest_is_refused(page: Page, digest: str) -> None:
    page.begin()
    assert page.put(0, FIRST, Content_Digest=digest).status_code == 422
    assert page.put(0, MAGIC + bytes(MAX_CHUNK)).status_code == 413
    assert page.put(0, FIRST).json["next_chunk"] == 1


def test_a_disk_nearly_full_takes_sound_and_a_full_one_nothing(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    page.begin()
    monkeypatch.setattr(files, "free_bytes", lambda: 1_000_000_000)
    assert page.put(0, FIRST).json["is_sound_only"] is True
    monkeypatch.setattr(files, "free_bytes", lambda: 100_000_000)
    assert page.put(1, b"second").status_code == 503


def store_media(stream: Stream, *names: str) -> None:
    for name in names:
        files.store(f"recordings/{stream.public_id}/{name}", name.encode())


def test_media_are_for_anybody_with_a_signed_address(page: Page, make: Make, client: FlaskClient) -> None:
    page.begin()
    with make.app.app_context():
        stream = find_stream(page.lecture.id, Track.MAIN)
        assert stream is not None
        store_media(stream, "v.m3u8", "1/v00000.m4s")
        key, now, place = media_key(), clock.now(), f"{page.lecture.id}/{stream.public_id}"
        prefix = sign_media(key, place, at=now)
        old = sign_media(key, place, at=now - MEDIA_AGE)
        other = sign_media("another key", place, at=now)
        of_lecture = f"{sign_media(key, str(page.lecture.id), at=now)}{stream.public_id}/"
        of_other = sign_media(key, f"{page.lecture.id}/{'b' * 16}", at=now).replace("b" * 16, stream.public_id)
    anyone = make.app.test_client()
    playlist = anyone.get(f"{prefix}v.m3u8")
    assert (playlist.data, playlist.headers["Cache-Control"]) == (b"v.m3u8", "public, max-age=1")
    with make.app.app_context():
        store_media(stream, "a.m3u8")
    assert anyone.get(f"{prefix}sound.m3u8").data == b"a.m3u8", "a stream of before there were two of sound"
    packed = client.get(f"{prefix}v.m3u8", headers={"Accept-Encoding": "gzip, deflate, br, zstd"})
    assert (gzip.decompress(packed.data), packed.headers["Content-Encoding"]) == (b"v.m3u8", "gzip")
    assert "Accept-Encoding" in packed.headers["Vary"]
    segment = client.get(f"{prefix}1/v00000.m4s")
    assert segment.data == b"1/v00000.m4s"
    assert segment.headers["Cache-Control"] == "public, max-age=31536000, s-maxage=300, immutable"
    assert "Set-Cookie" not in segment.headers
    for name in ("v.m3u8", "1/v00000.m4s"):
        wrong = (old, other, prefix.replace(f"/{page.lecture.id}/", "/999/"), of_lecture, of_other)
        assert [anyone.get(f"{address}{name}").status_code for address in wrong] == [403] * 5
    for name in ("w.m3u8", "../secret.key", "1/v00001.m4s", "1", "%2e%2e/1/v00000.m4s", "../../x/v.m3u8"):
        assert anyone.get(f"{prefix}{name}").status_code in {403, 404}
    missing = anyone.get(f"{prefix}1/v00001.m4s")  # kept in the place of what was removed: it is nobody's page
    assert (missing.data, missing.headers["Cache-Control"]) == (b"", "public, max-age=1")


def test_what_was_trimmed_away_is_for_staff_alone(make: Make, client: FlaskClient) -> None:
    with make.app.app_context():
        stream = record(held_lecture(make), 8000)
        store_media(stream, "v_full.m3u8", "1/v.mp4", *(f"1/v{number:05d}.m4s" for number in range(4)))
        set_trim(stream.id, 2000, 6000)
        stream = db.session.get_one(Stream, stream.id)
        folders = [media_folder(stream, for_staff=for_staff) for for_staff in (False, True)]
        address, staff = (media_address(stream.lecture_id, folder, at=clock.now()) for folder in folders)
    names = ["v_full.m3u8", "1/v.mp4", *(f"1/v{number:05d}.m4s" for number in range(4))]
    assert [client.get(address + name).status_code for name in names] == [404, 200, 404, 200, 200, 404]
    assert [client.get(staff + name).status_code for name in names] == [200] * 6
    trimmed = client.get(f"{address}v_trimmed.m3u8").text
    assert "1/v00001.m4s" in trimmed
    assert "1/v00000.m4s" not in trimmed


@action
def set_trim(stream_id: int, from_ms: int, until_ms: int) -> None:
    stream = db.session.get_one(Stream, stream_id)
    stream.trim_from_ms, stream.trim_until_ms = from_ms, until_ms


@action
def note_sent(session_id: str, byte_count: int) -> None:
    get_session(session_id).byte_count = byte_count


def test_a_session_takes_what_a_lecture_has(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    page.begin()
    session_id = page.address.rpartition("/")[2]
    assert page.put(0, FIRST).status_code == 200
    assert [page.put(number, b"ahead").status_code for number in (61, 60, 120, 121)] == [422, 200, 200, 200]
    assert page.put(0, FIRST).status_code == 200, "what is there already is not sent anew"
    with page.make.app.app_context():
        note_sent(session_id, BURST_BYTES + 3_000_000)
    refused = page.put(122, b"much")
    assert (refused.status_code, refused.mimetype) == (429, "application/problem+json")
    assert 1 <= int(refused.headers["Retry-After"]) <= 4
    with page.make.app.app_context():
        note_sent(session_id, BYTES_A_DAY)
    now = clock.now()
    monkeypatch.setattr(clock, "now", lambda: now + timedelta(hours=20))
    assert page.put(122, b"much").headers["Retry-After"] == "3600"


@pytest.mark.parametrize("how", ["role", "account"])
def test_who_may_no_longer_give_a_lecture_sends_no_more(page: Page, make: Make, how: str) -> None:
    page.begin()
    assert page.put(0, FIRST).status_code == 200
    with make.app.app_context():
        by, at = make.administrator(), clock.now()
        if how == "account":
            disable_person(page.teacher.public_id, by=by, at=at)
        else:
            end_roles(page.teacher.id)
    refused = page.put(1, b"second")
    assert (refused.status_code, refused.json["detail"]) == (409, "You do not have permission to do this.")
    with make.app.app_context():
        assert find_open_session_of(page.lecture.id) is None


@action
def end_roles(person_id: int) -> None:
    db.session.execute(update(RoleGrant).where(RoleGrant.person_id == person_id).values(revoked_at=clock.now()))

"""Captions of recordings: files that can be read and files that cannot, and the transcript made of them."""

from __future__ import annotations

import io
import re

import pytest
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st

from lms.catalogue.models import Lecture
from lms.core.base.errors import Invalid
from lms.core.base.roles import SYSTEM
from lms.core.database.session import db
from lms.core.time import clock
from lms.recordings import actions
from lms.recordings.caption_files import Cue, paragraphs, read_captions, write_subrip, write_webvtt
from lms.recordings.queries import caption_languages, replay_captions
from lms.streaming.models import CaptionTrack
from tests.factories import Make
from tests.forms import token_in
from tests.recordings.recorded import held_lecture, record

WEBVTT = b"""WEBVTT - Customs for small parcels

STYLE
::cue { color: yellow }

NOTE
Typed by two captioners.

intro
00:01.000 --> 00:04.500 line:0
<v Lin Yuhan>Good morning.
Every parcel has a <i>code</i> &amp; a value.

00:05.000 --> 00:05.500
<b></b>

01:00:02.000 --> 01:00:03.000
Bonjour &lt;tous&gt;
"""
SUBRIP = "1\r\n00:00:01,000 --> 00:00:04,000\r\nما هو الرمز؟\r\n\r\n2\r\n00:00:04,000 --> 00:00:06,000\r\nهذا هو.\r\n"
HOURS = 2 * 3_600_000


def read(content: bytes, *, offset_ms: int = 0, length_ms: int = HOURS) -> list[Cue]:
    return read_captions(content, offset_ms=offset_ms, length_ms=length_ms)


def test_webvtt_and_subrip_are_read_without_their_markup() -> None:
    assert read(WEBVTT) == [
        Cue(1000, 4500, "Good morning.\nEvery parcel has a code & a value."),
        Cue(3_602_000, 3_603_000, "Bonjour <tous>"),
    ]
    expected = [Cue(1000, 4000, "ما هو الرمز؟"), Cue(4000, 6000, "هذا هو.")]
    assert read(SUBRIP.encode()) == read(SUBRIP.encode("utf-16")) == read(b"\xef\xbb\xbf" + SUBRIP.encode()) == expected
    assert read(WEBVTT, offset_ms=10_000)[0].start_ms == 11_000


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"WEBVTT\n\n00:05.000 --> 00:04.000\nA", "Line 3: the caption ends before it begins."),
        (
            b"WEBVTT\n\n00:05.000 --> 00:06.000\nA\n\n00:04.000 --> 00:05.000\nB",
            "Line 6: the caption begins before the one above it.",
        ),
        (b"WEBVTT\n\n02:00:05.000 --> 02:00:06.000\nA", "Line 3: the recording is only 2:00:00 long."),
        (b"WEBVTT\n\nsoon --> later\nA", "Line 3: enter the times as 00:01:02.500 --> 00:01:05.000."),
        (b"1\n00:00:01,000 --> 00:00:02,000\n" + b"a" * 1001, "Line 2: use at most 1000 characters for a caption."),
        (b"", "The file has no captions. Choose a WebVTT (.vtt) or SubRip (.srt) file."),
        (b"%PDF-1.7 \xe2\xe3", "The file has letters that cannot be read."),
        (b"a" * (2 * 1024 * 1024 + 1), "The file is larger than 2 MB."),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_with_its_line(content: bytes, reason: str) -> None:
    with pytest.raises(Invalid) as refused:
        read(content)
    assert refused.value.faults[0].reason.startswith(reason)


def test_a_file_of_many_faults_names_ten_of_them() -> None:
    with pytest.raises(Invalid) as refused:
        read("\n\n".join(["00:02.000 --> 00:01.000\nA"] * 40).encode())
    assert [fault.reason for fault in refused.value.faults][-2:] == [
        "Line 28: the caption ends before it begins.",
        "30 more lines cannot be read.",
    ]


cues = st.lists(
    st.tuples(st.integers(0, 5_000_000), st.integers(1, 10_000), st.text("ab<>&-. ع\n", min_size=1, max_size=30)),
    min_size=1,
    max_size=20,
)


@given(cues)
def test_what_is_written_is_read_alike(drawn: list[tuple[int, int, str]]) -> None:
    given_cues = sorted(
        Cue(start, start + length, "\n".join(words))
        for start, length, text in drawn
        if (words := [" ".join(line.split()) for line in re.sub("[<>]", "", text).split("\n") if line.split()])
    )
    if given_cues:
        assert read(write_webvtt(given_cues).encode()) == given_cues
        assert [cue.text.split() for cue in paragraphs(given_cues)] != []
        assert (
            " ".join(cue.text for cue in paragraphs(given_cues)).split()
            == " ".join(cue.text for cue in given_cues).split()
        )
        if not any("&" in cue.text for cue in given_cues):
            assert read(write_subrip(given_cues).encode()) == given_cues


@pytest.fixture
def lecture(make: Make, client: FlaskClient) -> Lecture:
    """A lecture with a recording of a minute, whose instructor is signed in."""
    teacher = make.person("Lin Yuhan", roles=["instructor"])
    held = held_lecture(make, series=make.series(instructors=[teacher]), title="Customs")
    with make.app.app_context():
        record(db.session.get_one(Lecture, held.id), 60_000)
    make.sign_in(client, teacher)
    return held


def upload(client: FlaskClient, lecture: Lecture, content: bytes, **fields: str) -> tuple[int, str]:
    page = client.get(f"/lectures/{lecture.id}/recording").text
    csrf = token_in(page)
    data = {"csrf_token": csrf, "language": "en", "file": (io.BytesIO(content), "a.vtt"), **fields}
    answer = client.post(f"/lectures/{lecture.id}/recording/captions", data=data)
    return answer.status_code, client.get(answer.location).text if answer.status_code == 303 else answer.text


TWO = b"WEBVTT\n\n00:12.000 --> 00:14.000\nRules of <origin>\n\n00:40.000 --> 00:42.000\nCaf\xc3\xa9 & cocoa"


def test_captions_are_uploaded_replaced_shown_and_removed(client: FlaskClient, make: Make, lecture: Lecture) -> None:
    assert upload(client, lecture, b"WEBVTT\n\n00:02:00.000 --> 00:02:01.000\nA")[0] == 422
    status, page = upload(client, lecture, TWO)
    assert (status, "Saved. 2 captions were read." in page, "English, 2 captions" in page) == (303, True, True)
    upload(client, lecture, b"WEBVTT\n\n00:12.000 --> 00:14.000\nR\xc3\xa8gles", language="fr")
    room = client.get(f"/lectures/{lecture.id}/room").text
    assert f'data-address="/lectures/{lecture.id}/captions/fr.vtt"' in room
    assert "Read what was said, and search it" in room
    answer = client.get(f"/lectures/{lecture.id}/captions/en.vtt")
    assert answer.mimetype == "text/vtt"
    assert "00:00:40.000 --> 00:00:42.000\nCafé &amp; cocoa" in answer.text
    assert client.get(f"/lectures/{lecture.id}/captions/en.txt").text == "Rules of\n\nCafé & cocoa\n"
    transcript = client.get(f"/lectures/{lecture.id}/transcript?q=cafe").text
    assert "1 passage of 2" in transcript
    assert "<mark>Café</mark> &amp; cocoa" in transcript
    assert f'href="/lectures/{lecture.id}/room#t=40"' in transcript
    assert "No passage has these words" in client.get(f"/lectures/{lecture.id}/transcript?q=tea").text
    assert client.get(f"/lectures/{lecture.id}/captions/es.vtt").status_code == 404
    with make.app.app_context():
        actions.remove_captions(lecture.id, "fr", by=SYSTEM, at=clock.now())
        assert caption_languages(lecture.id) == ["en"]


def test_captions_are_those_of_what_the_replay_shows(client: FlaskClient, make: Make, lecture: Lecture) -> None:
    with make.app.app_context():
        actions.trim(lecture.id, "10", "50", by=SYSTEM, at=clock.now())
    assert "Of what viewers see, as in the downloaded file" in client.get(f"/lectures/{lecture.id}/recording").text
    upload(client, lecture, TWO, times="recording")
    with make.app.app_context():
        assert [cue.start_ms for cue in replay_captions(lecture.id, "en")] == [2000, 30_000]
    upload(client, lecture, b"WEBVTT\n\n00:02.000 --> 00:04.000\nA\n\n00:35.000 --> 00:39.000\nB", times="replay")
    with make.app.app_context():
        assert [cue.start_ms for cue in replay_captions(lecture.id, "en")] == [2000, 35_000]
        actions.trim(lecture.id, "", "14", by=SYSTEM, at=clock.now())
        assert replay_captions(lecture.id, "en") == [Cue(12_000, 14_000, "A")]


def test_only_those_who_can_watch_read_captions_and_they_go_with_the_recording(
    client: FlaskClient, make: Make, lecture: Lecture
) -> None:
    upload(client, lecture, TWO)
    stranger = make.app.test_client()
    make.sign_in(stranger, make.person("Ada"))
    for path in ("captions/en.vtt", "transcript"):
        assert stranger.get(f"/lectures/{lecture.id}/{path}").status_code == 403
    with make.app.app_context():
        actions.remove(lecture.id, by=SYSTEM, at=clock.now())
        assert db.session.query(CaptionTrack).count() == 0
    assert client.get(f"/lectures/{lecture.id}/transcript").status_code == 404

"""The index of WebM finds each cluster and its key frame, however the bytes come."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lms.streaming.webm import MAGIC, MAX_HEADER, NotWebm, WebmIndex
from tests.streaming.media import chunks_of, later, sized, webm


def index_of(*pieces: bytes) -> WebmIndex:
    index = WebmIndex()
    for piece in pieces:
        index.feed(piece)
    return index


def test_each_cluster_of_a_recording_is_found() -> None:
    content = webm()
    index = index_of(content)
    assert (index.has_video, index.has_audio) == (True, True)
    assert content[len(index.header) :].startswith(b"\x1f\x43\xb6\x75")
    keys = [cluster for cluster in index.clusters if cluster.is_key]
    assert [round(cluster.time_ms, -3) for cluster in keys] == [0, 1000, 2000, 3000]
    for cluster in index.clusters:
        assert content[cluster.offset : cluster.offset + 4] == b"\x1f\x43\xb6\x75"


def test_sound_alone_continues_at_any_cluster() -> None:
    index = index_of(webm(with_video=False))
    assert (index.has_video, index.has_audio) == (False, True)
    assert all(cluster.is_key for cluster in index.clusters)


@given(st.integers(1, 400))
def test_where_pieces_end_changes_nothing(count: int) -> None:
    content = webm()
    whole, pieces = index_of(content), index_of(*chunks_of(content, count))
    assert (pieces.clusters, pieces.header) == (whole.clusters, whole.header)


def test_after_a_gap_it_goes_on_at_the_next_cluster() -> None:
    first, _lost, *rest = chunks_of(webm(), 5)
    index = index_of(first)
    index.skip_gap()
    for piece in rest:
        index.feed(piece)
    later = [cluster for cluster in index.clusters if cluster.offset >= len(first)]
    assert [round(cluster.time_ms, -3) for cluster in later if cluster.is_key] == [2000, 3000]
    content = first + b"".join(rest)
    assert all(content[cluster.offset : cluster.offset + 4] == b"\x1f\x43\xb6\x75" for cluster in later)


@given(st.integers(1, 40))
def test_a_jump_of_times_is_found_however_the_bytes_come(count: int) -> None:
    for by_ms, jumps in ((29_000, []), (31_000, [33_000]), (3_600_000, [3_602_000])):
        index = index_of(*chunks_of(later(webm(), 1900, by_ms), count))
        assert [round(cluster.time_ms, -3) for cluster in index.clusters if cluster.jumps] == jumps


def test_what_would_take_a_machine_s_memory_is_refused() -> None:
    for content in (
        sized(webm(), 4097),
        webm().replace(b"\x2a\xd7\xb1\x83\x0f\x42\x40", b"\x2a\xd7\xb1\x83\xff\xff\xff"),
    ):
        assert content != webm()
        with pytest.raises(NotWebm):
            index_of(content)


@pytest.mark.parametrize(
    "content",
    [b"\0" * 100, b"<html>", b"\x1a\x45\xdf\xa3" + b"\0" * 100, b"\x1a\x45\xdf\xa3\x84" + b"\xec" * MAX_HEADER],
)
def test_what_is_no_webm_is_refused(content: bytes) -> None:
    with pytest.raises(NotWebm):
        index_of(content)


@given(st.binary(max_size=2000))
def test_no_bytes_break_it(noise: bytes) -> None:
    content = webm()
    index = index_of(content[:5000])
    try:
        index.feed(noise)
        index.feed(content[5000:])
    except NotWebm:
        pass


@pytest.mark.parametrize("kind", ["ae", "d7", "83", "e0", "b0", "a0", "fb", "a3", "a1", "e7", "1549a966"])
def test_an_element_without_content_is_no_fault_of_ours(kind: str) -> None:
    header = b"\x18\x53\x80\x67\x01\xff\xff\xff\xff\xff\xff\xff\x16\x54\xae\x6b\x88\xae\x86\xd7\x81\x01\x83\x81\x01"
    cluster = b"\x1f\x43\xb6\x75\x01\xff\xff\xff\xff\xff\xff\xff\xe7\x81\x01"
    empty = bytes.fromhex(kind) + b"\x80"
    index_of(MAGIC + b"\x80" + header + empty + cluster + empty + cluster)

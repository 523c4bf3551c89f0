"""HLS playlists (RFC 8216) of a stream, from its epochs."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import accumulate

from lms.streaming.encoder import AUDIO, PICTURE, RENDITIONS, THIN, VOICE
from lms.streaming.models import Epoch

WINDOW = 150
"""Segments of the live playlist: five minutes of two seconds each."""
MASTER, SMALL, SOUND = "master", "small", "sound"
"""Lists of renditions: of all, of those with a small picture or none, and of those without a picture."""
TRIMMED = "_trimmed"
"""What the names of playlists of a trimmed replay end with."""
_VERSION = 7


@dataclass(frozen=True)
class _Item:
    """A segment of a playlist. `rendition` is whose it is. `wall_ms`: the time of day at its start."""

    epoch: int
    rendition: str
    number: int
    duration_ms: int
    wall_ms: int


@dataclass(frozen=True)
class RecordingPart:
    """What is shown of an epoch: which of its segments, where they begin in the replay, their time of day and their
    length, in milliseconds.
    """

    position_ms: int
    wall_ms: int
    length_ms: int
    epoch: int
    segments: range


def parts_of(
    epochs: Sequence[Epoch], *, from_ms: int | None = None, until_ms: int | None = None
) -> list[RecordingPart]:
    """The parts of a recording in order: of all its segments, or of those that lie between two moments of it."""
    parts: list[RecordingPart] = []
    start_ms = position_ms = 0
    for epoch in epochs:
        wall_ms, length_ms, shown = epoch.wall_ms, 0, []
        for number, duration_ms in enumerate(epoch.shared_durations):
            if start_ms >= (from_ms or 0) and (until_ms is None or start_ms + duration_ms <= until_ms):
                shown.append(number)
                length_ms += duration_ms
            elif not shown:
                wall_ms += duration_ms
            start_ms += duration_ms
        if shown:
            segments = range(shown[0], shown[-1] + 1)
            parts.append(RecordingPart(position_ms, wall_ms, length_ms, epoch.number, segments))
            position_ms += length_ms
    return parts


def segment_borders(epochs: Sequence[Epoch]) -> list[int]:
    """The moments of a recording at which segments begin, and its end."""
    return [0, *accumulate(duration_ms for epoch in epochs for duration_ms in epoch.shared_durations)]


def trimmed_playlist(
    epochs: Sequence[Epoch], parts: Sequence[RecordingPart], rendition: str, *, segment_ms: int
) -> str:
    """The playlist of one rendition of a trimmed replay; `master`, `small` and `sound` for the lists of renditions."""
    if rendition in (MASTER, SMALL, SOUND):
        return _list(rendition, _renditions_of(epochs), TRIMMED)
    shown = {part.epoch: part.segments for part in parts}
    epochs = [epoch for epoch in epochs if epoch.number in shown]
    items = [item for item in _items(epochs, rendition) if item.number in shown[item.epoch]]
    return _playlist(items, epochs, segment_ms=segment_ms, kind="VOD", is_complete=True)


def playlists_of(epochs: Sequence[Epoch], *, is_complete: bool, segment_ms: int) -> dict[str, str]:
    """All playlists of a stream by file name: those of the last minutes, and those of the whole (`…_full`)."""
    epochs = [epoch for epoch in epochs if epoch.durations]
    renditions = _renditions_of(epochs)
    texts = {}
    for name in renditions:
        items = _items(epochs, name)
        first = max(len(items) - WINDOW, 0)
        for suffix, start, kind in (("", first, ""), ("_full", 0, "VOD" if is_complete else "EVENT")):
            texts[f"{name}{suffix}.m3u8"] = _playlist(
                items, epochs, segment_ms=segment_ms, kind=kind, is_complete=is_complete, start=start
            )
    if renditions:
        for suffix in ("", "_full"):
            for name in (MASTER, *([SMALL] if THIN in renditions else []), SOUND):
                texts[f"{name}{suffix}.m3u8"] = _list(name, renditions, suffix)
    return texts


def _renditions_of(epochs: Sequence[Epoch]) -> list[str]:
    return [name for name in RENDITIONS if any(name in epoch.durations for epoch in epochs)]


def _playlist(
    items: Sequence[_Item],
    epochs: Sequence[Epoch],
    *,
    segment_ms: int,
    kind: str,
    is_complete: bool,
    start: int = 0,
) -> str:
    longest = max((segment_ms, *(item.duration_ms for item in items)))
    order = {epoch.number: place for place, epoch in enumerate(epochs)}
    head = [
        "#EXTM3U",
        f"#EXT-X-VERSION:{_VERSION}",
        f"#EXT-X-TARGETDURATION:{-(-longest // 1000)}",
        f"#EXT-X-MEDIA-SEQUENCE:{start}",
        f"#EXT-X-DISCONTINUITY-SEQUENCE:{order[items[start].epoch] if items else 0}",
        "#EXT-X-INDEPENDENT-SEGMENTS",
        *([f"#EXT-X-PLAYLIST-TYPE:{kind}"] if kind else []),
    ]
    tail = ["#EXT-X-ENDLIST"] if is_complete else []
    return "\n".join([*head, *_lines(items[start:]), *tail, ""])


def _items(epochs: Sequence[Epoch], rendition: str) -> list[_Item]:
    items = []
    for epoch in epochs:
        wall_ms = epoch.wall_ms
        # 720p can be switched on while a stream goes on; it and the small picture are left out where nothing is to be
        # seen. Streams from before December 2026 have one rendition of sound, and no small picture
        stored = rendition if rendition in epoch.durations else AUDIO if rendition in (AUDIO, VOICE) else PICTURE
        for number, duration_ms in enumerate(epoch.durations.get(stored, ())):
            items.append(_Item(epoch.number, stored, number, duration_ms, wall_ms))
            wall_ms += duration_ms
    return items


def _lines(items: Sequence[_Item]) -> list[str]:
    lines = []
    epoch = None
    for item in items:
        if item.epoch != epoch:
            if epoch is not None:
                lines.append("#EXT-X-DISCONTINUITY")
            moment = datetime.fromtimestamp(item.wall_ms / 1000, UTC).isoformat(timespec="milliseconds")
            lines.append(f'#EXT-X-MAP:URI="{item.epoch}/{item.rendition}.mp4"')
            lines.append(f"#EXT-X-PROGRAM-DATE-TIME:{moment.replace('+00:00', 'Z')}")
            epoch = item.epoch
        lines += [f"#EXTINF:{item.duration_ms / 1000:.3f},", f"{item.epoch}/{item.rendition}{item.number:05d}.m4s"]
    return lines


def _list(kind: str, renditions: Sequence[str], suffix: str) -> str:
    lines = ["#EXTM3U", f"#EXT-X-VERSION:{_VERSION}", "#EXT-X-INDEPENDENT-SEGMENTS"]
    most = {MASTER: math.inf, SMALL: RENDITIONS[THIN].height, SOUND: 0}[kind]
    for name in renditions:
        rendition = RENDITIONS[name]
        if rendition.height > most:
            continue
        values = [f"BANDWIDTH={rendition.bandwidth}"]
        if rendition.height:
            size = f"{rendition.height * 16 // 9}x{rendition.height}"
            values.append(f"RESOLUTION={size},FRAME-RATE={rendition.frames:.3f}")
        values.append(f'CODECS="{rendition.codecs}"')
        lines += [f"#EXT-X-STREAM-INF:{','.join(values)}", f"{name}{suffix}.m3u8"]
    return "\n".join([*lines, ""])

"""HLS playlists (RFC 8216) of a stream, from its epochs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from lms.streaming.encoder import AUDIO, RENDITIONS
from lms.streaming.models import Epoch

WINDOW = 150
"""Segments of the live playlist: five minutes of two seconds each."""
_VERSION = 7


@dataclass(frozen=True)
class _Item:
    """A segment of a playlist. `rendition` is whose it is. `wall_ms`: the time of day at its start."""

    epoch: int
    rendition: str
    number: int
    duration_ms: int
    wall_ms: int


def playlists_of(epochs: Sequence[Epoch], *, is_complete: bool, segment_ms: int) -> dict[str, str]:
    """All playlists of a stream by file name: those of the last minutes, and those of the whole (`…_full`)."""
    epochs = [epoch for epoch in epochs if epoch.durations]
    renditions = [name for name in RENDITIONS if any(name in epoch.durations for epoch in epochs)]
    texts = {}
    for name in renditions:
        items = _items(epochs, name)
        longest = max(segment_ms, *(item.duration_ms for item in items)) if items else segment_ms
        first = max(len(items) - WINDOW, 0)
        order = {epoch.number: place for place, epoch in enumerate(epochs)}
        for suffix, start, kind in (("", first, ""), ("_full", 0, "VOD" if is_complete else "EVENT")):
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
            texts[f"{name}{suffix}.m3u8"] = "\n".join([*head, *_lines(items[start:]), *tail, ""])
    if renditions:
        for suffix in ("", "_full"):
            texts[f"master{suffix}.m3u8"] = _master(renditions, suffix)
    return texts


def _items(epochs: Sequence[Epoch], rendition: str) -> list[_Item]:
    items = []
    for epoch in epochs:
        wall_ms = epoch.wall_ms
        # 720p can be switched on while a stream goes on, and is left out where nothing is to be seen
        stored = rendition if rendition in epoch.durations or rendition == AUDIO else "v"
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


def _master(renditions: Sequence[str], suffix: str) -> str:
    lines = ["#EXTM3U", f"#EXT-X-VERSION:{_VERSION}", "#EXT-X-INDEPENDENT-SEGMENTS"]
    for name in renditions:
        rendition = RENDITIONS[name]
        values = [f"BANDWIDTH={rendition.bandwidth}"]
        if rendition.height:
            values.append(f"RESOLUTION={rendition.height * 16 // 9}x{rendition.height},FRAME-RATE=30.000")
        values.append(f'CODECS="{rendition.codecs}"')
        lines += [f"#EXT-X-STREAM-INF:{','.join(values)}", f"{name}{suffix}.m3u8"]
    return "\n".join([*lines, ""])

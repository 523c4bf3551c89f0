"""Reads and writes files of captions: WebVTT (https://www.w3.org/TR/webvtt1/) and SubRip (`.srt`).

Positions and settings of cues are left out, and so are tags in their text, such as names of speakers and colours.
"""

import re
from collections.abc import Iterator, Sequence
from html import escape, unescape
from typing import Final, NamedTuple

from lms.core.base.errors import Fault, Invalid
from lms.core.text.i18n import _, _n
from lms.core.text.typed_text import clean_line
from lms.streaming.rules import clock_time

MOST_BYTES: Final = 2 * 1024 * 1024
MOST_CUES: Final = 10_000
LONGEST_TEXT: Final = 1000
MOST_FAULTS: Final = 10
"""The number of lines that an answer names of those that cannot be read."""
PARAGRAPH_MS: Final = 20_000
PAUSE_MS: Final = 3000
_HOURS_TO_MS = (3_600_000, 60_000, 1000, 1)
_TIME = r"(?:(\d{1,3}):)?(\d{1,2}):(\d{2})[.,](\d{3})"
_TIMES = re.compile(rf"\s*{_TIME}\s*-->\s*{_TIME}(?:\s.*)?", re.ASCII)
_TAG = re.compile(r"<[^<>]*>")
_OTHER_BLOCKS = ("NOTE", "STYLE", "REGION")
_SENTENCE_ENDS = (".", "!", "?", "…", "。", "！", "？", "؟")


class Cue(NamedTuple):
    """A text that is shown from one moment until another, in milliseconds. Its lines are separated by line feeds."""

    start_ms: int
    end_ms: int
    text: str


def read_captions(content: bytes, *, offset_ms: int, length_ms: int) -> list[Cue]:
    """The cues of a file, in order, each moved by `offset_ms`, which is where a recording of `length_ms` is cut.

    Raises Invalid (`file`) with the lines that cannot be read; the recording then keeps the captions that it has.
    """
    if len(content) > MOST_BYTES:
        raise Invalid("file", _("The file is larger than %(n)s MB.", n=MOST_BYTES // 1024 // 1024))
    text = _decoded(content)
    cues: list[Cue] = []
    faults: list[str] = []
    for number, block in _blocks(text):
        cue = _cue_of(number, block, cues[-1] if cues else None, offset_ms, length_ms)
        if isinstance(cue, str):
            faults.append(cue)
        elif cue is not None:
            cues.append(cue)
        if len(cues) > MOST_CUES:
            raise Invalid("file", _("The file has more than %(n)s captions.", n=MOST_CUES))
    if faults:
        named = [Fault(fault, field="file") for fault in faults[:MOST_FAULTS]]
        if (more := len(faults) - MOST_FAULTS) > 0:
            words = _n("%(num)s more line cannot be read.", "%(num)s more lines cannot be read.", more)
            named.append(Fault(words, field="file"))
        raise Invalid(faults=named)
    if not cues:
        raise Invalid("file", _("The file has no captions. Choose a WebVTT (.vtt) or SubRip (.srt) file."))
    return cues


def _decoded(content: bytes) -> str:
    encoding = "utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        return content.decode(encoding).replace("\0", "�")
    except UnicodeDecodeError as error:
        reason = _("The file has letters that cannot be read. Save it in the encoding UTF-8, then upload it again.")
        raise Invalid("file", reason) from error


def _blocks(text: str) -> Iterator[tuple[int, list[str]]]:
    """Yields the blocks between empty lines, with the number of the first line, without headers, notes and styles."""
    block: list[str] = []
    is_webvtt = text.startswith("WEBVTT")
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    for number, line in enumerate([*lines, ""], 1):
        if line.strip():
            block.append(line)
            continue
        is_other = is_webvtt and block and ("-->" not in block[0]) and block[0].startswith(("WEBVTT", *_OTHER_BLOCKS))
        if block and not is_other:
            yield number - len(block), block
        block = []


def _cue_of(number: int, block: list[str], before: Cue | None, offset_ms: int, length_ms: int) -> Cue | str | None:
    """The cue of a block, the reason why it cannot be read, or null for one without text."""
    place = next((place for place, line in enumerate(block[:2]) if "-->" in line), 0)
    line = number + place
    times = _TIMES.fullmatch(block[place])
    if times is None:
        return _("Line %(line)s: enter the times as 00:01:02.500 --> 00:01:05.000.", line=line)
    start_ms, end_ms = (_milliseconds(times.groups()[first : first + 4]) for first in (0, 4))
    if end_ms <= start_ms:
        return _("Line %(line)s: the caption ends before it begins.", line=line)
    if end_ms + offset_ms > length_ms + 1000:
        length = clock_time(length_ms - offset_ms)
        return _("Line %(line)s: the recording is only %(length)s long.", line=line, length=length)
    if before is not None and start_ms + offset_ms < before.start_ms:
        return _("Line %(line)s: the caption begins before the one above it.", line=line)
    typed = block[place + 1 :]
    is_long = sum(map(len, typed)) > 8 * LONGEST_TEXT
    text = "" if is_long else "\n".join(filter(None, (clean_line(unescape(_TAG.sub("", line))) for line in typed)))
    if is_long or len(text) > LONGEST_TEXT:
        return _("Line %(line)s: use at most %(n)s characters for a caption.", line=line, n=LONGEST_TEXT)
    return Cue(start_ms + offset_ms, min(end_ms + offset_ms, length_ms), text) if text else None


def _milliseconds(parts: Sequence[str | None]) -> int:
    return sum(int(part or 0) * unit for part, unit in zip(parts, _HOURS_TO_MS, strict=True))


def clipped(cues: Sequence[Cue], start_ms: int, end_ms: int) -> list[Cue]:
    """The cues within a part of a recording, in the time of that part."""
    return [
        Cue(max(cue.start_ms - start_ms, 0), min(cue.end_ms, end_ms) - start_ms, cue.text)
        for cue in cues
        if cue.end_ms > start_ms and cue.start_ms < end_ms
    ]


def write_webvtt(cues: Sequence[Cue]) -> str:
    """Cues as a WebVTT file."""
    return "\n\n".join(["WEBVTT", *(f"{_times(cue, '.')}\n{escape(cue.text, quote=False)}" for cue in cues)]) + "\n"


def write_subrip(cues: Sequence[Cue]) -> str:
    """Cues as a SubRip file."""
    blocks = [f"{number}\n{_times(cue, ',')}\n{cue.text}" for number, cue in enumerate(cues, 1)]
    return "\n\n".join(blocks) + "\n"


def _times(cue: Cue, mark: str) -> str:
    return " --> ".join(
        f"{ms // 3_600_000:02}:{ms // 60_000 % 60:02}:{ms // 1000 % 60:02}{mark}{ms % 1000:03}"
        for ms in (cue.start_ms, cue.end_ms)
    )


def paragraphs(cues: Sequence[Cue]) -> list[Cue]:
    """Cues joined to paragraphs of a transcript: a new one begins after a pause, and after about 20 seconds with the
    next sentence."""
    joined: list[Cue] = []
    for cue in cues:
        last = joined[-1] if joined else None
        if last is None or cue.start_ms - last.end_ms > PAUSE_MS or _is_full(last):
            joined.append(cue)
        else:
            joined[-1] = Cue(last.start_ms, max(last.end_ms, cue.end_ms), f"{last.text} {cue.text}")
    return [cue._replace(text=" ".join(cue.text.split("\n"))) for cue in joined]


def _is_full(paragraph: Cue) -> bool:
    length_ms = paragraph.end_ms - paragraph.start_ms
    return length_ms >= 2 * PARAGRAPH_MS or (length_ms >= PARAGRAPH_MS and paragraph.text.endswith(_SENTENCE_ENDS))

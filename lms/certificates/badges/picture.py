"""The picture of a badge, drawn once per series and kind. It names nobody."""

import json
from functools import lru_cache
from pathlib import Path

from lms.certificates.pdf.script_detection import writing_of
from lms.core.text.typesetting import draw, font_folders, tongue

TEMPLATE = Path(__file__).parents[1] / "design" / "badge.typ"
PPI = 144
"""600 pixels a side."""
_CJK = {"ja": "JP", "ko": "KR", "zh-TW": "TC", "zh-HK": "HK"}


def badge_picture(kind: str, series: str, organiser: str) -> bytes:
    """A PNG that shows what the badge is for and who issues it. Raises `core.text.typesetting.CannotRender`."""
    return _drawn(kind, series, organiser, tuple(font_folders()))


@lru_cache(maxsize=32)
def _drawn(kind: str, series: str, organiser: str, folders: tuple[Path, ...]) -> bytes:
    writing = writing_of(series)
    content = {
        "kind": kind,
        "series": series,
        "organiser": organiser,
        "lang": tongue(writing.lang)["lang"],
        "cjk": f"Noto Sans CJK {_CJK.get(writing.lang, 'SC')}",
    }
    return draw(TEMPLATE, {"badge": json.dumps(content, ensure_ascii=False, sort_keys=True)}, folders, ppi=PPI)

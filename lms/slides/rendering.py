"""Makes pictures and text of the pages of a PDF file. Runs in a separate process (`core.storage.foreign_files`).

PDFium is built without a JavaScript engine: scripts in a file are never run.
"""

import base64
import io
from collections.abc import Iterator
from typing import Any, Final

import pypdfium2
import pypdfium2.raw as pdfium
from PIL import Image

from lms.slides.models import DeckProblem
from lms.slides.rules import MOST_PAGES

LARGE: Final = 1600
"""Pixels of the longer side of a large picture, for zooming."""
SMALL: Final = 640
"""Pixels of the longer side of a small picture, for slow lines and thumbnails."""
MOST_TEXT: Final = 5_000
"""Characters of the text of one page."""
_QUALITIES: Final = {LARGE: 80, SMALL: 65}


def render(content: bytes, *, first: int, count: int) -> Iterator[dict[str, Any]]:
    """Yields `pages`, how many there are, then for each of `count` pages from `first` on, counted from 0: `large` and
    `small` pictures (WebP in Base64) and its `text`. Yields a `problem` instead where there is one."""
    try:
        document = pypdfium2.PdfDocument(content)
    except pypdfium2.PdfiumError as error:
        # For a file without pages PDFium leaves the code of the file that it refused before
        is_locked = getattr(error, "err_code", None) == pdfium.FPDF_ERR_PASSWORD and b"/Encrypt" in content
        yield {"problem": DeckProblem.LOCKED if is_locked else DeckProblem.UNREADABLE}
        return
    pages = len(document)
    if not 0 < pages <= MOST_PAGES:
        yield {"problem": DeckProblem.TOO_LONG if pages else DeckProblem.UNREADABLE}
        return
    yield {"pages": pages}
    for number in range(first, min(first + count, pages)):
        try:
            yield _page(document, number)
        except pypdfium2.PdfiumError:
            yield {"problem": DeckProblem.UNREADABLE}
            return


def _page(document: pypdfium2.PdfDocument, number: int) -> dict[str, str]:
    page = document[number]
    width, height = page.get_size()
    picture = page.render(scale=LARGE / max(width, height, 1)).to_pil().convert("RGB")
    text = page.get_textpage()
    written = text.get_text_bounded()
    text.close()
    page.close()
    reduced = picture.copy()
    reduced.thumbnail((SMALL, SMALL), Image.Resampling.LANCZOS)
    return {"large": _packed(picture, LARGE), "small": _packed(reduced, SMALL), "text": _cleaned(written)}


def _packed(picture: Image.Image, pixels: int) -> str:
    """A picture as WebP, with or without loss, whichever is smaller: text and plain areas are smaller without."""
    kinds: list[dict[str, Any]] = [{"quality": _QUALITIES[pixels]}, {"lossless": True, "quality": 40}]
    packed = []
    for options in kinds:
        out = io.BytesIO()
        picture.save(out, "WEBP", method=3, **options)
        packed.append(out.getvalue())
    return base64.b64encode(min(packed, key=len)).decode()


def _cleaned(text: str) -> str:
    """The text of a page without empty lines and signs that are not text."""
    lines = (" ".join("".join(filter(_is_text, line)).split()) for line in text.splitlines())
    return "\n".join(filter(None, lines))[:MOST_TEXT]


def _is_text(sign: str) -> bool:
    return sign.isprintable() or sign.isspace()

"""Documents on paper: typst sets them as PDF/A-2a and PDF/UA-1, with fonts of the product's own installation only.

The same content gives the same bytes: nothing is read from the clock, the system's fonts or the network.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from functools import lru_cache
from pathlib import Path
from typing import Literal

import structlog
import typst
from babel import Locale

from lms.core.errors import Busy
from lms.core.glyphs import FontFile, coverage, font_files, missing_signs
from lms.core.i18n import _
from lms.core.resources import resource
from lms.core.settings import settings

log = structlog.get_logger(__name__)

# Always both: under PDF/A a missing glyph is an error, in plain PDF a silent box.
STANDARDS: tuple[Literal["a-2a", "ua-1"], ...] = ("a-2a", "ua-1")
LIMIT_SECONDS = 30
"""How long a document may take, and how long a caller waits until the documents before it are done."""
MOST_STUCK = 4
"""A process starts no further documents while this many over the time limit are still being set."""
_one_at_a_time = threading.Lock()
_stuck: list[threading.Thread] = []


class CannotRender(Exception):
    """The document could not be set; the message is the typesetter's."""


class TypesettingTimeout(Busy):
    """Setting the document, or waiting for other documents, took too long (503)."""

    def __init__(self) -> None:
        super().__init__(_("This file could not be prepared in time. Wait a minute and try again."))


def font_folders() -> list[Path]:
    """Where fonts are: our own installation, then the folders of LMS_FONTS."""
    built_in = [resource("static", "build", "fonts"), resource("static", "build", "fonts-large")]
    named = settings().fonts
    return built_in + [Path(folder) for folder in named.split(":") if folder]


def can_draw(language: str) -> bool:
    """Whether the installed fonts have the letters of a language: of its name and of its months."""
    locale = Locale.parse(language, sep="-")
    words = [locale.get_display_name(locale) or "", *locale.months["format"]["wide"].values()]
    return not missing_signs("".join(words), coverage(font_folders()))


def tongue(language: str) -> dict[str, str | None]:
    """A BCP 47 tag in the parts that typst takes: `lang` and `region`."""
    primary, *rest = language.replace("_", "-").split("-")
    region = next((part.upper() for part in rest if len(part) == 2), None)
    if primary == "zh" and region is None:
        region = "TW" if "Hant" in rest else "CN"
    return {"lang": primary.lower(), "region": region}


@lru_cache(maxsize=4)
def _compiler(template: Path, _files: tuple[FontFile, ...], folders: tuple[str, ...]) -> typst.Compiler:
    """One compiler a process, template and set of fonts; a file that is new or changed makes a new one."""
    return typst.Compiler(str(template), root=str(template.parent), font_paths=list(folders), ignore_system_fonts=True)


def typeset(template: Path, inputs: Mapping[str, str], folders: Sequence[Path]) -> bytes:
    """What a template makes of its inputs, as PDF.

    Raises CannotRender, above all for a character that no font has, and TypesettingTimeout.
    """
    return _in_time(
        template,
        lambda: _compiler_of(template, folders).compile(
            format="pdf", sys_inputs=dict(inputs), pdf_standards=[*STANDARDS], timestamp=0
        ),
    )


def draw(template: Path, inputs: Mapping[str, str], folders: Sequence[Path], *, ppi: float) -> bytes:
    """What a template makes of its inputs, as PNG with `ppi` pixels an inch. Raises as `typeset` does."""
    return _in_time(
        template, lambda: _compiler_of(template, folders).compile(format="png", sys_inputs=dict(inputs), ppi=ppi)
    )


def draw_without_limit(template: Path, inputs: Mapping[str, str], *, ppi: float) -> bytes:
    """Draws as `draw` does, in the calling thread: for a child of `core.foreign_process`, which has its own limits.

    Raises CannotRender.
    """
    try:
        return _document_of(_compiler_of(template, ()).compile(format="png", sys_inputs=dict(inputs), ppi=ppi))
    except typst.TypstError as error:
        raise CannotRender(str(error)) from error


def _compiler_of(template: Path, folders: Sequence[Path]) -> typst.Compiler:
    return _compiler(template, font_files(folders), tuple(str(folder) for folder in folders))


def _in_time(template: Path, work: Callable[[], object]) -> bytes:
    """Sets one document at a time, in a separate thread: a compiler that never returns cannot be interrupted."""
    began = time.monotonic()
    if not _one_at_a_time.acquire(timeout=LIMIT_SECONDS):
        raise _too_late(template, began, "waiting for other documents")
    try:
        _stuck[:] = [thread for thread in _stuck if thread.is_alive()]
        if len(_stuck) >= MOST_STUCK:
            raise _too_late(template, began, "too many documents are stuck")
        result: Future[object] = Future()
        thread = threading.Thread(target=_settle, args=(result, work), name="typesetting", daemon=True)
        thread.start()
        try:
            document = result.result(LIMIT_SECONDS)
        except TimeoutError as error:
            _stuck.append(thread)
            _compiler.cache_clear()  # the stuck thread may hold a lock of its compiler
            raise _too_late(template, began, "setting the document") from error
    finally:
        _one_at_a_time.release()
    return _document_of(document)


def _document_of(result: object) -> bytes:
    if not isinstance(result, bytes):
        raise CannotRender("one document of one page was asked for")
    return result


def _settle(result: Future[object], work: Callable[[], object]) -> None:
    try:
        result.set_result(work())
    except typst.TypstError as error:
        failure = CannotRender(str(error))
        failure.__cause__ = error
        result.set_exception(failure)
    except BaseException as error:
        result.set_exception(error)


def _too_late(template: Path, began: float, phase: str) -> TypesettingTimeout:
    seconds = round(time.monotonic() - began, 1)
    log.error("typesetting took too long", template=template.name, phase=phase, seconds=seconds)
    return TypesettingTimeout()

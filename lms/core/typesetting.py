"""Documents on paper: typst sets them as PDF/A-2a and PDF/UA-1, with fonts of the product's own installation only.

The same content gives the same bytes: nothing is read from the clock, the system's fonts or the network.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Literal

import typst
from flask import current_app

from lms.core.glyphs import FontFile, font_files
from lms.core.resources import resource

# Always both: under PDF/A a missing glyph is an error, in plain PDF a silent box.
STANDARDS: tuple[Literal["a-2a", "ua-1"], ...] = ("a-2a", "ua-1")
_one_at_a_time = threading.Lock()


class CannotRender(Exception):
    """The document could not be set; the message is the typesetter's."""


def font_folders() -> list[Path]:
    """Where fonts are: our own installation, then the folders of LMS_FONTS."""
    own = [resource("static", "build", "fonts"), resource("static", "build", "fonts-large")]
    named: str = current_app.extensions["lms.config"].fonts
    return own + [Path(folder) for folder in named.split(":") if folder]


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
    """What a template makes of its inputs, as PDF. Raises CannotRender, above all for a character that no font has."""
    with _one_at_a_time, _said():
        pdf = _compiler_of(template, folders).compile(
            format="pdf", sys_inputs=dict(inputs), pdf_standards=[*STANDARDS], timestamp=0
        )
    return _single(pdf)


def draw(template: Path, inputs: Mapping[str, str], folders: Sequence[Path], *, ppi: float) -> bytes:
    """What a template makes of its inputs, as PNG with `ppi` pixels an inch. Raises CannotRender."""
    with _one_at_a_time, _said():
        png = _compiler_of(template, folders).compile(format="png", sys_inputs=dict(inputs), ppi=ppi)
    return _single(png)


def _compiler_of(template: Path, folders: Sequence[Path]) -> typst.Compiler:
    return _compiler(template, font_files(folders), tuple(str(folder) for folder in folders))


@contextmanager
def _said() -> Iterator[None]:
    try:
        yield
    except typst.TypstError as error:
        raise CannotRender(str(error)) from error


def _single(made: object) -> bytes:
    if not isinstance(made, bytes):
        raise CannotRender("one document of one page was asked for")
    return made

"""An application that offers some languages only, as the setting `LMS_LANGUAGES` makes it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from apiflask import APIFlask

from lms.core.text.i18n import SPOKEN


@contextmanager
def offering(app: APIFlask, *codes: str) -> Iterator[None]:
    """Within, English and these languages are offered, and no others."""
    offered = app.extensions[SPOKEN]
    app.extensions[SPOKEN] = ("en", *codes)
    app.extensions["lms.whole_pages"].clear()  # every page offers the languages that there are
    try:
        yield
    finally:
        app.extensions[SPOKEN] = offered
        app.extensions["lms.whole_pages"].clear()

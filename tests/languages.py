"""An application that speaks further languages, as it does once their catalogues are there: with English words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from apiflask import APIFlask

from lms.core.i18n import SPOKEN


@contextmanager
def speaking_also(app: APIFlask, *codes: str) -> Iterator[None]:
    """Within, these languages are offered, and pages in them have their direction, dates and numbers."""
    offered = app.extensions[SPOKEN]
    app.extensions[SPOKEN] = (*offered, *codes)
    app.extensions["lms.whole_pages"].clear()  # every page offers the languages that there are
    try:
        yield
    finally:
        app.extensions[SPOKEN] = offered
        app.extensions["lms.whole_pages"].clear()

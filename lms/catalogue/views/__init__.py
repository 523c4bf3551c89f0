"""The catalogue's pages: the list of series, forms of series and lectures, the steps of a lecture."""

from __future__ import annotations

from lms.catalogue.views import lectures, series, steps
from lms.catalogue.views.blueprint import bp

__all__ = ["bp", "lectures", "series", "steps"]

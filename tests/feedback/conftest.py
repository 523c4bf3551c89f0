"""The fixture `world`, as tests of reports have it."""

from tests.reports.conftest import world

__all__ = ["world"]

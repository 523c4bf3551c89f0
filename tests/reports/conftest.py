"""The fixture `world` of the tests of reports."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from apiflask import APIFlask
from sqlalchemy import delete

from lms.people.models import Partnership
from tests.reports.world import World


@pytest.fixture
def world(app: APIFlask) -> Iterator[World]:
    """An empty world without partners."""
    made = World(app)
    made.execute(delete(Partnership))
    yield made
    made.execute(delete(Partnership))

"""People and series for the tests of the catalogue."""

# ruff: noqa: DTZ001 (planned times are local, without offset)

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest
from apiflask import APIFlask

from lms.catalogue.actions.lectures import schedule_lecture
from lms.catalogue.actions.series import create_series
from lms.catalogue.inputs import LectureInput, SeriesInput
from lms.catalogue.models import Lecture, Series
from lms.core.base import events
from lms.core.base.roles import SYSTEM, Actor, Role
from tests.factories import Make

MakeSeries = Callable[..., Series]
MOMENT = datetime(2026, 11, 25, 1, 0, tzinfo=UTC)


def an_actor(make: Make, name: str, *roles: Role) -> Actor:
    """Somebody with the address `<name>@example.org` who holds these roles."""
    return make.actor(full_name=name, email=f"{name.casefold()}@example.org", country=None, roles=roles)


@pytest.fixture
def ines(make: Make, context: None) -> Actor:
    """An instructor."""
    return an_actor(make, "Ines", Role.INSTRUCTOR)


@pytest.fixture
def omar(make: Make, context: None) -> Actor:
    """Another instructor."""
    return an_actor(make, "Omar", Role.INSTRUCTOR)


@pytest.fixture
def admin(make: Make, context: None) -> Actor:
    """An administrator."""
    return an_actor(make, "Ada", Role.ADMINISTRATOR)


@pytest.fixture
def trainee(make: Make, context: None) -> Actor:
    """Somebody without a role."""
    return an_actor(make, "Tariq")


@pytest.fixture
def make_series(context: None) -> Callable[..., Series]:
    """Makes a series: by the system unless `by` says otherwise."""

    def make(slug: str = "trade", *, by: Actor = SYSTEM, **fields: object) -> Series:
        values: dict[str, object] = {"slug": slug, "title": slug.title(), **fields}
        return create_series(SeriesInput(**values), by=by, at=MOMENT)  # type: ignore[arg-type]

    return make


@pytest.fixture
def make_lecture(context: None) -> Callable[..., Lecture]:
    """Makes a lecture, on 2 December at 14:00 in Beijing unless told otherwise."""

    def make(slug: str = "trade", *, by: Actor = SYSTEM, **fields: object) -> Lecture:
        values: dict[str, object] = {
            "title": "Opening",
            "time_zone": "Asia/Shanghai",
            "starts_at": datetime(2026, 12, 2, 14, 0),
            **fields,
        }
        return schedule_lecture(slug, LectureInput(**values), by=by, at=MOMENT)  # type: ignore[arg-type]

    return make


@pytest.fixture
def published(app: APIFlask) -> Iterator[list[str]]:
    """The names of the events published during the test."""
    heard: list[str] = []
    bus: events.EventBus = app.extensions[events.KEY]
    publish = bus.publish
    bus.publish = lambda event: (heard.append(type(event).__name__), publish(event))[1]  # type: ignore[method-assign]
    yield heard
    del bus.publish  # type: ignore[method-assign]


@pytest.fixture
def series(make_series: MakeSeries, ines: Actor) -> Series:
    """A public series that Ines gives."""
    return make_series(by=ines, language="fr")

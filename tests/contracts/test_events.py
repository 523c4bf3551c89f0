"""Whoever refers to a person answers when that person is merged, exported or erased."""

from __future__ import annotations

from pathlib import Path

import pytest
from apiflask import APIFlask

import lms
from lms.core.base import events
from lms.core.database.session import Base

EVENTS = [events.PeopleMerged, events.PersonExportAsked, events.PersonErased]


def slices_with_people() -> set[str]:
    """The slices whose tables have a foreign key to `person`."""
    slices = set()
    for mapper in Base.registry.mappers:
        for column in mapper.local_table.columns:
            if any(key.column.table.name == "person" for key in column.foreign_keys):
                slices.add(mapper.class_.__module__.split(".")[1])
    return slices


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.__name__)
def test_each_slice_with_people_has_a_handler(app: APIFlask, event: type[events.Event]) -> None:
    handlers = app.extensions[events.KEY].handlers.get(event, [])
    answering = {handler.__module__.split(".")[1] for handler in handlers}
    # people raises these events itself and answers them in the same action
    assert slices_with_people() - {"people"} <= answering


def test_handlers_are_registered_once_an_app(app: APIFlask) -> None:
    for handlers in app.extensions[events.KEY].handlers.values():
        assert len(handlers) == len(set(handlers))


def test_handlers_stand_in_the_order_of_the_tower(app: APIFlask) -> None:
    from lms.app import SLICES

    for handlers in app.extensions[events.KEY].handlers.values():
        order = [SLICES.index(handler.__module__.split(".")[1]) for handler in handlers]
        assert order == sorted(order)


def test_every_event_is_published_and_answered(app: APIFlask) -> None:
    text = "".join(path.read_text(encoding="utf-8") for path in Path(lms.__file__).parent.rglob("*.py"))
    kinds = {kind.__name__ for kind in events.Event.__subclasses__()}
    assert sorted(name for name in kinds if f"{name}(" not in text.replace(f"class {name}(", "")) == []
    assert sorted(kinds - {kind.__name__ for kind in app.extensions[events.KEY].handlers}) == []

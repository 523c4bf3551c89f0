"""Fields that forms of several slices have: whole numbers, local times, and the choice of a time zone."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from wtforms import DateTimeLocalField, IntegerField
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]  # the stubs are older
from wtforms.widgets import TextInput

from lms.core.words import _
from lms.web.time import ZONES, zone_city

_AREAS = ("Africa", "America", "Asia", "Atlantic", "Australia", "Europe", "Indian", "Pacific")
_LOCAL = ("%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S")


class WholeNumber(IntegerField):
    """A whole number; anything else is refused in a sentence and stays as typed."""

    widget = TextInput()

    def process_formdata(self, valuelist: list[str]) -> None:
        try:
            super().process_formdata([value.strip() for value in valuelist])
        except ValueError as error:
            raise ValueError(_("Write a whole number.")) from error


class LocalTime(DateTimeLocalField):
    """A local date and time; anything else is refused in a sentence and stays as typed."""

    def __init__(self, label: Any = None, validators: Any = None, **more: Any) -> None:
        super().__init__(label, validators, format=list(_LOCAL), **more)

    def process_formdata(self, valuelist: list[str]) -> None:
        try:
            super().process_formdata(valuelist)
        except ValueError as error:
            raise ValueError(_("Write day and time such as 2026-12-02 14:00.")) from error


def sorted_choices(named: Iterable[tuple[str, str]]) -> list[SelectChoice]:
    """Choices (value, label) in the order of their labels."""
    return [SelectChoice(value, label) for value, label in sorted(named, key=lambda item: item[1].casefold())]


def zone_choices(chosen: str | None = None) -> list[SelectChoice]:
    """Time zones by city, with the IANA name."""
    zones = {zone for zone in ZONES if "/" in zone and zone.split("/")[0] in _AREAS} | {"UTC"}
    if chosen in ZONES:
        zones.add(str(chosen))
    return sorted_choices((zone, zone if zone == "UTC" else f"{zone_city(zone)} – {zone}") for zone in zones)

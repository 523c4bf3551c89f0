"""Fields that forms of several slices have: whole numbers, local times, and the choice of a time zone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from wtforms import DateTimeLocalField, IntegerField, SelectField
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]  # the stubs are older
from wtforms.validators import ValidationError
from wtforms.widgets import TextInput

from lms.core import zones
from lms.core.i18n import _, name_key
from lms.web.time import offset_words, zone_city

_LOCAL = ("%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S")


class WholeNumber(IntegerField):
    """A whole number; anything else is refused in a sentence and stays as typed."""

    widget = TextInput()

    def process_formdata(self, valuelist: list[str]) -> None:
        try:
            super().process_formdata([value.strip() for value in valuelist])
        except ValueError as error:
            raise ValueError(_("Enter a whole number.")) from error


class LocalTimeField(DateTimeLocalField):
    """A local date and time; anything else is refused in a sentence and stays as typed."""

    def __init__(self, label: Any = None, validators: Any = None, **more: Any) -> None:
        super().__init__(label, validators, format=list(_LOCAL), **more)

    def process_formdata(self, valuelist: list[str]) -> None:
        try:
            super().process_formdata(valuelist)
        except ValueError as error:
            raise ValueError(_("Enter a date and time, such as 2026-12-02 14:00.")) from error


class KnownChoice(SelectField):
    """A choice whose refusal is a sentence."""

    def pre_validate(self, form: Any) -> None:
        try:
            super().pre_validate(form)
        except ValidationError as error:
            raise ValidationError(_("Choose an option from the list.")) from error


class ZoneField(KnownChoice):
    """A time zone of `zone_choices`. Any name of a zone is read as its one name."""

    def process_data(self, value: Any) -> None:
        super().process_data(zones.canonical(value) or value if value else value)

    def process_formdata(self, valuelist: list[str]) -> None:
        super().process_formdata([zones.named_zone(value.strip()) or value for value in valuelist])


def sorted_choices(named: Iterable[tuple[str, str]]) -> list[SelectChoice]:
    """Choices (value, label) in the order of their labels."""
    return [SelectChoice(value, label) for value, label in sorted(named, key=lambda item: name_key(item[1]))]


def zone_choices(
    countries: Mapping[str, str], *, at: datetime, chosen: str | None = None, home: str | None = None
) -> list[SelectChoice]:
    """Every time zone once, by country and city, with its offset from UTC at a moment.

    `countries` are all codes and names. A country without a zone is in the list by its name; its value is its code (see
    `zones.named_zone`), except for somebody whose `home` it is: the zone is then shown as that country's. `chosen` is
    in the list even where it has no place on earth, such as Etc/GMT+3.
    """
    placed = zones.territories()
    without = {code: main for code in countries if not zones.zones_of(code) and (main := zones.main_zone(code))}
    taken = without.get(home or "")
    named = [
        (zone if zone != taken else code, zone_words(zone, at, countries.get(code))) for zone, code in placed.items()
    ]
    named += [
        (
            zone if code == home else code,
            _("%(place)s (%(offset)s)", place=countries[code], offset=offset_words(zone, at)),
        )
        for code, zone in without.items()
    ]
    for zone in dict.fromkeys(("UTC", zones.canonical(chosen or "UTC"))):
        if zone is not None and zone not in placed:
            named.append((zone, zone_words(zone, at)))
    return sorted_choices(named)


def zone_words(zone: str, at: datetime, country: str | None = None) -> str:
    """ "Kenya, Nairobi (UTC+3)", or "Nairobi (UTC+3)"."""
    city = zone_city(zone)
    if zone == "UTC":
        return city
    if country and country != city:
        return _("%(country)s, %(city)s (%(offset)s)", country=country, city=city, offset=offset_words(zone, at))
    return _("%(place)s (%(offset)s)", place=city, offset=offset_words(zone, at))

"""What the forms of the catalogue share: languages, zones, lists that are typed, and faults of nested fields."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from babel import Locale
from werkzeug.datastructures import MultiDict
from wtforms import DateField, FieldList, FormField
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]

from lms.core import clock
from lms.core.errors import Invalid
from lms.core.i18n import _
from lms.people.queries.countries import country_names
from lms.people.queries.country_names import code_of_name, codes_of_shared_name
from lms.web.fields import sorted_choices, zone_choices
from lms.web.forms import BaseForm
from lms.web.locale import reader_locale
from lms.web.time import language_name

LANGUAGES = (
    *("en", "fr", "es", "pt", "ru", "ar", "zh"),
    *("sw", "am", "ha", "yo", "zu", "so", "hi", "ur", "bn", "ne", "si", "ta", "th", "vi", "km", "lo", "my", "id", "ms"),
    *(
        "fil",
        "mn",
        "kk",
        "uz",
        "ky",
        "tg",
        "tk",
        "az",
        "fa",
        "tr",
        "ja",
        "ko",
        "de",
        "it",
        "nl",
        "pl",
        "uk",
        "ro",
        "sr",
    ),
    "el",
)
"""Languages that the forms offer; the API takes any."""


def language_choices(chosen: str | None = None, codes: Iterable[str] = LANGUAGES) -> list[SelectChoice]:
    """Languages by name in the reader's language; a language in use stays a choice."""
    names = Locale.parse(reader_locale()).languages
    offered = {*codes, *([chosen] if chosen else [])}
    return sorted_choices((code, names.get(code) or language_name(code)) for code in offered)


def lines(text: str | None) -> tuple[str, ...]:
    """Splits text at line ends and commas, without empty parts."""
    return tuple(part.strip() for part in (text or "").replace(",", "\n").splitlines() if part.strip())


def codes_of(text: str | None, names: Mapping[str, str]) -> tuple[str, ...]:
    """Codes, or names turned into codes; what is unknown, or can mean several countries, stays as typed."""
    known = {name.casefold(): code for code, name in names.items() if not codes_of_shared_name(name)}
    known |= {code.casefold(): code for code in names}

    def code_of(typed: str) -> str | None:
        code = known.get(typed.casefold()) or code_of_name(typed)
        return code if code in names else None

    codes: list[str] = []
    for line in (text or "").splitlines():
        whole = code_of(line.strip())  # a name may have a comma: China, Hong Kong …
        codes += [whole] if whole else [code_of(part) or part for part in lines(line)]
    return tuple(codes)


def offered_zones(chosen: str | None) -> list[SelectChoice]:
    """Time zones to choose from, as they are now, in the reader's language."""
    return zone_choices(country_names(reader_locale()), at=clock.now(), chosen=chosen)


class Day(DateField):
    """A day; anything else is refused in a sentence and stays as typed."""

    def process_formdata(self, valuelist: list[str]) -> None:
        try:
            super().process_formdata(valuelist)
        except ValueError as error:
            raise ValueError(_("Enter a date, such as 2026-12-02.")) from error


class CatalogueForm(BaseForm):
    """Shows the faults of nested fields where they belong: `policy.min_percent`, `materials.0.url`."""

    def take(self, error: Invalid) -> None:
        plain = []
        for fault in error.faults:
            parts = (fault.field or "").split(".")
            target = self._nested(parts) if len(parts) > 1 else None
            if target is None:
                plain.append(fault)
            else:
                target.errors = [*target.errors, fault.reason]
        for field in self._fields.values():
            if isinstance(field, FieldList) and any(entry.errors for entry in field.entries):
                field.errors = [entry.errors for entry in field.entries]
        if plain:
            super().take(Invalid(faults=plain))

    def _nested(self, parts: list[str]) -> Any:
        outer = self._fields.get(parts[0])
        if isinstance(outer, FormField):
            return outer.form._fields.get(parts[1])
        if isinstance(outer, FieldList) and len(parts) == 3 and parts[1].isdecimal():
            rows = self.filled_rows(outer)
            if int(parts[1]) < len(rows):
                return rows[int(parts[1])].form._fields.get(parts[2])
        return None

    @staticmethod
    def filled_rows(rows: Any) -> list[Any]:
        """The rows in which something was typed: these are sent, in this order."""
        return [row for row in rows.entries if any((value or "").strip() for value in row.data.values())]


class PlannedTimeForm(CatalogueForm):
    """What plans a lecture: it has `starts_at`, `time_zone` and `duration_minutes`."""

    def use_start(self, local: datetime) -> None:
        """Begins the lecture at another local time than was typed."""
        self.take_times(MultiDict({"starts_at": local.isoformat(timespec="minutes")}))

    def take_times(self, given: MultiDict[str, str]) -> None:
        """Takes those of its time, zone and length that are given, and nothing else."""
        for name in ("starts_at", "time_zone", "duration_minutes"):
            if name in given:
                self[name].process(given)

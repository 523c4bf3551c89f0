"""Shared parts of the forms of the catalogue: languages, zones, lists that are typed, and faults of nested fields.

Also the forms for texts of series and lectures in further languages.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cached_property
from typing import Any

from werkzeug.datastructures import MultiDict
from wtforms import DateField, FieldList, FormField, StringField, TextAreaField
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]

from lms.catalogue.actions.naming import persons_of
from lms.catalogue.queries.teaching import address_of_teacher, list_teachers, names_of_addresses
from lms.core.base.errors import Invalid
from lms.core.text.i18n import _, _l
from lms.core.time import clock
from lms.people.queries.countries import country_names
from lms.people.queries.country_names import code_of_name, codes_of_shared_name
from lms.web.forms.forms import BaseForm, zone_choices
from lms.web.forms.languages import TextsForm
from lms.web.pages.locale import reader_locale


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


class Addresses(TextAreaField):
    """E-mail addresses: a field for each, or one per line."""

    def process_formdata(self, valuelist: list[str]) -> None:
        if valuelist:
            self.data = "\n".join(valuelist)


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
    """A form that plans a lecture: it has `starts_at`, `time_zone` and `duration_minutes`."""

    def use_start(self, local: datetime) -> None:
        """Begins the lecture at another local time than was typed."""
        self.take_times(MultiDict({"starts_at": local.isoformat(timespec="minutes")}))

    def take_times(self, given: MultiDict[str, str]) -> None:
        """Takes those of its time, zone and length that are given, and nothing else."""
        for name in ("starts_at", "time_zone", "duration_minutes"):
            if name in given:
                self[name].process(given)


class InstructorsForm(CatalogueForm):
    """A form with a list of instructors: `instructors` are their addresses, `instructor_name` is a person to add."""

    instructors: TextAreaField
    instructor_name: StringField
    is_list_changed = False
    """Whether the form was sent only to change the list."""

    @cached_property
    def teachers(self) -> Sequence[tuple[int, str]]:
        """Everybody who can be added, as (person id, name)."""
        return list_teachers()

    @property
    def teacher_names(self) -> list[str]:
        """The names that can be chosen."""
        return list(dict.fromkeys(name for _id, name in self.teachers))

    @property
    def chosen(self) -> list[tuple[str, str]]:
        """The list as (address, name); with the address as a name where the name is unknown or not unique."""
        addresses = lines(self.instructors.data)
        names, count = names_of_addresses(addresses, self.teachers), Counter(name for _id, name in self.teachers)
        unique = {address: name for address, name in names.items() if count[name] == 1}
        return [(address, unique.get(address, address)) for address in dict.fromkeys(addresses)]

    def addresses(self) -> tuple[str, ...]:
        """The addresses on the list, and that of somebody who was typed and not added yet."""
        typed = self.instructor_name.data
        return tuple(dict.fromkeys((*lines(self.instructors.data), *([self._typed_address(typed)] if typed else []))))

    def change_list(self, sent: Mapping[str, str]) -> bool:
        """Adds or removes an instructor, if the form was `sent` for that; says whether it was."""
        removed, step = sent.get("remove", ""), sent.get("step")
        if removed:
            self.instructors.data = "\n".join(each for each in lines(self.instructors.data) if each != removed)
        elif step == "add" or (step == "enter" and self.instructor_name.data):
            self._add()
        else:
            return False
        self.is_list_changed = True
        return True

    def take(self, error: Invalid) -> None:
        """Shows what is wrong with an address on the list at the field that adds to it."""
        super().take(error)
        self.instructor_name.errors = [*self.instructor_name.errors, *self.instructors.errors]
        self.instructors.errors = []

    def _add(self) -> None:
        typed = self.instructor_name.data
        if not typed:
            return
        try:
            address = self._typed_address(typed)
            persons_of([address])
        except Invalid as error:
            self.take(error)
        else:
            self.instructors.data = "\n".join(dict.fromkeys((*lines(self.instructors.data), address)))
            self.instructor_name.data = ""

    @staticmethod
    def _typed_address(typed: str) -> str:
        return typed if "@" in typed else address_of_teacher(typed)


class SeriesTextsForm(TextsForm):
    """The texts of a series in one language."""

    title = StringField(_l("Title"))
    description = TextAreaField(_l("Description"))


class LectureTextsForm(TextsForm):
    """The texts of a lecture in one language."""

    title = StringField(_l("Title"))
    abstract = TextAreaField(_l("Description"))

"""The base of every form on a page, and fields that forms of several slices have.

The base brings CSRF, messages in the reader's language, and faults of actions shown at their field. The fields are
whole numbers, none of them larger than the database's columns, local times, and the choice of a time zone.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from functools import lru_cache
from typing import Any

from babel.support import Translations
from flask import Flask, flash
from flask_wtf import FlaskForm
from markupsafe import escape
from werkzeug.exceptions import NotFound
from werkzeug.routing import IntegerConverter
from wtforms import DateTimeLocalField, IntegerField, SelectField
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]  # the stubs are older
from wtforms.i18n import messages_path
from wtforms.validators import ValidationError
from wtforms.widgets import Select, TextArea, TextInput

from lms.core.base.errors import Invalid, Refused
from lms.core.text.i18n import _, name_key
from lms.core.time import zones
from lms.web.pages.locale import reader_locale
from lms.web.pages.time import offset_words, zone_city

_LATIN = {"email", "url", "tel"}
_WORDS = {"text", "search"}


def _strip(value: object) -> object:
    return value.strip() if isinstance(value, str) else value


@contextmanager
def flash_refusal() -> Iterator[None]:
    """Does one thing; if it is refused, the next page says why."""
    try:
        yield
    except Refused as error:
        flash(error.message, "wrong")


class BaseForm(FlaskForm):
    """A form whose fields are named as in the API. Text is stripped; passwords are left as typed."""

    class Meta(FlaskForm.Meta):
        def get_translations(self, form: Any) -> Any:
            """WTForms' messages. Flask-WTF reads their file again in each request."""
            return _messages(reader_locale())

        def bind_field(self, form: Any, unbound_field: Any, options: Any) -> Any:
            kind = unbound_field.field_class.__name__
            if any(part in kind for part in ("Password", "FieldList", "File", "FormField")):
                return unbound_field.bind(form=form, **options)
            filters = [*unbound_field.kwargs.get("filters", []), _strip]
            return unbound_field.bind(form=form, filters=filters, **options)

        def render_field(self, field: Any, render_kw: Mapping[str, Any]) -> Any:
            """Text runs in the direction of its content; addresses and codes from left to right, in either direction of
            the page. What must be filled in is not called invalid before it was sent, as browsers do.
            """
            attributes = {**(field.render_kw or {}), **render_kw}
            usual_kind = "text" if isinstance(field.widget, TextArea) else getattr(field.widget, "input_type", None)
            kind = attributes.get("type", usual_kind)
            if kind == "hidden":
                attributes.setdefault("id", False)  # nothing refers to it, and a page has several forms
            if kind in _LATIN or attributes.get("spellcheck") == "false":
                attributes.setdefault("dir", "ltr")
            elif kind in _WORDS:
                attributes.setdefault("dir", "auto")
            if attributes.get("required", field.flags.required):
                attributes.setdefault("aria-invalid", "true" if field.errors else "false")
            if type(field.widget) is Select:
                field.widget = QuickSelect(multiple=field.widget.multiple)
            return super().render_field(field, attributes)

    def take(self, error: Invalid) -> None:
        """Shows the faults that an action found at the fields they belong to, the rest on top of the form."""
        for fault in error.faults:
            field = self._fields.get((fault.field or "").split(".")[0])
            if field is None:
                self.form_errors.append(fault.reason)
            else:
                field.errors = [*field.errors, fault.reason]

    def attempt(self, work: Callable[[], object]) -> int | None:
        """Does what the form asks for; None when it is done, else the status, with the form saying what is wrong."""
        if not self.validate():
            return 422
        try:
            work()
        except Invalid as error:
            self.take(error)
            return 422
        except Refused as error:
            self.form_errors.append(error.message)
            return error.status
        return None

    def values(self) -> Mapping[str, Any]:
        """Returns what was typed, by field name, without the token."""
        return {name: value for name, value in self.data.items() if name != "csrf_token"}


@lru_cache(maxsize=16)
def _messages(locale: str) -> Any:
    return Translations.load(messages_path(), [locale], domain="wtforms")


class QuickSelect(Select):
    """A choice exactly as the library draws it, in much less time: a page can have hundreds of countries and zones."""

    @classmethod
    def render_option(cls, choice: Any, **given: Any) -> str:  # type: ignore[override]  # the stubs are older
        """An option without attributes, rendered without building a list of attributes."""
        if given or choice.render_kw or isinstance(choice.value, bool):
            return str(super().render_option(choice, **given))
        chosen = "selected " if choice.selected else ""
        return f'<option {chosen}value="{escape(choice.value)}">{escape(choice.label or choice.value)}</option>'


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


LARGEST = 2**31 - 1
"""The largest number that a key has on every database."""
_MOST_BYTES = 2**53


def whole(text: str) -> int:
    """The whole number that a parameter says: for `request.args.get(…, type=whole)`. Raises ValueError."""
    number = int(text)
    if abs(number) > LARGEST:
        raise ValueError(text)
    return number


def byte_count(text: str) -> int:
    """The size of a file that a parameter says, as `whole`, up to 9 petabytes. Raises ValueError."""
    number = int(text)
    if abs(number) > _MOST_BYTES:
        raise ValueError(text)
    return number


class _Whole(IntegerConverter):
    """`<int:…>` of an address, which has one spelling: no zeros before it and no digits of other scripts.

    With a larger number it is not found, whatever the method.
    """

    regex = "(?:0|[1-9][0-9]*)"

    def to_python(self, value: str) -> int:
        """The number. Raises NotFound, so that no other rule is tried."""
        number: int = super().to_python(value)
        if number > LARGEST:
            raise NotFound
        return number


def init_app(app: Flask) -> None:
    """Has every address read its numbers so."""
    app.url_map.converters["int"] = _Whole

"""The base of every form on a page: CSRF, messages in the reader's language, faults of actions shown at their field."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

from babel.support import Translations
from flask import flash
from flask_wtf import FlaskForm
from markupsafe import escape
from wtforms.i18n import messages_path
from wtforms.widgets import Select, TextArea

from lms.core.errors import Invalid, Refused
from lms.web.locale import reader_locale

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
            the page.
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
        """What was typed, by field name, without the token."""
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

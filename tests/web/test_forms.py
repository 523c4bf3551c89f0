"""Choices are drawn quickly, and exactly as the library would draw them; refusals are said."""

from __future__ import annotations

from dataclasses import replace

import pytest
from apiflask import APIFlask
from flask import get_flashed_messages
from markupsafe import Markup
from wtforms import Form, SelectField, SelectMultipleField
from wtforms.fields.choices import SelectChoice
from wtforms.widgets import Select

from lms.core.base.errors import NotFound, Refused
from lms.core.text.i18n import _l
from lms.web.forms.forms import BaseForm, QuickSelect, flash_refusal
from tests.rows import each_row

CHOICES = [
    SelectChoice(value, label)
    for value, label in (
        ("", ""),
        ("KE", "Kenya"),
        ("CI", "Côte d'Ivoire <\"&'>"),
        ('"><b>', "quoted"),
        (3, "a number"),
        (True, "a truth"),
        ("lazy", _l("Not stated")),
        ("markup", Markup("<i>as it is</i>")),
        ("unnamed", None),
    )
]
CHOICES.append(SelectChoice("off", "with attributes", render_kw={"disabled": True, "data_of": '"x"'}))
GROUPED = [replace(choice, optgroup="Likely & All") for choice in CHOICES[:4]]


@each_row("choices", [CHOICES, GROUPED])
@each_row("chosen", [None, "KE", '"><b>', "off", "markup"])
def test_a_choice_looks_as_the_library_draws_it(choices: list[object], chosen: str | None) -> None:
    class Asked(Form):
        one = SelectField(choices=choices, default=chosen)
        several = SelectMultipleField(choices=choices, default=[chosen, ""] if chosen else [])

    form = Asked()
    assert str(QuickSelect()(form.one)) == str(Select()(form.one))
    assert str(QuickSelect(multiple=True)(form.several, size=4)) == str(Select(multiple=True)(form.several, size=4))
    assert " selected" in str(QuickSelect()(form.one)) or chosen in {None, "markup"} or choices is GROUPED


def test_forms_draw_choices_quickly_and_keep_their_attributes(app: object) -> None:
    class Asked(BaseForm):
        one = SelectField(choices=[SelectChoice("a"), SelectChoice("b")], default="b", render_kw={"dir": "rtl"})
        several = SelectMultipleField(choices=[SelectChoice("a"), SelectChoice("b")])

    with app.test_request_context():  # type: ignore[attr-defined]
        form = Asked()
        drawn = str(form.one(required=True))
        assert drawn == (
            '<select aria-invalid="false" dir="rtl" id="one" name="one" required><option value="a">a</option>'
            '<option selected value="b">b</option></select>'
        )
        assert isinstance(form.one.widget, QuickSelect)
        assert str(form.several()).startswith('<select id="several" multiple name="several">')


def test_a_refusal_is_said_and_nothing_else_is_swallowed(app: APIFlask) -> None:
    with app.test_request_context("/"):
        with flash_refusal():
            raise Refused("It has ended.")
        assert get_flashed_messages(with_categories=True) == [("wrong", "It has ended.")]
        with pytest.raises(NotFound), flash_refusal():
            raise NotFound

"""Parts of pages that are kept: the same values give the same part, another language or other values another one."""

from __future__ import annotations

import pytest
from apiflask import APIFlask
from jinja2 import DictLoader

from lms.web.fragment_cache import kept
from tests.languages import speaking_also


class Shown:
    """Equal to itself only, as what pages are made of."""

    def __init__(self, text: str) -> None:
        self.text, self.count = text, 12345


@pytest.fixture
def templates(app: APIFlask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        app.jinja_env,
        "loader",
        DictLoader(
            {
                "part.html": "<p>{{ shown.text }}, {{ shown.count|number }}, {{ now is defined }}</p>",
                "form.html": '<input name="csrf_token" value="{{ csrf_token() }}">',
            }
        ),
    )


@pytest.mark.usefixtures("templates")
def test_a_part_is_written_once_for_what_it_shows(app: APIFlask) -> None:
    first, second = Shown("<one>"), Shown("two")
    with app.test_request_context("/"):
        made = kept("part.html", shown=first)
        assert made == "<p>&lt;one&gt;, 12,345, False</p>"
        first.text = "was changed, which nothing that is shown may be"
        assert kept("part.html", shown=first) is made
        assert kept("part.html", shown=second) == "<p>two, 12,345, False</p>"


@pytest.mark.usefixtures("templates")
def test_a_part_is_of_one_language(app: APIFlask) -> None:
    shown = Shown("one")
    with app.test_request_context("/?lang=en"):
        assert "12,345" in kept("part.html", shown=shown)
    with speaking_also(app, "es"), app.test_request_context("/?lang=es"):
        assert "12.345" in kept("part.html", shown=shown)


@pytest.mark.usefixtures("templates")
def test_a_form_is_never_kept(app: APIFlask) -> None:
    with app.test_request_context("/"), pytest.raises(RuntimeError):
        kept("form.html")

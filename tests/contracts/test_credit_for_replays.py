"""Texts promise credit for replays exactly where it is given: in the room, and never for a link elsewhere."""

from __future__ import annotations

from pathlib import Path

from babel.messages.extract import extract_from_dir

from lms.catalogue.forms.series import PolicyForm
from lms.reports.queries.definitions import _TEXTS

LMS = Path(__file__).parents[2] / "lms"


def messages() -> set[str]:
    extracted = extract_from_dir(
        LMS,
        method_map=[
            ("**.py", "python"),
            ("**.html", "jinja2.ext.babel_extract"),
            ("**.txt", "jinja2.ext.babel_extract"),
        ],
        options_map={name: {"extensions": "jinja2.ext.i18n", "trimmed": "true"} for name in ("**.html", "**.txt")},
        keywords={"_": None, "_l": None, "_n": (1, 2), "ngettext": (1, 2)},
    )
    texts: set[str] = set()
    for _file, _line, message, _comments, _context in extracted:
        texts.update((message,) if isinstance(message, str) else message)
    return texts


def test_a_recording_elsewhere_is_promised_no_credit() -> None:
    texts = messages()
    assert len(texts) > 1000
    assert "Everyone can see it. Watching it does not count as attendance." in texts
    assert [text for text in texts if text.endswith("Recordings on other sites do not count.")]


def test_the_days_are_on_the_form_and_in_the_definition() -> None:
    assert "replay_days" in PolicyForm.__dict__
    assert "by replay" in str(_TEXTS["attendances"])

"""Until the room has a replay, nothing promises credit for watching a recording."""

from __future__ import annotations

from pathlib import Path

from babel.messages.extract import extract_from_dir

from lms.catalogue.forms.series import PolicyForm

LMS = Path(__file__).parents[2] / "lms"
KEPT = {"Replay", "%(minutes)s including the replay"}
"""Labels of evidence of this source, which nothing writes."""
SAYS_THAT_IT_DOES_NOT = (
    "Watching a recording does not count.",
    "watching it does not count.",
    "Watching it does not count as attendance.",
)


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


def test_no_text_promises_credit_for_a_recording() -> None:
    texts = messages()
    assert len(texts) > 1000
    assert {text for text in texts if "replay" in text.lower()} == KEPT
    counting = {text for text in texts if "recording" in text.lower() and "count" in text.lower()}
    assert len(counting) == 3
    assert all(text.endswith(SAYS_THAT_IT_DOES_NOT) or SAYS_THAT_IT_DOES_NOT[0] in text for text in counting), counting


def test_no_form_asks_how_long_a_recording_counts() -> None:
    assert "replay_days" not in PolicyForm.__dict__

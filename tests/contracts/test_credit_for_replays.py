"""Texts promise credit for replays exactly where it is given: in the room, and never for a link elsewhere."""

from __future__ import annotations

from lms.catalogue.forms.series import PolicyForm
from lms.reports.queries.definitions import _TEXTS
from tools.messages import read_catalogue


def test_a_recording_elsewhere_is_promised_no_credit() -> None:
    texts = {message.id for message in read_catalogue() if isinstance(message.id, str)}
    assert len(texts) > 1000
    assert "Everyone can see it. Watching it does not count as attendance." in texts
    assert [text for text in texts if text.endswith("Recordings on other sites do not count.")]


def test_the_days_are_on_the_form_and_in_the_definition() -> None:
    assert "replay_days" in PolicyForm.__dict__
    assert "by replay" in str(_TEXTS["attendances"])

"""Who gets the e-mails of a large demonstration."""

from __future__ import annotations

import pytest
from apiflask import APIFlask

from lms.demo import mails
from lms.demo.population import FULL_SCALE
from lms.mail.kinds import MailKind
from lms.mail.outbox import CHOICES, Choice


def test_a_sample_gets_what_goes_to_everybody_in_a_series(app: APIFlask, monkeypatch: pytest.MonkeyPatch) -> None:
    def declined(choices: set[Choice]) -> set[Choice]:
        return choices & {(MailKind.MESSAGE, 7, 1)}

    monkeypatch.setitem(app.extensions, CHOICES, declined)
    mails.write_to_sample(app, FULL_SCALE)
    choices = app.extensions[CHOICES]

    with app.app_context():
        reminders: set[Choice] = {(MailKind.REMINDER, person_id, 1) for person_id in range(1, 5001)}
        assert len(reminders - choices(reminders)) == 100
        messages: set[Choice] = {(MailKind.MESSAGE, person_id, 1) for person_id in range(1, 11)}
        assert choices(messages) == {(MailKind.MESSAGE, 7, 1)}


def test_a_small_demonstration_writes_to_everybody(app: APIFlask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(app.extensions, CHOICES, before := object())
    mails.write_to_sample(app, 2000)
    assert app.extensions[CHOICES] is before

"""No page of any role holds English words in another language, but what people wrote and what is marked as English."""

from __future__ import annotations

import pytest

from tests.contracts.english import english_in, texts_of, written_by_people
from tests.contracts.pages import pages
from tests.contracts.world import ROLES, World

pytestmark = [pytest.mark.long, pytest.mark.xdist_group("world")]


def test_no_page_in_arabic_holds_english_words(world: World) -> None:
    with world.app.app_context():
        data = written_by_people()
    faults: dict[str, str] = {}
    for role in ROLES:
        for path in pages(world, role):
            answer = world.call(role, "GET", f"{path}?lang=ar", None)
            assert answer.status_code < 500, f"{path} as {role}"
            if answer.status_code == 200 and answer.mimetype == "text/html":
                for phrase, text in english_in(texts_of(answer.text), data):
                    faults.setdefault(phrase, f"{path} as {role}: {text}")
    assert not faults, "\n".join(f"{phrase!r} on {where}" for phrase, where in faults.items())

"""No page of any role holds English words in another language, but what people wrote and what is marked as English."""

from __future__ import annotations

import re

import pytest

from tests.contracts.english import blocks_of, english_in, texts_of, written_by_people
from tests.contracts.pages import pages
from tests.contracts.world import ROLES, World

pytestmark = [pytest.mark.long(seconds=250), pytest.mark.xdist_group("world")]


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


HAN = "[\u4e00-\u9fff]"
HALF_WIDTH = re.compile(rf"{HAN}[:,;?!](?! ?\d)|[。，；：、？！] +{HAN}|{HAN} +[。，；：、？！]")
"""Marks of other languages, and spaces beside marks, in Chinese: they come from templates, not from the catalogue."""


def test_no_page_in_chinese_has_punctuation_of_another_language(world: World) -> None:
    faults: dict[str, str] = {}
    for role in ROLES:
        for path in pages(world, role):
            answer = world.call(role, "GET", f"{path}?lang=zh", None)
            if answer.status_code == 200 and answer.mimetype == "text/html":
                for block in blocks_of(answer.text):
                    for match in HALF_WIDTH.finditer(block):
                        around = block[max(0, match.start() - 20) : match.end() + 20]
                        faults.setdefault(around, f"{path} as {role}")
    assert not faults, "\n".join(f"{around!r} on {where}" for around, where in faults.items())

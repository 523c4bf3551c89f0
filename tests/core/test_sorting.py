"""The order of names."""

from __future__ import annotations

import unicodedata

from lms.core.text.sorting import KEY_LENGTH, sort_key


def test_names_stand_without_case_and_marks() -> None:
    names = ["Emil", "émile", "Emily", "Étienne", "Ömer", "omari", "ÖZGE", "Łukasz", "Lulu", "Ørsted", "Zoë", "Đặng"]
    assert sorted(names, key=sort_key) == [
        "Đặng", "Emil", "émile", "Emily", "Étienne", "Łukasz", "Lulu", "omari", "Ömer", "Ørsted", "ÖZGE", "Zoë"
    ]  # fmt: skip


def test_what_is_written_in_two_ways_has_one_key_and_a_key_is_its_own() -> None:
    for name in ("Émile", "İpek", "ŒUVRE", "Straße", "Анна", "한글", "ﬃ" * KEY_LENGTH, "नीलम"):
        key = sort_key(name)
        assert (sort_key(unicodedata.normalize("NFD", name)), sort_key(key)) == (key, key)
        assert 0 < len(key) <= KEY_LENGTH

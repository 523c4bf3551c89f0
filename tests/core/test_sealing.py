"""What is sealed opens with the secret of the installation, for what it belongs to, and in no other way."""

from __future__ import annotations

import pytest

from lms.core.storage.secret_keys import SealBroken, Sealer, is_sealed


def test_what_is_sealed_opens_again_and_looks_different_each_time() -> None:
    sealer = Sealer(["secret"])
    first, second = (sealer.seal("JBSWY3DPEHPK3PXP", belongs_to="a") for _time in range(2))
    assert first != second
    assert (is_sealed(first), is_sealed("JBSWY3DPEHPK3PXP")) == (True, False)
    assert "JBSWY" not in first
    assert [sealer.unseal(one, belongs_to="a") for one in (first, second)] == ["JBSWY3DPEHPK3PXP"] * 2


def test_it_opens_for_nothing_else_and_not_when_altered() -> None:
    sealer = Sealer(["secret"])
    sealed = sealer.seal("text", belongs_to="a")
    swapped = sealed[:10] + ("A" if sealed[10] != "A" else "B") + sealed[11:]
    for text, belongs_to in (
        (sealed, "b"),
        (swapped, "a"),
        (sealed[:-8], "a"),
        ("v1.", "a"),
        ("v1.?", "a"),
        ("text", "a"),
    ):
        with pytest.raises(SealBroken):
            sealer.unseal(text, belongs_to=belongs_to)


def test_the_secret_of_before_opens_and_the_newest_seals() -> None:
    before, during, after = Sealer(["old"]), Sealer(["new", "old"]), Sealer(["new"])
    sealed = before.seal("text", belongs_to="a")
    assert during.unseal(sealed, belongs_to="a") == "text"
    with pytest.raises(SealBroken):
        after.unseal(sealed, belongs_to="a")
    again = during.seal("text", belongs_to="a")
    assert after.unseal(again, belongs_to="a") == "text"
    with pytest.raises(SealBroken):
        before.unseal(again, belongs_to="a")

"""Room tokens are short, signed, and hold as long as the secret does."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from lms.live.tokens import make_token, read_token


@given(st.integers(0, 2**32 - 1))
def test_a_token_tells_its_join(join_id: int) -> None:
    token = make_token("secret", join_id)
    assert read_token(["secret"], token) == join_id
    assert read_token(["newer", "secret"], token) == join_id
    assert read_token(["other"], token) is None
    assert len(json.dumps({"room_token": token, "seq": 2**31 - 1})) <= 100


@given(st.text(max_size=40))
def test_what_was_not_made_here_is_none(text: str) -> None:
    assert read_token(["secret"], text) is None


def test_a_changed_token_is_none() -> None:
    token = make_token("secret", 5)
    for index in range(len(token) - 1):
        changed = token[:index] + ("A" if token[index] != "A" else "B") + token[index + 1 :]
        assert read_token(["secret"], changed) is None

"""Acts that happen at once, each in a thread with an app context, that is a connection, of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from flask import Flask

from lms.core.base.errors import NotFound, Refused

WORDS = {type(None): "done", Refused: "refused", NotFound: "not found"}


def at_once(app: Flask, acts: Sequence[Callable[[], object]]) -> list[BaseException | None]:
    """What each act failed with, in the order of the acts; null where it was done."""
    gate = threading.Barrier(len(acts))
    ends: list[BaseException | None] = [None] * len(acts)

    def run(place: int) -> None:
        try:
            with app.app_context():
                gate.wait()
                acts[place]()
        except BaseException as error:
            ends[place] = error

    threads = [threading.Thread(target=run, args=(place,)) for place in range(len(acts))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=120)
    assert not any(thread.is_alive() for thread in threads), "it would go on writing within the next test"
    return ends


def ends_at_once(app: Flask, acts: Sequence[Callable[[], object]]) -> list[str]:
    """What became of each act, in a word: done, refused, or not found. Any other end is a fault."""
    ends = at_once(app, acts)
    assert [end for end in ends if type(end) not in WORDS] == []
    return [WORDS[type(end)] for end in ends]

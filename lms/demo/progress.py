"""Says how far a demonstration that is being built has come."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Say = Callable[[str], None]


class Progress:
    """One line a phase: what is done, how much of it, and how long it took."""

    def __init__(self, say: Say, *, rewrite: bool) -> None:
        self.say = say
        self.rewrite = rewrite

    @contextmanager
    def phase(self, name: str) -> Iterator[Callable[[int, int], None]]:
        """Times a phase; what is yielded tells how far it is, shown only where a line can be rewritten."""
        began = time.monotonic()
        counted = ""

        def tell(done: int, total: int) -> None:
            nonlocal counted
            counted = f" {total:,}"
            if self.rewrite:
                sys.stdout.write(f"\r  {name}: {done:,} of {total:,}\x1b[K")
                sys.stdout.flush()

        yield tell
        if self.rewrite:
            sys.stdout.write("\r\x1b[K")
        self.say(f"  {name}:{counted} done in {time.monotonic() - began:.1f} s")

"""Ten thousand people who vote within five seconds, for one question and in one poll, on both databases."""

from __future__ import annotations

from collections.abc import Iterator

from bench.aims import NONE
from bench.database import postgresql
from bench.registry import topic
from bench.site import Bench
from bench.table import Row
from bench.viewers import VIEWERS, gather, room
from bench.votes import Voting

WITHIN = 5
"""Seconds in which all of them press."""


@topic("votes")
def votes(bench: Bench) -> Iterator[Row]:
    """With as many web processes and threads as the settings say; beside what the same rows take without requests."""
    yield from _votes(bench, "SQLite", "")
    with postgresql(is_kept=False) as named:
        yield from _votes(bench, "PostgreSQL", named("votes", True))


def _votes(bench: Bench, database: str, url: str) -> Iterator[Row]:
    voting = Voting(gather(bench, bench.of(VIEWERS, 40), url))
    wrong = 0
    with room(voting.audience) as served:
        for kind in voting.kinds():
            bare_ms = 1000 * voting.write_barely(kind).wall / len(voting.people)
            voted = voting.send(served, kind, seconds=bench.of(WITHIN, 1))
            wrong += voted.wrong
            name, rate = f"{kind.name}, {database}", voted.acknowledged / voted.seconds
            yield Row(f"{name}, acknowledged", 1000 / rate, "ms", baseline=bare_ms, rate=rate)
            yield Row(f"{name}, of the processor", voted.cpu_ms, "CPU ms")
            yield Row(f"{name}, p50 of {len(voting.people):,} in {WITHIN} s", voted.p50_ms, "ms")
            yield Row(f"{name}, p99 of {len(voting.people):,} in {WITHIN} s", voted.p99_ms, "ms")
    yield Row(f"votes and answers, {database}, lost or doubled", wrong, "votes", aim=NONE)

"""The demonstration at its full size, on both databases.

It measures what a request costs all processes that work for it, with eight clients at once, and how long people wait at
a rate that a large programme has at its busiest.
"""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median, quantiles

from bench.aims import CORRECTION_MS, CORRECTIONS_A_SECOND, PAGE_MS, PAGES_A_SECOND, SAME
from bench.database import postgresql
from bench.kinds import CLIENTS, ROSTERS, ROUNDS, Kind, SizedSite, make_kinds
from bench.registry import topic
from bench.served import get
from bench.site import Bench
from bench.table import Row

WAITS = 400
"""Requests whose waits at the stated rate are measured, at most."""


@topic("full-size")
def full_size(bench: Bench) -> Iterator[Row]:
    """SQLite first, then PostgreSQL."""
    yield from _measured(SizedSite(bench), "SQLite")
    with postgresql(is_kept=False) as named:
        yield from _measured(SizedSite(bench, named("full_size", True)), "PostgreSQL")


def _measured(bench: SizedSite, database: str) -> Iterator[Row]:
    """Each round asks for the empty page beside each kind, once every process is warm and nothing else runs."""
    try:
        kinds = make_kinds(bench)
        nothing = [get("/")] * bench.of(2000, 10)
        for kind in kinds:
            bench.site.cost(kind.rounds[0], connections=CLIENTS, accepts=kind.accepts)
        if not bench.is_tiny:
            bench.site.wait_until_idle()
        for turn in range(bench.of(ROUNDS, 1)):
            for kind in kinds:
                bare = bench.empty.cost(nothing, connections=CLIENTS, all_processes=True)
                sent = kind.rounds[turn + 1]
                cost = bench.site.cost(sent, connections=CLIENTS, accepts=kind.accepts, all_processes=True)
                kind.costs.append((cost, bare))
        for kind in kinds:
            if kind.rate is not None:
                sent = kind.rounds[-1][:WAITS]
                cost = bench.site.cost(sent, connections=2 * CLIENTS, rate=kind.rate, accepts=kind.accepts)
                kind.waits = cost.report.latencies_ms
        for kind in kinds:
            yield _row(f"{database}: {kind.name}", kind)
        named = {kind.name: kind for kind in kinds}
        smallest, largest = (named[f"roster of about {size:,}"] for size in (ROSTERS[0], ROSTERS[-1]))
        for _turn in range(bench.of(ROUNDS, 1)):  # a difference of a fifth needs more rounds, one beside the other
            for kind in (smallest, largest):
                cost = bench.site.cost(kind.rounds[-1], connections=CLIENTS, accepts=kind.accepts, all_processes=True)
                kind.costs.append((cost, kind.costs[-1][1]))
        fewest, most = smallest.cpu_ms, largest.cpu_ms
        yield Row(f"{database}: the largest roster beside the smallest", most, "CPU ms", baseline=fewest, aim=SAME)
        pages = [kind for kind in kinds if kind.rate == PAGES_A_SECOND]
        slowest, name = max((quantiles(kind.waits, n=20)[18], kind.name) for kind in pages)
        yield Row(f"{database}: any page, {PAGES_A_SECOND}/s, p95 ({name})", slowest, "ms", aim=PAGE_MS)
        slowest, name = max((quantiles(kind.waits_of_eight, n=20)[18], kind.name) for kind in pages)
        yield Row(f"{database}: any page, eight at once, p95 ({name})", slowest, "ms")
        waits, name = kinds[-1].waits, f"{database}: {kinds[-1].name}, {CORRECTIONS_A_SECOND}/s"
        yield Row(f"{name}, p50", median(waits), "ms")
        yield Row(f"{name}, p99", quantiles(waits, n=100)[98], "ms", aim=CORRECTION_MS)
    finally:
        bench.close()


def _row(name: str, kind: Kind) -> Row:
    return Row(
        name,
        kind.cpu_ms,
        "CPU ms",
        baseline=kind.bare_cpu_ms,
        rate=median(cost.rate for cost, _bare in kind.costs),
        aim=kind.aim,
    )

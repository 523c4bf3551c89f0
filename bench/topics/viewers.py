"""Ten thousand viewers of one lecture: what their heartbeats cost, how long they wait, and whether one is lost."""

from __future__ import annotations

from collections.abc import Iterator

from bench.aims import HEARTBEAT_MS, NONE
from bench.registry import topic
from bench.served import get
from bench.site import Bench
from bench.table import Row
from bench.viewers import AT_ONCE, VIEWERS, WAYS, gather, room, send


@topic("viewers")
def viewers(bench: Bench) -> Iterator[Row]:
    """One beat of every viewer in each way, on as many web processes and threads as the settings say."""
    audience = gather(bench, bench.of(VIEWERS, 40))
    nothing = [get("/")] * bench.of(3000, 20)
    bench.empty.cost(nothing)
    wrong = 0
    with room(audience) as served:
        send(served, audience, WAYS[2], seq=0)  # what is compiled once a process
        for seq, way in enumerate(WAYS, 1):
            bare = bench.empty.cost(nothing, connections=AT_ONCE, keep=way.keep)
            came = send(served, audience, way, seq=seq)
            wrong += came.lost + came.extra
            name = f"viewers, {way.name}"
            yield Row(name, came.cpu_ms, "CPU ms", baseline=bare.cpu_ms, rate=came.rate)
            if way.rate is None:
                yield Row(f"{name}, all", came.seconds, "s")
            yield Row(f"{name}, p50", came.p50_ms, "ms")
            yield Row(f"{name}, p99", came.p99_ms, "ms", aim=HEARTBEAT_MS if way.rate else None)
    yield Row("viewers, lost or doubled", wrong, "beats", aim=NONE)

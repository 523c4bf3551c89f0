"""A lecture that is given in the browser: people who come at once, heartbeats, its packaging and its media."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median

from bench.aims import DELAY_SECONDS, HEARTBEAT_MS, NONE
from bench.database import copied
from bench.glass import delays
from bench.live import (
    GROUP,
    MEDIA_KEY,
    commit_beats,
    joining,
    media_of,
    nginx,
    prepare_joining,
    stream,
)
from bench.registry import topic
from bench.served import get
from bench.site import Bench
from bench.table import CannotMeasure, Row
from bench.viewers import AT_ONCE, VIEWERS, WAYS, Audience, gather, room, send

JOINED_WITHIN = 60
SECONDS = 30
CLIENTS = 64


@topic("live")
def live(bench: Bench) -> Iterator[Row]:
    """On SQLite, with the settings' web processes; media through the shipped nginx, without TLS."""
    yield Row("glass to glass, in Chromium", median(delays(bench, bench.of(21, 3))), "s", aim=DELAY_SECONDS)
    audience = gather(bench, bench.of(VIEWERS, 40))
    yield from _heartbeats(bench, audience)
    headers = prepare_joining(audience)
    with room(audience, media_key=MEDIA_KEY) as served:
        people = joining(audience, headers)
        rate = len(people) / bench.of(JOINED_WITHIN, 2)
        report = served.cost(people, connections=AT_ONCE, rate=rate, accepts=(200, 201)).report
        waits = sorted(report.latencies_ms)
        yield Row(f"joining, {len(people):,} people, all", report.seconds, "s")
        yield Row(f"joining, {len(people):,} people, p99", waits[len(waits) * 99 // 100], "ms")
        come = Audience(audience.folder, audience.lecture_id, audience.joins_now())
        yield Row("joining, people who were refused", len(people) - len(come.joins), "people", aim=NONE)
        beats = send(served, come, WAYS[0], seq=1)
        yield Row("heartbeats after joining, p99", beats.p99_ms, "ms", aim=HEARTBEAT_MS)
        yield Row("heartbeats after joining, lost or doubled", beats.lost + beats.extra, "beats", aim=NONE)
        seconds = bench.of(SECONDS, 8)
        streamed = stream(served, audience, seconds)
        yield Row("a live lecture, packaged, a second of it", 1000 * streamed.cpu_seconds / streamed.seconds, "CPU ms")
        yield Row("recording of an hour", streamed.stored_bytes / streamed.seconds * 3600 / 1e6, "MB")
        with nginx(bench.folder / "nginx", served.port) as before:
            media = media_of(audience, streamed.folder.rpartition("/")[2])
            paths = {"segment": f"{media}1/v00000.m4s", "snapshot": f"{media_of(audience)}snapshot.json"}
            for name, path in paths.items():
                answer = before.ask(path)
                if answer.status != 200:
                    raise CannotMeasure(f"nginx answered {answer.status} for a {name}")
                (bench.folder / "nginx" / "same").write_bytes(answer.body)
                count = bench.of(20_000, 100)
                same = before.cost([get("/same")] * count, connections=CLIENTS)
                cost = before.cost([get(path)] * count, connections=CLIENTS)
                yield Row(f"{name} through nginx", cost.cpu_ms, "CPU ms", baseline=same.cpu_ms, rate=cost.rate)
                share = cost.report.cpu_seconds / cost.report.seconds
                yield Row(f"{name} through nginx, load generator", 100 * share, "% of a core")


def _heartbeats(bench: Bench, audience: Audience) -> Iterator[Row]:
    """Acknowledged a second beside what the group commit writes without requests, as times of one heartbeat."""
    copy = Audience(copied(audience.folder, bench.folder / "viewers-bare"), audience.lecture_id, audience.joins)
    count = bench.of(100_000, GROUP)
    bare = commit_beats(copy, count)
    with room(audience) as served:
        send(served, audience, WAYS[2], seq=0)
        came = send(served, audience, WAYS[2], seq=1)
    bare_ms = 1000 * bare.wall / count
    yield Row("heartbeat, acknowledged", 1000 / came.rate, "ms", baseline=bare_ms, rate=came.rate)
    yield Row(f"heartbeat, groups of {GROUP} written", bare_ms, "ms", rate=1000 / bare_ms)

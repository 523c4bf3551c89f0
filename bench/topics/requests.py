"""What a request costs the web process: pages and API against an empty Flask page on the same server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median

from bench.registry import topic
from bench.served import Cost, get, post
from bench.site import Bench
from bench.table import Row
from lms.live.tokens import make_token

ROUNDS = 3
AT_ONCE = 4
BEATS_AT_ONCE = 16
"""As many heartbeats as a process has threads wait for one commit together; their baseline is asked likewise."""


@dataclass(frozen=True)
class MeasuredRoute:
    """One kind of request as it travels, how many of it are sent a round, and how many at once."""

    name: str
    requests: list[bytes]
    count: int
    at_once: int = AT_ONCE


def routes(bench: Bench) -> list[MeasuredRoute]:
    """The requests that are measured, each as who sends it most."""
    named = bench.places
    trainee, instructor, admin = (bench.sign_in(who) for who in ("trainee", "instructor", "admin"))
    lecture, series = f"/lectures/{named.held}", f"/series/{named.series}"
    pages = [
        MeasuredRoute("home", [get("/")], 400),
        MeasuredRoute("series", [get(series)], 400),
        MeasuredRoute("series, trainee", [get(series, trainee)], 80),
        MeasuredRoute("lecture", [get(lecture)], 400),
        MeasuredRoute("lecture, trainee", [get(lecture, trainee)], 80),
        MeasuredRoute("/me", [get("/me", trainee)], 80),
        MeasuredRoute("/teach", [get("/teach", instructor)], 80),
        MeasuredRoute("roster", [get(f"{lecture}/roster", admin)], 80),
        MeasuredRoute("/api/v1/totals, public", [get("/api/v1/totals")], 200),
        MeasuredRoute("/api/v1/totals, exact", [get("/api/v1/totals", bench.token("admin"))], 40),
    ]
    return [*pages, MeasuredRoute("heartbeat", _beats(bench, bench.of(2000, 20)), 2000, BEATS_AT_ONCE)]


def _beats(bench: Bench, count: int) -> list[bytes]:
    """So many a round, no two the same."""
    named = bench.places
    made = []
    for number in range(count * ROUNDS):
        token = make_token(named.secret, named.joins[number % len(named.joins)])
        body = json.dumps({"room_token": token, "seq": named.next_seq + number}).encode()
        made.append(post(f"/api/v1/lectures/{named.live}/presence", body, "text/plain"))
    return made


@topic("requests")
def requests(bench: Bench) -> Iterator[Row]:
    """Each round asks for the empty page beside each route, so that whatever slows one slows the other."""
    measured = routes(bench)
    nothing = [get("/")] * bench.of(1000, 10)
    for route in measured[:-1]:  # what is read and compiled once a process
        bench.site.cost(route.requests * bench.of(8, 1))
    bench.empty.cost(nothing)
    costs: dict[str, list[tuple[Cost, Cost]]] = {route.name: [] for route in measured}
    for turn in range(bench.of(ROUNDS, 1)):
        for route in measured:
            count = bench.of(route.count, 4)
            sent = route.requests * count if len(route.requests) == 1 else route.requests[turn::ROUNDS]
            bare = bench.empty.cost(nothing, connections=route.at_once)
            costs[route.name].append((bench.site.cost(sent, connections=route.at_once), bare))
    for route in measured:
        taken = costs[route.name]
        yield Row(
            route.name,
            median(cost.cpu_ms for cost, _bare in taken),
            "CPU ms",
            baseline=median(bare.cpu_ms for _cost, bare in taken),
            rate=median(cost.rate for cost, _bare in taken),
        )

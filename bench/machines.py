"""Ten thousand viewers whose heartbeats go through nginx to three web processes, of which one is killed meanwhile."""

from __future__ import annotations

import os
import signal
import threading
from contextlib import ExitStack
from dataclasses import dataclass, replace

from bench.database import copied
from bench.live import nginx
from bench.load import Job
from bench.served import Served, send
from bench.site import Bench
from bench.table import CannotMeasure
from bench.viewers import AT_ONCE, BEAT_SECONDS, VIEWERS, gather, room

MACHINES = 3


@dataclass(frozen=True)
class Killed:
    """What the kill came to. `at_first`: heartbeats that were acknowledged; all others are sent again, as the page of a
    viewer does. `wrong`: heartbeats that are not in the database exactly once afterwards."""

    at_first: int
    wrong: int
    p99_ms: float


def send_while_one_is_killed(bench: Bench, url: str) -> Killed:
    """One heartbeat of every viewer at their own pace; halfway through, a web server is killed with its processes."""
    audience = gather(bench, bench.of(VIEWERS, 40), url)
    with ExitStack() as stack:
        servers: list[Served] = []
        for number in range(MACHINES):
            folder = copied(audience.folder, bench.folder / f"machine-{number}")
            servers.append(stack.enter_context(room(replace(audience, folder=folder), workers=1)))
        front = stack.enter_context(nginx(bench.folder / "nginx", *(served.port for served in servers)))
        beats, rate = audience.beats(1), len(audience.joins) / bench.of(BEAT_SECONDS, 2)
        send(Job(front.port, audience.beats(0), AT_ONCE))  # what is compiled once a process
        timer = threading.Timer(len(beats) / rate / 2, _kill, [servers[0]])
        timer.start()
        report = send(Job(front.port, beats, AT_ONCE, rate))
        timer.join()
        if servers[0].process.poll() is None:
            raise CannotMeasure("the killed web server still runs")
        acknowledged = set(report.acknowledged)
        again = [beat for number, beat in enumerate(beats) if number not in acknowledged]
        if again and len(send(Job(front.port, again, AT_ONCE)).acknowledged) != len(again):
            raise CannotMeasure("heartbeats were refused after one of three web servers was killed")
    stored = audience.stored(1)
    waits = sorted(report.latencies_ms)
    wrong = len(set(audience.joins) ^ set(stored)) + len(stored) - len(set(stored))
    return Killed(len(acknowledged), wrong, waits[len(waits) * 99 // 100])


def _kill(served: Served) -> None:
    for process in (served.process.pid, *served.web_processes()):
        os.kill(process, signal.SIGKILL)

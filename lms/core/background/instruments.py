"""Counters and timers of each process for Prometheus, and figures that are read when they are asked for.

`lms serve` names a folder in PROMETHEUS_MULTIPROC_DIR, through which its processes share their counts; whichever of
them answers `/metrics` adds them up. The library reads that name when it is first imported, hence the late imports.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry, Counter, Histogram, Metric


FOLDER_VARIABLE: Final = "PROMETHEUS_MULTIPROC_DIR"


class Durations:
    """A histogram of seconds, by labels."""

    def __init__(self, name: str, help: str, labels: Sequence[str], *, buckets: Sequence[float]) -> None:
        self._name, self._help, self._labels, self._buckets = name, help, labels, buckets

    @cached_property
    def metric(self) -> "Histogram":
        from prometheus_client import Histogram

        return Histogram(self._name, self._help, self._labels, buckets=self._buckets, registry=None)

    def observe(self, seconds: float, *labels: str) -> None:
        """Counts one event that took so long."""
        self.metric.labels(*labels).observe(seconds)


class Count:
    """A counter, by labels if there are any. Its name on `/metrics` ends with `_total`."""

    def __init__(self, name: str, help: str, labels: Sequence[str] = ()) -> None:
        self._name, self._help, self._labels = name, help, labels

    @cached_property
    def metric(self) -> "Counter":
        from prometheus_client import Counter

        return Counter(self._name, self._help, self._labels, registry=None)

    def add(self, amount: float = 1, *labels: str) -> None:
        """Counts events."""
        (self.metric.labels(*labels) if labels else self.metric).inc(amount)


REQUESTS = Durations(
    "serai_request_duration_seconds",
    "Duration of requests, by kind (page, api, heartbeat, static, service) and status (2xx to 5xx).",
    ["kind", "status"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)
TYPESETTING_TIMEOUTS = Count("serai_typesetting_timeouts", "Requests for a file that could not be prepared in time.")
TASKS = Durations(
    "serai_task_duration_seconds",
    "Duration of background tasks, by task and outcome (done, failed, stopped, interrupted).",
    ["task", "outcome"],
    buckets=(0.1, 0.5, 1, 5, 15, 60, 300, 1800, 7200),
)
MAILS = Count("serai_mails", "E-mails that were tried, by outcome (sent, failed, expired).", ["outcome"])
SEGMENTS = Count("serai_packaged_segments", "Segments of lectures that were stored, in all renditions.")
RECURRING_FAILURES = Count("serai_recurring_failures", "Times that something recurring failed, by its name.", ["task"])
_ALL: Final = (REQUESTS, TYPESETTING_TIMEOUTS, TASKS, MAILS, SEGMENTS, RECURRING_FAILURES)


def register_all(registry: "CollectorRegistry") -> None:
    """Adds what this process counted to a registry; with the shared folder, what all processes counted."""
    from prometheus_client.multiprocess import MultiProcessCollector

    for instrument in _ALL:
        instrument.metric  # noqa: B018  made before it is read: what has no labels is listed with 0 too
    folder = os.environ.get(FOLDER_VARIABLE)
    if folder:
        MultiProcessCollector(registry, path=folder)  # type: ignore[no-untyped-call]
    else:
        for instrument in _ALL:
            registry.register(instrument.metric)
    registry.register(_Processes())


class _Processes:
    """Processor time, memory and open files of this process and those beside it, as the library measures one."""

    def collect(self) -> "Iterator[Metric]":
        from prometheus_client import ProcessCollector
        from prometheus_client.metrics_core import Metric

        families: dict[str, Metric] = {}
        for pid, kind in sorted(find_processes().items()):
            for family in ProcessCollector(pid=lambda pid=pid: pid, registry=None).collect():  # type: ignore[misc]
                merged = families.setdefault(family.name, Metric(family.name, family.documentation, family.type))
                for sample in family.samples:
                    merged.add_sample(sample.name, {"kind": kind, "pid": str(pid)}, sample.value)
        yield from families.values()


def find_processes() -> dict[int, str]:
    """The kinds of the processes of this server, by id: itself and its children. Without a server, this one alone."""
    if not os.environ.get(FOLDER_VARIABLE):
        return {os.getpid(): _kind_of(os.getpid()) or "web"}
    parent = os.getppid()
    try:
        with open(f"/proc/{parent}/task/{parent}/children", encoding="ascii") as file:  # noqa: PTH123
            children = [int(pid) for pid in file.read().split()]
    except OSError:
        return {os.getpid(): "web"}
    return {parent: "server", **{pid: kind for pid in children if (kind := _kind_of(pid)) is not None}}


def _kind_of(pid: int) -> str | None:
    """Returns what a process does, by its command: `lms worker`, `lms packager`, else it answers requests. None: it is
    gone."""
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:  # noqa: PTH123
            words = file.read().split(b"\0")
    except OSError:
        return None
    return next((kind for kind in ("worker", "packager") if kind.encode() in words), "web")


@dataclass(frozen=True)
class Gauge:
    """A figure that is read when it is asked for, once for each value of its label. Names are without `serai_`."""

    name: str
    help: str
    values: Mapping[str, float]
    label: str | None = None

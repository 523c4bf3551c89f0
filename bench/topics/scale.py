"""How the cost of a request grows with the number of people, how many requests more processes answer, and what a web
process that is killed loses."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from bench.aims import HEARTBEAT_MS, NONE
from bench.database import opened, postgresql, spent_on
from bench.kinds import CLIENTS, ROUNDS, Kind, SizedSite, make_kinds, series_without_certificates
from bench.machines import send_while_one_is_killed
from bench.registry import topic
from bench.served import get, memory_kb
from bench.site import Bench
from bench.table import CannotMeasure, Row
from lms.certificates.actions.awards import issue_certificates
from lms.core.base.roles import SYSTEM
from lms.core.time import clock
from lms.demo.population import FEWEST

SIZES = (10_000, 100_000, 1_000_000)
PROCESSES = (1, 2, 4)
MEASURED = ("home", "series, trainee", "/me", "roster of about 10,000", "join", "heartbeat", "correction by hand")
SERVED = ("home", "series, trainee", "heartbeat")
REPORT = "/admin/reports?rows=country&columns=year"


@topic("scale")
def scale(bench: Bench) -> Iterator[Row]:
    """Three sizes on both databases (on PostgreSQL the largest with `--full`); one of them by one to four processes."""
    sizes = (FEWEST,) if bench.is_tiny else SIZES
    middle = sizes[len(sizes) // 2]
    yield from _by_size(bench, "SQLite", dict.fromkeys(sizes, ""))
    yield from _by_processes(bench, "SQLite", middle, "")
    with postgresql(is_kept=not bench.is_tiny) as named:
        copied = sizes if bench.is_full or bench.is_tiny else SIZES[:-1]  # a million people take half an hour
        urls = {people: _database(bench, named, people) for people in copied}
        yield from _by_size(bench, "PostgreSQL", urls)
        yield from _by_processes(bench, "PostgreSQL", middle, urls[middle])
        killed = send_while_one_is_killed(bench, named("scale_viewers", True))
        yield Row("three web processes, one killed: acknowledged at the first try", killed.at_first, "beats")
        yield Row("three web processes, one killed: lost or doubled", killed.wrong, "beats", aim=NONE)
        yield Row("three web processes, one killed: p99", killed.p99_ms, "ms", aim=HEARTBEAT_MS)


def _database(bench: Bench, named: Callable[[str, bool], str], people: int) -> str:
    """The address of the database of a size: a new one unless the site was copied to it."""
    name = f"scale_{people}"
    url = named(name, False)
    mark = bench.folder / f"site-{people}" / "copied-to"
    is_copied = mark.exists() and mark.read_text(encoding="utf-8") == url
    return url if is_copied else named(name, True)


def _by_size(bench: Bench, database: str, urls: dict[int, str]) -> Iterator[Row]:
    """What each kind of request costs, beside what it costs with the fewest people."""
    smallest: dict[str, float] = {}
    for people, url in urls.items():
        site = SizedSite(bench, url, people=people)
        try:
            measured = _costs(site)
            memory_mb = max(memory_kb(process) for process in site.site.web_processes()) / 1000
        finally:
            site.close()
        measured["certificate, issued"] = _issued(site)
        for name, cpu_ms in measured.items():
            baseline = smallest.setdefault(name, cpu_ms)
            yield Row(f"{database}: {name}, {people:,} people", cpu_ms, "CPU ms", baseline=baseline)
        yield Row(f"{database}: a web process, {people:,} people", memory_mb, "MB")


def _costs(site: SizedSite) -> dict[str, float]:
    """What each kind of request costs all processes, in milliseconds of the processor."""
    kinds = [kind for kind in make_kinds(site) if kind.name in MEASURED]
    report = [get(REPORT, site.sign_in("admin"))] * site.of(20, 1)
    kinds.append(Kind("report of countries and years", [report] * (ROUNDS + 2)))
    for kind in kinds:
        site.site.cost(kind.rounds[0], connections=CLIENTS, accepts=kind.accepts)
    if not site.is_tiny:
        site.site.wait_until_idle()
    for turn in range(site.of(ROUNDS, 1)):
        for kind in kinds:
            sent = kind.rounds[turn + 1]
            cost = site.site.cost(sent, connections=CLIENTS, accepts=kind.accepts, all_processes=True)
            kind.costs.append((cost, cost))
    return {kind.name: kind.cpu_ms for kind in kinds}


def _issued(site: SizedSite) -> float:
    """Milliseconds of this process for each certificate that is issued in a series that has none yet."""
    with opened(site.config.folder, site.url):
        series_id = series_without_certificates()
        spent, result = spent_on(lambda: issue_certificates(series_id, by=SYSTEM, at=clock.now()))
    if not result["issued"]:
        raise CannotMeasure("nobody has earned a certificate")
    return 1000 * spent.cpu / int(result["issued"])


def _by_processes(bench: Bench, database: str, people: int, url: str) -> Iterator[Row]:
    """Requests a second of clients who ask again at once, by the number of web processes."""
    alone: dict[str, float] = {}
    for processes in PROCESSES[: bench.of(len(PROCESSES), 1)]:
        site = SizedSite(bench, url, people=people, workers=processes)
        try:
            kinds = [kind for kind in make_kinds(site) if kind.name in SERVED]
            for kind in kinds:
                site.site.cost(kind.rounds[0], connections=CLIENTS, accepts=kind.accepts)
            if not site.is_tiny:
                site.site.wait_until_idle()
            for kind in kinds:
                costs = [
                    site.site.cost(kind.rounds[turn], connections=CLIENTS * 4, accepts=kind.accepts)
                    for turn in range(1, site.of(ROUNDS, 1) + 1)
                ]
                rate = max(cost.rate for cost in costs)
                baseline = alone.setdefault(kind.name, 1000 / rate)
                name = f"{database}: {kind.name}, web processes: {processes}"
                yield Row(name, 1000 / rate, "ms", baseline=baseline, rate=rate)
        finally:
            site.close()

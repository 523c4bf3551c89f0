"""What a page costs in another language than English, with its catalogue, direction and dates, and what it weighs."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median

from bench.registry import topic
from bench.served import get
from bench.site import Bench
from bench.table import Aim, Row
from bench.topics.weight import FIRST, NEXT, visit
from lms.core.text.i18n import LANGUAGES

RATIO = Aim(1.1, of_ratio=True)
ROUNDS = 5


@topic("languages")
def languages(bench: Bench) -> Iterator[Row]:
    """Rounds ask for a page in English and in Arabic in turns, so that whatever slows one slows the other."""
    trainee, named = bench.sign_in("trainee"), bench.places
    pages = {"series": f"/series/{named.series}", "/me": "/me", "lecture": f"/lectures/{named.held}"}
    for name, path in pages.items():
        requests = {code: [get(f"{path}?lang={code}", trainee)] for code in ("en", "ar")}
        for sent in requests.values():
            bench.site.cost(sent * bench.of(8, 1))
        costs: dict[str, list[float]] = {code: [] for code in requests}
        for _turn in range(bench.of(ROUNDS, 1)):
            for code, sent in requests.items():
                costs[code].append(bench.site.cost(sent * bench.of(80, 4), connections=4).cpu_ms)
        yield Row(f"{name}, in Arabic", median(costs["ar"]), "CPU ms", baseline=median(costs["en"]), aim=RATIO)
    for code in LANGUAGES:
        seen = visit(bench.site, f"/me?lang={code}", trainee)
        yield Row(f"/me in {code}, first visit", seen.first / 1000, "kB", aim=FIRST)
        yield Row(f"/me in {code}, next visit", seen.following / 1000, "kB", aim=NEXT)

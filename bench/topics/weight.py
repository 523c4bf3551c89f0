"""What a trainee's pages bring over the wire: at the first visit with all that they load, and at the next one."""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urljoin

from bench.registry import topic
from bench.served import Answer, Served
from bench.site import Bench
from bench.table import Aim, CannotMeasure, Row

FIRST = Aim(60)
NEXT = Aim(15)
REQUESTS = Aim(10)
_LOADED = re.compile(rb'<(?:link|script|img|source|use)\b[^>]*?\b(?:href|src)="?([^" >#]+)')
_IN_STYLE = re.compile(rb"url\(\s*[\"']?([^\"')]+)")
_KEPT = re.compile(r"max-age=(\d+)")
A_DAY = 86_400


@dataclass(frozen=True)
class Visit:
    """Bytes of a first visit with everything that the page asks for, of the next one, and how many requests."""

    first: int
    following: int
    requests: int


@topic("weight")
def weight(bench: Bench) -> Iterator[Row]:
    """With gzip, as browsers ask; status line and headers count."""
    trainee, named = bench.sign_in("trainee"), bench.places
    pages = {
        "home": "/",
        "series list": "/series",
        "series": f"/series/{named.series}",
        "lecture": f"/lectures/{named.held}",
        "room": f"/lectures/{named.live}/room",
        "/me": "/me",
    }
    for name, path in pages.items():
        seen = visit(bench.site, path, trainee)
        yield Row(f"{name}, first visit", seen.first / 1000, "kB", aim=FIRST)
        yield Row(f"{name}, next visit", seen.following / 1000, "kB", aim=NEXT)
        yield Row(f"{name}, requests", seen.requests, "requests", aim=REQUESTS)


def visit(site: Served, path: str, headers: dict[str, str]) -> Visit:
    """Loads a page as a browser does: what it names, and what its stylesheets name."""
    page = _load(site, path, headers)
    waiting = _named(page, path, _LOADED)
    loaded: dict[str, Answer] = {}
    while waiting:
        asset = waiting.pop()
        if asset in loaded or not asset.startswith("/"):
            continue
        loaded[asset] = _load(site, asset, headers)
        if loaded[asset].headers.get("content-type", "").startswith("text/css"):
            waiting |= _named(loaded[asset], asset, _IN_STYLE)
    if not any(asset.endswith(".css") for asset in loaded):
        raise CannotMeasure(f"{path} names no stylesheet: its links were not found")
    again = sum(answer.weight for answer in loaded.values() if not _is_kept(answer))
    return Visit(page.weight + sum(one.weight for one in loaded.values()), page.weight + again, 1 + len(loaded))


def _load(site: Served, path: str, headers: dict[str, str]) -> Answer:
    answer = site.ask(path, headers=headers | {"Accept-Encoding": "gzip"})
    if answer.status != 200:
        raise CannotMeasure(f"{path} is answered with {answer.status}")
    return answer


def _named(answer: Answer, base: str, pattern: re.Pattern[bytes]) -> set[str]:
    text = gzip.decompress(answer.body) if answer.headers.get("content-encoding") == "gzip" else answer.body
    tags = {urljoin(base, found.decode()) for found in pattern.findall(text) if not found.startswith(b"data:")}
    pages = {urljoin(base, found.decode()) for found in _OTHER_PAGES.findall(text)}
    return tags - pages


_OTHER_PAGES = re.compile(rb'<link\b[^>]*?\brel="?(?:canonical|alternate|next|prev)\b[^>]*?\bhref="?([^" >#]+)')


def _is_kept(answer: Answer) -> bool:
    """Whether a browser takes it from its own store at the next visit."""
    match = _KEPT.search(answer.headers.get("cache-control", ""))
    return match is not None and int(match[1]) >= A_DAY

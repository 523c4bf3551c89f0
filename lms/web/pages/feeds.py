"""Calendars that programs poll: built once, and answered with 304 while nothing has changed.

A feed is cached by its key and the stamp of the tables that calendars read (`cache_versions`): while the stamp is
the same, one query answers. Otherwise the content is read and compared, and the feed is only rebuilt if it differs. Its
ETag depends on its content, so it is the same in every process.
"""

import gzip
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from datetime import date
from hashlib import blake2b

from flask import Flask, Response, current_app, request

from lms.core.database import cache_versions
from lms.core.time import clock, zones
from lms.version import build_version

STAMP = "calendars"
MOST = 2_000
SHARED_SECONDS = 300
"""How long caches on the way may answer for a feed that everybody reads."""
_KEY = "lms.feeds"
_READ = frozenset(
    {
        "account",
        "calendar_address",
        "enrolment",
        "lecture",
        "lecture_instructor",
        "person",
        "series",
        "series_instructor",
        "superseded_enrolment",
    }
)
"""The tables that feeds read."""


@dataclass(frozen=True, slots=True)
class _Feed:
    stamp: int | None
    day: date
    etag: str
    content: bytes


class _Feeds(OrderedDict[Hashable, _Feed]):
    """Those that were asked for last, packed with gzip."""

    def put(self, key: Hashable, feed: _Feed) -> None:
        self[key] = feed
        self.move_to_end(key)
        while len(self) > MOST:
            self.popitem(last=False)


def answer_feed(
    key: Hashable, *, read: Callable[[], object], write: Callable[[], bytes], name: str, is_public: bool
) -> Response:
    """The feed of a key. `read` returns all that it says, as text tells it, or raises NotFound; `write` makes it.

    `is_public`: caches on the way may keep it.
    """
    stamp = cache_versions.peek(STAMP)  # before the data that it covers is read
    today = clock.now().date()
    feeds: _Feeds = current_app.extensions[_KEY]
    feed = feeds.get(key)
    if feed is None or feed.stamp != stamp or feed.day != today:
        fingerprint = f"{build_version()} {zones.version()} {read()!r}"
        etag = blake2b(fingerprint.encode(), digest_size=16).hexdigest()
        content = feed.content if feed is not None and feed.etag == etag else gzip.compress(write(), 6, mtime=0)
        feed = _Feed(stamp, today, etag, content)
        feeds.put(key, feed)
    answer = Response(content_type="text/calendar; charset=utf-8; method=PUBLISH")
    answer.set_etag(feed.etag, weak=True)
    answer.headers["Cache-Control"] = f"public, max-age={SHARED_SECONDS}" if is_public else "private, no-cache"
    answer.headers["Referrer-Policy"] = "no-referrer"
    answer.headers["Content-Disposition"] = f'inline; filename="{name}.ics"'
    answer.vary.add("Accept-Encoding")
    if feed.etag in request.if_none_match or request.if_none_match.contains_weak(feed.etag):
        answer.status_code = 304
    elif request.accept_encodings.quality("gzip"):
        answer.set_data(feed.content)
        answer.headers["Content-Encoding"] = "gzip"
    else:
        answer.set_data(gzip.decompress(feed.content))
    return answer


def init_app(app: Flask) -> None:
    """Makes the place of this app where feeds are kept."""
    app.extensions[_KEY] = _Feeds()
    cache_versions.watch(STAMP, lambda table: table in _READ)

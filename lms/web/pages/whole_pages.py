"""Pages that are the same for everyone who is not signed in: rendered once, and cached as sent.

A page is cached by its address, the reader's language and time zone, the stamp of the tables that such pages read
(`cache_versions`), and the minute: statements about the time, such as that a lecture begins in 20 minutes, are
never older. Requests with a session cookie, whatever its content, or with a closed bar of live lectures get a separate
page; so does everyone where the page has a form's token or sets a cookie.

Cached pages are answered with an ETag. Caches on the way may store those that were asked for without any cookie, for a
few seconds (ADR 26).
"""

import gzip
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import wraps
from hashlib import blake2b
from typing import ParamSpec

from flask import Flask, Response, current_app, g, make_response, request, session
from flask.typing import ResponseReturnValue

from lms.core.database import cache_versions
from lms.core.database.session import tables_unread_by_strangers
from lms.core.time import clock
from lms.web.pages.assets import CLOSED_LIVE
from lms.web.pages.locale import reader_locale
from lms.web.pages.time import known_zone

P = ParamSpec("P")
STAMP = "public pages"
SHARED_SECONDS = 10
"""How long a cache on the way may answer without asking here; never beyond the minute."""
MOST = 512
LONGEST_QUERY = 100
"""Longer questions are not asked twice."""
_KEY = "lms.whole_pages"
_Key = tuple[str, str, str | None]


@dataclass(frozen=True, slots=True)
class _Page:
    """`content` is packed with gzip: it holds no secret that its length could tell."""

    stamp: int | None
    minute: datetime
    content: bytes
    etag: str
    headers: tuple[tuple[str, str], ...]


class _Pages(OrderedDict[_Key, _Page]):
    """Those that were asked for last."""

    def put(self, key: _Key, page: _Page) -> None:
        self[key] = page
        self.move_to_end(key)
        while len(self) > MOST:
            self.popitem(last=False)


def same_for_strangers(view: Callable[P, ResponseReturnValue]) -> Callable[P, ResponseReturnValue]:
    """Declares a view whose page is the same for all strangers of one language and zone. Placed below `@allow`."""

    @wraps(view)
    def answer(*args: P.args, **kwargs: P.kwargs) -> ResponseReturnValue:
        if not _is_stranger():
            return view(*args, **kwargs)
        stamp = cache_versions.peek(STAMP)  # before the data that it covers is read
        now = clock.now()
        minute = now.replace(second=0, microsecond=0)
        key = request.script_root + request.full_path, reader_locale(), known_zone()
        pages: _Pages = current_app.extensions[_KEY]
        page = pages.get(key)
        if page is None or page.stamp != stamp or page.minute != minute:
            made = make_response(view(*args, **kwargs))
            if not _is_same_for_all(made):
                return made
            content = made.get_data()
            etag = blake2b(content, digest_size=16).hexdigest()
            page = _Page(stamp, minute, gzip.compress(content, 6, mtime=0), etag, _headers_of(made))
            pages.put(key, page)
        return _answer(page, now)

    answer.is_same_for_strangers = True  # type: ignore[attr-defined]
    return answer


def _is_stranger() -> bool:
    """Whether nothing of the request says who asks."""
    return (
        request.method in ("GET", "HEAD")
        and current_app.config["SESSION_COOKIE_NAME"] not in request.cookies
        and CLOSED_LIVE not in request.cookies
        and "Authorization" not in request.headers
        and len(request.query_string) <= LONGEST_QUERY
    )


def _is_same_for_all(made: Response) -> bool:
    """Whether an answer may be given to others: nothing of it was made for one reader."""
    is_own = session.modified or "csrf_token" in g or "Set-Cookie" in made.headers
    return made.status_code == 200 and not is_own and not made.is_streamed


def _headers_of(made: Response) -> tuple[tuple[str, str], ...]:
    return tuple((name, value) for name, value in made.headers.items() if name != "Content-Length")


def _answer(page: _Page, now: datetime) -> Response:
    is_packed = bool(request.accept_encodings.quality("gzip"))
    made = Response(page.content if is_packed else gzip.decompress(page.content), headers=list(page.headers))
    if is_packed:
        made.headers["Content-Encoding"] = "gzip"
    made.vary.update(("Accept-Encoding", "Accept-Language", "Cookie"))
    seconds = min(SHARED_SECONDS, 60 - now.second)
    shared = "private, " if request.cookies else f"public, s-maxage={seconds}, "  # many caches do not know Vary: Cookie
    made.headers["Cache-Control"] = f"{shared}max-age=0, must-revalidate"
    made.set_etag(page.etag, weak=True)
    made.make_conditional(request)
    return made


def init_app(app: Flask) -> None:
    """Makes the place of this app where pages are kept. Call it once all models are imported."""
    app.extensions[_KEY] = _Pages()
    unread = tables_unread_by_strangers()
    cache_versions.watch(STAMP, lambda table: table not in unread)

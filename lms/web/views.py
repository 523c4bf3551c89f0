"""Routes that belong to no slice: language and zone of an anonymous reader, health."""

import json
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode, urlsplit

from flask import (
    Blueprint,
    Response,
    abort,
    current_app,
    has_request_context,
    make_response,
    redirect,
    request,
    url_for,
)
from flask.typing import ResponseReturnValue

from lms.core.base import engines
from lms.core.base.errors import NotFound
from lms.core.base.roles import ANONYMOUS
from lms.core.base.settings import organiser_in, settings
from lms.core.database import schema
from lms.core.text.i18n import translated
from lms.core.time import clock, zones
from lms.web.api.discovery import base_url
from lms.web.pages import locale as languages
from lms.web.pages import time
from lms.web.pages.assets import CLOSED_LIVE, MOST_CLOSED, asset, closed_live, read_ids
from lms.web.request.guards import ANYONE, allow
from lms.web.request.identity import Unauthenticated, current_actor

bp = Blueprint("web", __name__, template_folder="templates")
SECURITY_TXT_VALID = timedelta(days=180)
"""RFC 9116 asks for less than a year."""


def is_local(address: str | None) -> bool:
    """Whether an address is a path on this server and nothing else (no `//host`, `/\\host`, scheme or control)."""
    if not address or not address.startswith("/") or address[1:2] in {"/", "\\"}:
        return False
    if any(ord(sign) < 33 for sign in address) or "\\" in address:
        return False
    parts = urlsplit(address)
    return not parts.scheme and not parts.netloc


def back_to() -> str:
    """Where a small POST returns to: the local path named in `next`, else home."""
    following = request.form.get("next") or request.args.get("next")
    return following if following is not None and is_local(following) else url_for("dashboards.home")


def _address() -> str:
    """The page that is being read, with what was asked of it, but not a language for this once."""
    if not has_request_context():
        return "/"
    query = urlencode([(name, value) for name, value in request.args.items(multi=True) if name != "lang"])
    return f"{request.path}?{query}" if query else request.path


@bp.app_context_processor
def shared() -> dict[str, Any]:
    """Returns the variables that every page has."""
    config = settings()
    try:
        actor = current_actor() if has_request_context() else ANONYMOUS  # mail is rendered outside of a request
    except Unauthenticated:
        actor = ANONYMOUS
    locale = languages.reader_locale()
    return {
        "actor": actor,
        "viewer": actor if actor.is_signed_in else None,
        "address": _address(),
        "locale": locale,
        "direction": languages.direction(locale),
        "site_languages": languages.offered(),
        "organiser": organiser_in(locale),
        "contact": config.contact,
        "organiser_zone": time.organiser_zone(),
        "viewer_zone": time.viewer_zone(),
        "is_zone_known": time.known_zone() is not None,
        "is_demonstration": config.is_demonstration,
        "shows_demonstration_mail": config.is_demonstration and config.mail_folder is not None,
        "is_demonstration_incomplete": config.is_demonstration_incomplete,
        "now": clock.now(),
        "asset": asset,
    }


def _keep(name: str, value: str, allowed: bool, *, seconds: int = 31_536_000) -> ResponseReturnValue:
    if not allowed:
        abort(422)
    return with_choice(make_response(redirect(back_to())), name, value, seconds=seconds)


def with_choice(answer: Response, name: str, value: str, *, seconds: int = 31_536_000) -> Response:
    """An answer by which this browser keeps what was chosen."""
    secure = current_app.config["SESSION_COOKIE_SECURE"]
    answer.set_cookie(name, value, max_age=seconds, secure=secure, httponly=True, samesite="Lax")
    return answer


@bp.post("/language")
@allow(ANYONE, allow_without_mfa=True)
def set_language() -> ResponseReturnValue:
    """Stores an anonymous reader's language in a cookie."""
    code = request.form.get("lang", "")
    return _keep("lang", code, code in translated())


@bp.post("/zone")
@allow(ANYONE, allow_without_mfa=True)
def set_zone() -> ResponseReturnValue:
    """Stores an anonymous reader's time zone in a cookie."""
    zone = zones.named_zone(request.form.get("time_zone", ""))
    return _keep("zone", zone or "", zone is not None)


@bp.post("/live-bar/close")
@allow(ANYONE, allow_without_mfa=True)
def close_live_bar() -> ResponseReturnValue:
    """Hides the bar of the lectures that are live from this browser, for a day."""
    ids = [*closed_live(), *read_ids(request.form.get("lectures", ""))]
    latest = list(dict.fromkeys(ids))[-MOST_CLOSED:]
    return _keep(CLOSED_LIVE, ".".join(map(str, latest)), bool(latest), seconds=86_400)


@bp.get("/healthz")
@allow(ANYONE, allow_without_mfa=True)
def healthz() -> ResponseReturnValue:
    """Reports that the process is alive."""
    return Response("ok\n", mimetype="text/plain")


@bp.get("/readyz")
@allow(ANYONE, allow_without_mfa=True)
def readyz() -> ResponseReturnValue:
    """Reports whether the site can serve: the database answers and has the right schema. Else 503, with a remedy.

    A second line names the optional engines that are away: `degraded: [valkey]`.
    """
    if mismatch := schema.find_mismatch():
        return Response(f"{mismatch}\n", status=503, mimetype="text/plain")
    away = engines.names_of_those_away()
    text = f"ok\ndegraded: [{', '.join(away)}]\n" if away else "ok\n"
    return Response(text, mimetype="text/plain")


@bp.get("/robots.txt")
@allow(ANYONE, allow_without_mfa=True)
def robots() -> ResponseReturnValue:
    """Returns the rules for crawlers and the address of the sitemap. Pages not to be indexed carry `noindex`.

    The choice of a time zone has an address for each page that leads to it.
    """
    rules = f"User-agent: *\nDisallow: /api/\nDisallow: /zone\n\nSitemap: {base_url()}/sitemap.xml\n"
    return Response(rules, mimetype="text/plain")


@bp.get("/.well-known/security.txt")
@allow(ANYONE, allow_without_mfa=True)
def security_txt() -> ResponseReturnValue:
    """Returns where to report a vulnerability (RFC 9116). Absent if `LMS_SECURITY_CONTACT` is empty."""
    contact = settings().security_contact
    if not contact:
        raise NotFound
    until = (clock.now() + SECURITY_TXT_VALID).replace(hour=0, minute=0, second=0, microsecond=0)
    written = [
        f"Contact: {contact}",
        f"Expires: {until:%Y-%m-%dT%H:%M:%SZ}",
        f"Preferred-Languages: {', '.join(code for code, _name in languages.offered())}",
    ]
    if base_url().startswith("https://"):
        written.append(f"Canonical: {base_url()}{request.path}")
    return Response("\n".join(written) + "\n", mimetype="text/plain")


@bp.get("/site.webmanifest")
@allow(ANYONE, allow_without_mfa=True)
def webmanifest() -> ResponseReturnValue:
    """Returns the web app manifest: name, colours and icons for a phone's home screen."""
    named = f"Serai, {current_app.extensions['lms.config'].organiser}"
    icons = [{"src": asset("favicon.svg"), "type": "image/svg+xml", "sizes": "any"}]
    for side in (192, 512):
        icon = {"src": asset(f"icon-{side}.png"), "type": "image/png", "sizes": f"{side}x{side}"}
        icons += [icon, {**icon, "purpose": "maskable"}]
    written = {
        "name": named,
        "short_name": "Serai",
        "lang": "en",
        "start_url": "/",
        "scope": "/",
        "display": "minimal-ui",
        "background_color": "#ffffff",
        "theme_color": "#00626b",
        "icons": icons,
    }
    return Response(json.dumps(written), mimetype="application/manifest+json")


@bp.get("/favicon.ico")
@allow(ANYONE, allow_without_mfa=True)
def favicon() -> ResponseReturnValue:
    """Returns the icon at the conventional address."""
    return redirect(asset("favicon.svg"), 301)

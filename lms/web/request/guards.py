"""Access to routes: roles, and the scopes of tokens.

Each view declares who may use it with `@allow(...)`; a view without it is refused to everyone. Each call of the API
names beneath it the one scope that it asks of a token: `@scope("…")`. A token without scopes may do all that its
owner may. The guard only answers early: actions and queries check again, they are the authority.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

from flask import current_app, redirect, request, url_for
from flask.typing import ResponseReturnValue

from lms.core.base.errors import Fault, Forbidden, Invalid
from lms.core.base.roles import Actor, Role
from lms.core.text.i18n import _, _l
from lms.web.request.identity import Unauthenticated, current_actor

F = TypeVar("F", bound=Callable[..., object])


@dataclass(frozen=True)
class Guard:
    """The roles that have access, or everyone, or everyone who is signed in."""

    roles: frozenset[Role] = frozenset()
    anyone: bool = False
    signed_in: bool = False

    def admits(self, actor: Actor) -> bool:
        """Returns whether the actor can use the route at all."""
        if self.anyone:
            return True
        if self.signed_in:
            return actor.is_signed_in
        return actor.has(*self.roles)


OPEN_BY_DESIGN = frozenset({"static", "openapi.spec"})
"""Endpoints that the frameworks make and everybody may use: built assets, and the document of the API."""

ANYONE = Guard(anyone=True)
SIGNED_IN = Guard(signed_in=True)


def allow(*who: Guard | Role, allow_without_mfa: bool = False, indexed: bool = False) -> Callable[[F], F]:
    """Declares who may use a view: ANYONE, SIGNED_IN or roles. Placed directly below the route.

    `allow_without_mfa`: also for staff who have yet to set up the second factor; all other pages lead them there.
    `indexed`: search engines may index the public version (`web.api.discovery`); other pages are `noindex`.
    """
    guards = [item for item in who if isinstance(item, Guard)]
    guard = guards[0] if guards else Guard(roles=frozenset(item for item in who if isinstance(item, Role)))

    def mark(view: F) -> F:
        view.guard = guard  # type: ignore[attr-defined]
        view.allow_without_mfa = allow_without_mfa  # type: ignore[attr-defined]
        view.indexed = indexed  # type: ignore[attr-defined]
        return view

    return mark


def guard_of(endpoint: str) -> Guard | None:
    """The declared guard of an endpoint."""
    view = current_app.view_functions.get(endpoint)
    return getattr(view, "guard", None)


def is_indexed(endpoint: str | None) -> bool:
    """Whether search engines may keep what a stranger gets there."""
    return bool(getattr(current_app.view_functions.get(endpoint or ""), "indexed", False))


def _is_for_resting(endpoint: str) -> bool:
    """Returns whether staff without a second factor can use the route. In the API, they act without a role."""
    view = current_app.view_functions[endpoint]
    return request.path.startswith("/api/") or bool(getattr(view, "allow_without_mfa", False))


def check_guard() -> ResponseReturnValue | None:
    """Refuses a request that the guard of its view does not admit."""
    endpoint = request.endpoint
    if endpoint is None or endpoint in OPEN_BY_DESIGN:
        return None
    guard = guard_of(endpoint)
    actor = current_actor()
    if actor.roles_rest and guard is not None and not _is_for_resting(endpoint):
        return redirect(url_for("people.second_factor"))
    if guard is not None and guard.admits(actor):
        return None
    if guard is not None and not actor.is_signed_in:
        if request.path.startswith("/api/"):
            raise Unauthenticated
        following = request.full_path.rstrip("?") if request.method == "GET" else None
        return redirect(url_for("people.sign_in", next=following))
    raise Forbidden


SCOPES = {
    "series:read": _l("Read series and lectures"),
    "series:write": _l("Create and change series and lectures, start and end lectures"),
    "enrolments:read": _l("Read the enrolments of a series"),
    "enrolments:write": _l("Enrol people, decide on applications, withdraw enrolments"),
    "nominations:read": _l("Read nominations"),
    "nominations:write": _l("Nominate people, attach letters, remind nominees, withdraw nominations"),
    "decisions:write": _l("Approve and reject nominations"),
    "attendance:read": _l("Read rosters and appeals"),
    "attendance:write": _l("Correct and close attendance, answer appeals, import reports"),
    "appeals:write": _l("Appeal about your own attendance"),
    "presence:write": _l("Take part in lectures"),
    "checks:read": _l("Read knowledge checks, their questions and results"),
    "checks:write": _l("Change questions and knowledge checks, and take them"),
    "discussion:read": _l("Read questions of lectures"),
    "discussion:write": _l("Ask questions and vote in lectures, and answer and hide questions"),
    "certificates:read": _l("Read certificates"),
    "certificates:write": _l("Issue, revoke and withdraw certificates"),
    "feedback:read": _l("Read the questions and results of feedback"),
    "feedback:write": _l("Give feedback, write its questions"),
    "messages:read": _l("Read messages to the people enrolled in a series"),
    "messages:write": _l("Write, send and stop messages to the people enrolled in a series"),
    "people:read": _l("Read profiles"),
    "people:write": _l("Change profiles"),
    "countries:read": _l("Read the list of countries"),
    "countries:write": _l("Change, add and merge countries"),
    "totals:read": _l("Read the figures"),
    "reports:read": _l("Read published and saved reports"),
    "reports:write": _l("Publish, withdraw, save and schedule reports"),
    "exports:read": _l("Read the progress of exports"),
    "exports:write": _l("Export people and attendances, and download the files"),
    "jobs:read": _l("Read the progress of tasks"),
    "jobs:write": _l("Start failed tasks again"),
}
"""Every scope, with what it lets a token do, in the order in which they are offered."""


def scope(name: str) -> Callable[[F], F]:
    """Declares the scope that a call asks of a token."""
    if name not in SCOPES:
        raise ValueError(f"no such scope: {name}")

    def mark(view: F) -> F:
        view.scope = name  # type: ignore[attr-defined]
        return view

    return mark


def scope_of(endpoint: str) -> str | None:
    """The scope that an endpoint asks for; None for pages and for calls that take no token."""
    scope: str | None = getattr(current_app.view_functions.get(endpoint), "scope", None)
    return scope


def checked_scopes(names: Iterable[str]) -> tuple[str, ...]:
    """Scopes in their order, each once. Invalid (`scopes`) for an unknown one."""
    scopes = list(names)
    faults = [
        Fault(field="scopes", reason=_("There is no scope “%(name)s”.", name=name[:100]))
        for name in dict.fromkeys(scopes)
        if name not in SCOPES
    ]
    if faults:
        raise Invalid(faults=faults)
    return tuple(name for name in SCOPES if name in scopes)


def check_scope() -> None:
    """Holds a token to its scopes, once the guard has let the caller pass."""
    held = current_actor().scopes if request.path.startswith("/api/") else None
    scope = scope_of(request.endpoint) if request.endpoint else None
    if held is not None and scope is not None and scope not in held:
        raise Forbidden(_("This token does not have the scope %(name)s.", name=scope))

"""Access to routes. Each view declares it with `@allow(...)`; a view without it is refused to everyone.

The guard only answers early: actions and queries check again, they are the authority.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from flask import current_app, redirect, request, url_for
from flask.typing import ResponseReturnValue

from lms.core.errors import Forbidden
from lms.core.roles import Actor, Role
from lms.web.identity import Unauthenticated, current_actor

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
    `indexed`: search engines may index the public version (`web.discovery`); other pages are `noindex`.
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

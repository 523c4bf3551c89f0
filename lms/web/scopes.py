"""What a token may be held to: scopes by subject, each to read or to write. A token without any may do all that its
owner may.

Each call of the API names the one scope that it asks of a token with `@scope("…")`, beneath `@allow(...)`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

from flask import current_app, request

from lms.core.errors import Fault, Forbidden, Invalid
from lms.core.i18n import _, _l
from lms.web.identity import current_actor

F = TypeVar("F", bound=Callable[..., object])

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
    "certificates:read": _l("Read certificates"),
    "certificates:write": _l("Issue, revoke and withdraw certificates"),
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

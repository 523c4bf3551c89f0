"""Whether staff need a second factor here, and what becomes of the roles of those who have none yet: they rest."""

from __future__ import annotations

from dataclasses import replace

from lms.core.roles import Actor
from lms.core.settings import settings


def is_needed() -> bool:
    """Returns whether roles require a second factor: everywhere except in a demonstration (see `config`)."""
    return settings().staff_needs_second_factor


def without_resting_roles(actor: Actor | None) -> Actor | None:
    """The actor without roles as long as these need a second factor that is not set up; else as it is."""
    if actor is None or not actor.roles or actor.has_second_factor or not is_needed():
        return actor
    return replace(actor, roles=frozenset(), country_ids=frozenset(), roles_rest=True)

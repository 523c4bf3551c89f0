"""Roles, and the actor that every action and query takes as `by`."""

from dataclasses import dataclass, field
from enum import StrEnum


class Role(StrEnum):
    """A role: it allows more than being a person does. A trainee is a person enrolled in a series: no role."""

    ADMINISTRATOR = "administrator"
    INSTRUCTOR = "instructor"
    FOCAL_POINT = "focal_point"
    REPORTER = "reporter"


@dataclass(frozen=True)
class Actor:
    """Somebody who asks or acts, as known when the request began.

    `person_id` is null for the anonymous and for the system; `country_ids` are those a focal point speaks for.
    `scopes` are what the token in use is held to; null: to nothing.
    `roles_rest`: there are roles, none of which holds before a second factor is set up.
    """

    person_id: int | None = None
    public_id: str = ""
    full_name: str = ""
    roles: frozenset[Role] = field(default_factory=frozenset)
    country_ids: frozenset[int] = field(default_factory=frozenset)
    system: bool = False
    locale: str | None = None
    time_zone: str | None = None
    scopes: frozenset[str] | None = None
    has_second_factor: bool = False
    roles_rest: bool = False

    @property
    def is_signed_in(self) -> bool:
        """Whether this is a known person."""
        return self.person_id is not None

    @property
    def is_administrator(self) -> bool:
        """An administrator, or the system itself (commands, jobs)."""
        return self.system or Role.ADMINISTRATOR in self.roles

    @property
    def is_reporter(self) -> bool:
        """May read every report."""
        return self.is_administrator or Role.REPORTER in self.roles

    @property
    def is_instructor(self) -> bool:
        """Holds the instructor's role (the lecture names its instructors)."""
        return Role.INSTRUCTOR in self.roles

    @property
    def is_focal_point(self) -> bool:
        """Speaks for one country or more."""
        return Role.FOCAL_POINT in self.roles

    def has(self, *roles: Role) -> bool:
        """Whether the actor has one of these roles; the system has all."""
        return self.system or bool(self.roles.intersection(roles))


ANONYMOUS = Actor()
SYSTEM = Actor(system=True, full_name="system")

"""How much one member of staff may do in a day, as the settings say."""

from __future__ import annotations

from lms.core.settings import settings


def addresses_per_day() -> int | None:
    """How many people one may enrol by e-mail address in 24 hours; null for no limit, as in a demonstration."""
    config = settings()
    return None if config.is_demonstration else config.addresses_per_day

"""Settings of a site whose staff need no second factor, as in a demonstration, but that is none."""

from __future__ import annotations

from lms.config import Config


class RelaxedConfig(Config):
    """Tests of the second factor set the attribute on the settings of their app."""

    staff_needs_second_factor: bool = False  # type: ignore[assignment]

"""A figure about the service itself, as monitoring reads it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Gauge:
    """A figure that is read when it is asked for, once for each value of its label. Names are without `serai_`."""

    name: str
    help: str
    values: Mapping[str, float]
    label: str | None = None

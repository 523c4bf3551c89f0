"""How much of what is drawn at random runs when."""

from __future__ import annotations

from typing import Any

import pytest


def seeds(number: int) -> list[Any]:
    """Seeds of histories that take long: the first in `make test`, the others in `make test-long`."""
    return [0, *(pytest.param(seed, marks=pytest.mark.long) for seed in range(1, number))]

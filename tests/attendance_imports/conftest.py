"""What tests of attendance imports share."""

from __future__ import annotations

from tests.attendance.conftest import words

__all__ = ["words"]

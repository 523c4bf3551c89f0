"""The small demonstration that tests read: how large it is, and the group of the modules that share it."""

from __future__ import annotations

import pytest

PEOPLE = 2000
DEMONSTRATION = pytest.mark.xdist_group("demonstration")
"""One worker runs all tests that read it."""

"""Tests that share a costly fixture run in one worker."""

from __future__ import annotations

import os

import pytest


@pytest.mark.xdist_group("told")
def test_a_group_reaches_the_scheduler(request: pytest.FixtureRequest) -> None:
    """With several workers a group is part of the test's id; otherwise each worker would build its fixtures anew."""
    is_distributed = request.config.getoption("loadgroup", default=False)
    assert request.node.nodeid.endswith("@told") is bool(is_distributed)
    assert is_distributed or "PYTEST_XDIST_WORKER" not in os.environ

"""One world, and one crawl through it, for all contracts that read answers. They run in one worker."""

from __future__ import annotations

import pytest

from tests.contracts.crawl import Crawl
from tests.contracts.world import World, build


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """Everything that a route can be asked for. A test that changes it puts it back."""
    return build(tmp_path_factory.mktemp("world"))


@pytest.fixture(scope="session")
def crawl(world: World) -> Crawl:
    """The answer of each route to each role."""
    return Crawl(world)

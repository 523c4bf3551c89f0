"""The topics that can be measured, each a function that yields rows of the table."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterator

import bench.topics
from bench.site import Bench
from bench.table import Row

Topic = Callable[[Bench], Iterator[Row]]
_topics: dict[str, Topic] = {}


def topic(name: str) -> Callable[[Topic], Topic]:
    """Marks the function that measures a topic and yields its rows; it raises what keeps it from measuring."""

    def mark(function: Topic) -> Topic:
        _topics[name] = function
        return function

    return mark


def topics() -> dict[str, Topic]:
    """All topics by name, those of every file in `bench/topics`."""
    for module in pkgutil.iter_modules(bench.topics.__path__):
        importlib.import_module(f"bench.topics.{module.name}")
    return _topics

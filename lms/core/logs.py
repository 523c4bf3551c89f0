"""Logs: one line of JSON an event, on stderr. Never personal data, never secrets."""

from __future__ import annotations

import logging
import sys

import structlog


def configure(level: str) -> None:
    """Sets the least severity and the form of every line."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping().get(level.upper(), 20)),
        logger_factory=lambda *_names: structlog.PrintLogger(file=sys.stderr),  # stderr as it is then, not as it was
        cache_logger_on_first_use=False,
    )

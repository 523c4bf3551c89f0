"""Logs: one line of JSON an event, on stderr. Never personal data, never secrets."""

import contextlib
import logging
import sys
from typing import TextIO, cast

import structlog


class _Stderr:
    """Standard error, where a line that finds no room (logs on a full disk) is lost and nothing else is."""

    def write(self, text: str) -> int:
        with contextlib.suppress(OSError):
            sys.stderr.write(text)
        return len(text)

    def flush(self) -> None:
        with contextlib.suppress(OSError):
            sys.stderr.flush()


_COMMON: tuple[structlog.typing.Processor, ...] = (
    structlog.contextvars.merge_contextvars,
    structlog.processors.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.format_exc_info,
)
_AS_JSON = structlog.processors.JSONRenderer(ensure_ascii=False)


def configure(level: str) -> None:
    """Sets the least severity and the form of every line."""
    structlog.configure(
        processors=[*_COMMON, _AS_JSON],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping().get(level.upper(), 20)),
        logger_factory=structlog.PrintLoggerFactory(file=cast(TextIO, _Stderr())),
        cache_logger_on_first_use=False,
    )


def library_formatter() -> logging.Formatter:
    """Writes what libraries log (gunicorn) as the same lines of JSON."""
    return structlog.stdlib.ProcessorFormatter(
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, _AS_JSON],
        foreign_pre_chain=[structlog.stdlib.add_logger_name, *_COMMON],
    )


def take_over_libraries() -> None:
    """Has all that libraries log of warnings and worse written as lines of JSON: for processes that run for long."""
    handler = logging.StreamHandler(cast(TextIO, _Stderr()))
    handler.setFormatter(library_formatter())
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)

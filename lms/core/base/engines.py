"""Optional engines: services that the site uses where a setting names them, and can do without for a while.

Each has a probe. While an engine is away, nobody waits for it: what uses it asks `is_up` first and goes on without it,
and a thread asks the engine every few seconds whether it is back. `/readyz`, the status page and `lms check` say so.
"""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog
from flask import Flask, current_app
from flask_babel.speaklater import LazyString

log = structlog.get_logger(__name__)
KEY = "lms.engines"
RETRY_SECONDS = 5.0
"""How long the answer of a probe is remembered, and how often an engine that is away is asked again."""
PROBE_SECONDS = 1.0
"""How long a page or a command waits for a probe. Without an answer by then, the engine is away."""
_AWAY_SECONDS = 0.2
"""The same, for an engine that did not answer last time."""
_LONGEST_ERROR = 200


@dataclass(frozen=True)
class EngineState:
    """The state of an engine: why it is away, or None."""

    name: str
    error: str | None = None

    @property
    def is_up(self) -> bool:
        """Whether the engine answers."""
        return self.error is None


class Engine:
    """One engine as this process sees it. It counts as up until a probe or a use fails.

    `probe` asks the engine for the cheapest answer and raises if there is none; it needs a time limit of its own.
    `title` is its name on pages, `without` one sentence about what is degraded while it is away, `remedy` what to do.
    `is_essential`: people notice at once, so that `lms check` reports a fault in place of a warning.
    """

    def __init__(
        self,
        name: str,
        probe: Callable[[], object],
        *,
        title: str | LazyString,
        without: str | LazyString,
        remedy: str | LazyString,
        is_essential: bool = False,
    ) -> None:
        self.name = name
        self.title = title
        self.without = without
        self.remedy = remedy
        self.is_essential = is_essential
        self._probe = probe
        self._lock = threading.Lock()
        self._state = EngineState(name)
        self._probed_at = float("-inf")
        self._running: threading.Event | None = None

    def is_up(self) -> bool:
        """Whether to use the engine now. Never waits; while the engine is away, has it asked every few seconds."""
        if self._state.is_up:
            return True
        self.begin_probe()
        return False

    def report_failure(self, error: BaseException) -> None:
        """Notes that a use of the engine failed: from now on `is_up` is false until a probe succeeds."""
        self._probed_at = time.monotonic()
        self._note(error)

    def state(self) -> EngineState:
        """Returns what is known of the engine, at most a few seconds old. Waits for a probe, but never longer than a
        second."""
        finished = self.begin_probe()
        if finished is not None and not finished.wait(PROBE_SECONDS if self._state.is_up else _AWAY_SECONDS):
            self._note(TimeoutError(f"no answer within {PROBE_SECONDS:g} s"))
        return self._state

    def begin_probe(self) -> threading.Event | None:
        """Has a thread ask the engine, unless an answer is remembered. Returns the event that is set when it ends."""
        if time.monotonic() - self._probed_at < RETRY_SECONDS:
            return None
        with self._lock:
            if self._running is not None:
                return self._running
            self._running = finished = threading.Event()
        threading.Thread(target=self._run_probe, args=(finished,), name=f"probe-{self.name}", daemon=True).start()
        return finished

    def _run_probe(self, finished: threading.Event) -> None:
        error: Exception | None = None
        try:
            self._probe()
        except Exception as reason:
            error = reason
        self._probed_at = time.monotonic()
        self._note(error)
        self._running = None
        finished.set()

    def _note(self, error: BaseException | None) -> None:
        """Notes a result, and logs it if the engine went away or came back."""
        text = None if error is None else describe(error)
        with self._lock:
            if self._state.is_up and text is not None:
                log.error("an engine is away", engine=self.name, error=text)
            elif not self._state.is_up and text is None:
                log.warning("an engine is back", engine=self.name)
            self._state = EngineState(self.name, text)


def describe(error: BaseException) -> str:
    """An error in one line."""
    return " ".join(f"{type(error).__name__}: {error}".split())[:_LONGEST_ERROR].rstrip(".")


def register(app: Flask, engine: Engine) -> Engine:
    """Adds an engine to an application."""
    app.extensions.setdefault(KEY, {})[engine.name] = engine
    return engine


def engines() -> Sequence[Engine]:
    """The engines of the current application, by name. None where no setting names one."""
    registered: dict[str, Engine] = current_app.extensions.get(KEY, {})
    return [registered[name] for name in sorted(registered)]


def find_engine(name: str) -> Engine | None:
    """The engine of this name, if the current application has it."""
    registered: dict[str, Engine] = current_app.extensions.get(KEY, {})
    return registered.get(name)


def names_of_those_away() -> list[str]:
    """The names of the engines that do not answer. They are asked at the same time."""
    probed = engines()
    for engine in probed:
        engine.begin_probe()
    return [engine.name for engine in probed if not engine.state().is_up]

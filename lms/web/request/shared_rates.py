"""Rate limits counted by all web processes of all servers, in Valkey.

While Valkey is away, each server counts for itself as it does without one (`rates`), from 0 on: for the length of a
limit's window, somebody may then do up to twice as much.
"""

from hashlib import blake2b
from typing import ClassVar

from limits.storage import RedisStorage

from lms.core.base.valkey import SharedMemory
from lms.web.request.rates import MovingWindows

SCHEME = "serai-valkey"
LATEST = 2**33
"""No clock shows more seconds: the year 2242."""


class ValkeyRates(MovingWindows):
    """Counts in moving windows by the library's own store, and in `fallback` while Valkey is away."""

    STORAGE_SCHEME: ClassVar[list[str]] = [SCHEME]  # type: ignore[misc]  # the library declares it on instances

    def __init__(self, uri: str, *, secret: str, shared: SharedMemory, fallback: MovingWindows) -> None:
        super().__init__(uri)
        self._secret = blake2b(secret.encode()).digest()
        self._shared = shared
        self._fallback = fallback
        self._rates = RedisStorage("valkey://", connection_pool=shared.pool, key_prefix=f"{shared.prefix}rate")

    @property
    def base_exceptions(self) -> type[Exception]:
        """None that a caller could see: they are noted, and the fallback counts."""
        return ValueError

    def acquire_entry(self, key: str, limit: int, expiry: int, amount: int = 1) -> bool:
        """Counts a request unless there were `limit` within the last `expiry` seconds."""
        name = self._name(key)
        counted = self._shared.use(lambda _client: self._rates.acquire_entry(name, limit, expiry, amount))
        return self._fallback.acquire_entry(key, limit, expiry, amount) if counted is None else counted

    def get_moving_window(self, key: str, limit: int, expiry: int) -> tuple[float, int]:
        """When the oldest request that still counts came, and how many count."""
        name = self._name(key)
        window = self._shared.use(lambda _client: self._window(name, limit, expiry))
        return self._fallback.get_moving_window(key, limit, expiry) if window is None else window

    def _window(self, name: str, limit: int, expiry: int) -> tuple[float, int]:
        begun, count = self._rates.get_moving_window(name, limit, expiry)
        if not 0 <= begun < LATEST:
            raise ValueError("not a time")
        return begun, int(count)

    def check(self) -> bool:
        """Whether Valkey is used."""
        return self._shared.engine.is_up()

    def reset(self) -> int | None:
        """Forgets all counts."""
        return self._shared.use(lambda _client: self._rates.reset())

    def clear(self, key: str) -> None:
        """Forgets the counts of one key."""
        name = self._name(key)
        self._shared.use(lambda _client: self._rates.clear(name))

    def _name(self, key: str) -> str:
        """The key as it is stored: it holds a network address, which nobody is to read from Valkey."""
        return blake2b(key.encode(), digest_size=16, key=self._secret).hexdigest()

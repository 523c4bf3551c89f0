"""Time zones: one name for each, the country it is in, and its distance from UTC.

Which zones a country has is the table `zone.tab` of the time zone database, in the package tzdata.
"""

import hashlib
import zoneinfo
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from importlib import import_module
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType
from typing import Final
from zoneinfo import ZoneInfo, available_timezones

from babel import Locale
from babel.core import get_global
from babel.dates import get_timezone_location

from lms.core.text.i18n import cldr_locale

ZONES: Final = frozenset(available_timezones()) - {"Factory", "localtime"}
"""Every name of a zone that this machine knows, also old and second ones."""

# zone.tab lists a country from east to west or the like, and its most populous zone first where that fits. These are
# the countries where it does not fit, and those that the table leaves out.
_MAIN: Final = {
    "AU": "Australia/Sydney",
    "BR": "America/Sao_Paulo",
    "CA": "America/Toronto",
    "RU": "Europe/Moscow",
    "UA": "Europe/Kyiv",
    "UZ": "Asia/Tashkent",
    "XK": "Europe/Belgrade",
}


@lru_cache(maxsize=1)
def territories() -> Mapping[str, str]:
    """Zone → ISO code of its country, for each zone that has a place: one name a zone, in the table's order."""
    table = files("tzdata.zoneinfo").joinpath("zone.tab").read_text(encoding="utf-8")
    rows = [line.split("\t") for line in table.splitlines() if line and not line.startswith("#")]
    return MappingProxyType({zone: code for code, _place, zone, *_note in rows if zone in ZONES})


@lru_cache(maxsize=1024)
def canonical(name: str) -> str | None:
    """The one name of a zone, for any of its names: Asia/Kolkata for Asia/Calcutta. None for what is no zone."""
    if name in territories():
        return name
    if name not in ZONES:
        return None
    aliases: Mapping[str, str] = get_global("zone_aliases")
    root = aliases.get(name, name)
    if root == aliases.get("UTC", "UTC"):
        return "UTC"
    return next((zone for zone in territories() if aliases.get(zone, zone) == root), name)


@lru_cache(maxsize=1)
def _by_country() -> Mapping[str, tuple[str, ...]]:
    by_country: dict[str, tuple[str, ...]] = {}
    for zone, code in territories().items():
        by_country[code] = (*by_country.get(code, ()), zone)
    return MappingProxyType(by_country)


def zones_of(code: str) -> tuple[str, ...]:
    """The zones of a country, by its ISO code."""
    return _by_country().get(code, ())


def main_zone(code: str | None) -> str | None:
    """The zone in which most people of a country live, or of its capital; None for a country without any."""
    if code is None:
        return None
    main = _MAIN.get(code)
    return main if main in ZONES else next(iter(zones_of(code)), None)


def named_zone(value: str) -> str | None:
    """The zone that a reader chose: by any of its names, or by the code of a country without a zone."""
    return canonical(value) or main_zone(value)


_info = lru_cache(maxsize=1024)(ZoneInfo)
"""Its own cache holds few: a list of all zones would read every file again each time."""


@lru_cache(maxsize=1)
def version() -> str:
    """The version of the time zone database that this process uses: the machine's if it has one, else the package's.

    In the order of `zoneinfo`. A machine's database without a version is identified by its content.
    """
    for folder in zoneinfo.TZPATH:
        path = Path(folder)
        if (path / "tzdata.zi").is_file():
            with (path / "tzdata.zi").open(encoding="utf-8") as file:
                first = file.readline()
            return first.removeprefix("# version").strip() or "?"
        if (path / "+VERSION").is_file():
            return (path / "+VERSION").read_text(encoding="utf-8").strip()
        if path.is_dir() and any(path.iterdir()):
            content = b"".join(one.read_bytes() for one in sorted(path.rglob("*")) if one.is_file())
            return hashlib.sha256(content).hexdigest()[:12]
    return str(import_module("tzdata").IANA_VERSION)


def offset(zone: str, at: datetime) -> timedelta:
    """How far the clocks of a zone are ahead of UTC at a moment."""
    return at.astimezone(_info(zone)).utcoffset() or timedelta()


def changes_between(zone: str, first: int, last: int) -> list[tuple[int, int]]:
    """(since, seconds ahead of UTC) of each stretch of time in which the clocks of a zone run evenly, in order.

    Times are seconds since 1970. The first stretch has begun by `first`, the last one lasts beyond `last`.
    """
    years = range(datetime.fromtimestamp(first, UTC).year, datetime.fromtimestamp(last, UTC).year + 1)
    changes: list[tuple[int, int]] = []
    for year in years:
        for since, ahead in _changes_in(zone, year):
            if since > last:
                break
            if changes and (changes[-1][1] == ahead or since <= first):
                changes[-1] = (changes[-1][0], ahead)
            else:
                changes.append((since, ahead))
    return changes


@lru_cache(maxsize=4096)
def _changes_in(zone: str, year: int) -> tuple[tuple[int, int], ...]:
    """The stretches of one year, the first one from its beginning in UTC."""
    info = _info(zone)

    def ahead_at(moment: int) -> int:
        return int((datetime.fromtimestamp(moment, info).utcoffset() or timedelta()).total_seconds())

    begin, end = (int(datetime(one, 1, 1, tzinfo=UTC).timestamp()) for one in (year, year + 1))
    changes = [(begin, ahead_at(begin))]
    for day in range(begin, end, _DAY):
        after = ahead_at(day + _DAY)
        if after == changes[-1][1]:
            continue
        low, high = day, day + _DAY
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if ahead_at(middle) == after else (middle, high)
        changes.append((high, after))
    return tuple(changes)


_DAY: Final = 86_400


# CLDR keeps the names that some zones had when it began, and Babel does not find them under the new ones.
_CLDR_ZONES = {
    "America/Argentina/Buenos_Aires": "America/Buenos_Aires",
    "Asia/Ho_Chi_Minh": "Asia/Saigon",
    "Asia/Kathmandu": "Asia/Katmandu",
    "Asia/Kolkata": "Asia/Calcutta",
    "Asia/Yangon": "Asia/Rangoon",
    "Europe/Kyiv": "Europe/Kiev",
}


def city_of(zone: str, locale: str) -> str:
    """ "Nairobi" for Africa/Nairobi, in a language where CLDR knows it."""
    read = Locale.parse(cldr_locale(locale))
    known = read.time_zones.get(_CLDR_ZONES.get(zone, ""), {}).get("city")
    name = known or get_timezone_location(zone, locale=read, return_city=True) or zone
    return str(name).rsplit("/", 1)[-1].replace("_", " ")

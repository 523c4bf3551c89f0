"""Days off in a country: public holidays, from the library holidays, and the days of its weekend.

The table of weekends is CLDR's (`weekendStart`, `weekendEnd`), which babel has only inside the data of each
language; a test compares both. Where CLDR is behind, the weekend that is in force is listed apart.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Final

import holidays


@dataclass(frozen=True, slots=True)
class Holiday:
    """A public holiday: the ISO code of its country and its name."""

    country: str
    name: str


def holidays_on(day: date, codes: Iterable[str], locale: str) -> list[Holiday]:
    """The public holidays of these countries on a day, in their order. Countries that the library lacks have none."""
    named = ((code, _of_year(code, day.year, locale).get(day)) for code in codes)
    return [Holiday(code, name) for code, name in named if name]


def holidays_between(code: str, first: date, last: date, locale: str) -> dict[date, str]:
    """The public holidays of a country from a day to another, by day. Countries that the library lacks have none."""
    years = range(first.year, last.year + 1)
    return {day: name for year in years for day, name in _of_year(code, year, locale).items() if first <= day <= last}


@lru_cache(maxsize=1024)
def _of_year(code: str, year: int, locale: str) -> Mapping[date, str]:
    """The holidays of a country in a year: in the reader's language where the library has it, else in English."""
    try:
        languages = holidays.country_holidays(code).supported_languages
        return dict(holidays.country_holidays(code, years=year, language=_language(languages, locale)))
    except NotImplementedError:  # how the library says that it does not know a country
        return {}


@lru_cache(maxsize=1024)
def language_of_names(code: str, locale: str) -> str | None:
    """The language in which the holidays of a country are named for a reader; None for a country that the library
    lacks."""
    try:
        country = holidays.country_holidays(code)
    except NotImplementedError:
        return None
    language = _language(country.supported_languages, locale) or country.default_language
    return None if language is None else str(language)


def _language(languages: Iterable[str], locale: str) -> str | None:
    codes = (locale, locale.partition("_")[0], "en_US", "en")
    for code in codes:
        language = next((each for each in languages if each == code or each.partition("_")[0] == code), None)
        if language is not None:
            return language
    return None


MONDAY, THURSDAY, FRIDAY, SATURDAY, SUNDAY = 0, 3, 4, 5, 6
_USUAL: Final = frozenset({SATURDAY, SUNDAY})
_FRIDAY_AND_SATURDAY: Final = frozenset({FRIDAY, SATURDAY})

CLDR: Final = {
    "AF": frozenset({THURSDAY, FRIDAY}),
    "IN": frozenset({SUNDAY}),
    "IR": frozenset({FRIDAY}),
    "UG": frozenset({SUNDAY}),
} | dict.fromkeys(
    ["BH", "DZ", "EG", "IL", "IQ", "JO", "KW", "LY", "OM", "QA", "SA", "SD", "SY", "YE"], _FRIDAY_AND_SATURDAY
)
"""Country → its weekend where that is not Saturday and Sunday, as CLDR says."""
_IN_FORCE: Final = {
    "BD": _FRIDAY_AND_SATURDAY,
    "BN": frozenset({FRIDAY, SUNDAY}),
    "DJ": _FRIDAY_AND_SATURDAY,
    "MV": _FRIDAY_AND_SATURDAY,
    "PS": _FRIDAY_AND_SATURDAY,
}


def weekend_of(country: str) -> frozenset[int]:
    """The days off in a week, Monday being 0; by the ISO code of the country."""
    return _IN_FORCE.get(country) or CLDR.get(country, _USUAL)

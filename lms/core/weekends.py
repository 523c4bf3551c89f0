"""Which days of the week are days off in a country.

The table is CLDR's (`weekendStart`, `weekendEnd`), which babel has only inside the data of each language; a test
compares both. Where CLDR is behind, the weekend that is in force is listed apart.
"""

from __future__ import annotations

from typing import Final

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

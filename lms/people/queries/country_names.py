"""Names of countries and areas: the UN's short ones in English (M49), CLDR's elsewhere, and how files may write them.

`seeds/country_names.csv` has the English name of each code, and other names in use, in English and other languages.
What M49 does not list has the name that the UN uses elsewhere, or CLDR's.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from types import MappingProxyType
from typing import Final

from babel import Locale, UnknownLocaleError

from lms.core.i18n import LANGUAGES
from lms.core.resources import resource
from lms.core.sorting import sort_key

_INVERTED: Final = re.compile(r"(.+?)(?:, | \()([^()]+?)\)?$")
_SHORT: Final = {"st": "saint", "rep": "republic", "dem": "democratic", "fed": "federated", "sts": "states"}


@lru_cache(maxsize=32)
def territories(locale: str) -> Mapping[str, str]:
    """ISO code → name in a language: the UN's in English, CLDR's in others."""
    try:
        parsed = Locale.parse(locale, sep="-" if "-" in locale else "_")
    except (UnknownLocaleError, ValueError):
        parsed = Locale("en")
    named = {code: name for code, name in parsed.territories.items() if len(code) == 2}
    if parsed.language == "en":
        named |= {code: name for code, (name, _aliases) in _seed().items()}
    return MappingProxyType(named)


@lru_cache(maxsize=1)
def _rows() -> Sequence[Mapping[str, str]]:
    with resource("seeds", "country_names.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@lru_cache(maxsize=1)
def _seed() -> Mapping[str, tuple[str, tuple[str, ...]]]:
    return {row["code"]: (row["name"], _listed(row["aliases"])) for row in _rows()}


def _other_languages() -> Mapping[str, tuple[str, ...]]:
    """Code → names in use in languages other than English that CLDR does not have."""
    return {row["code"]: _listed(row["other_languages"]) for row in _rows()}


def _listed(names: str) -> tuple[str, ...]:
    return tuple(filter(None, names.split("|")))


def name_key(name: str) -> str:
    """What two spellings of a country's name have in common: no case, marks, punctuation or articles."""
    words = re.findall(r"\w+", re.sub(r"['’`.]", "", sort_key(name.replace("&", " and "))))
    return " ".join(_SHORT.get(word, word) for word in words if word != "the")


def _spellings(name: str) -> Iterable[str]:
    """A name, also turned around: "Iran (Islamic Republic of)" and "Korea, Republic of" as they are spoken."""
    yield name
    turned = _INVERTED.fullmatch(name)
    if turned is not None:
        yield f"{turned[2]} {turned[1]}"


@lru_cache(maxsize=1)
def known_names() -> Mapping[str, str]:
    """`name_key` → ISO code, of all names in use: the UN's, CLDR's in each language of LANGUAGES, and common others.

    A name that two countries have, in whatever languages, is nobody's.
    """
    found: dict[str, str] = {}
    for code, (name, aliases) in _seed().items():
        found |= {name_key(one): code for given in (name, *aliases) for one in _spellings(given)}
    further: dict[str, set[str]] = {}
    for language in LANGUAGES:
        for code, name in Locale(language).territories.items():
            if code in _seed():
                further.setdefault(name_key(name), set()).add(code)
    for code, names in _other_languages().items():
        for name in names:
            further.setdefault(name_key(name), set()).add(code)
    return MappingProxyType({key: next(iter(codes)) for key, codes in further.items() if len(codes) == 1} | found)


def names_in_english(code: str) -> tuple[str, ...]:
    """All English names of a country that are in use, the UN's first."""
    name, aliases = _seed().get(code, ("", ()))
    return tuple(dict.fromkeys(filter(None, (name, Locale("en").territories.get(code), *aliases))))


def code_of_name(name: str) -> str | None:
    """The ISO code of a country by any name in use; None where none is known."""
    return next((known_names()[key] for one in _spellings(name) if (key := name_key(one)) in known_names()), None)

"""Names of countries, areas and regions: the UN's short ones (M49), and how files may write those of countries.

`seeds/country_names.csv` has the English name of each code, other names in use, and a column for each other language
with the UN's name where it is not CLDR's; `seeds/regions.csv` has such columns, too. What M49 does not list has the
name that the UN uses elsewhere, or CLDR's. Portuguese, in which the UN has no names, has those of CLDR, except where
the UN avoids them in its languages.
"""

import csv
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from types import MappingProxyType
from typing import Final

from babel import Locale, UnknownLocaleError
from babel.languages import get_official_languages

from lms.core.base.settings import resource
from lms.core.text.i18n import LANGUAGES, cldr_locale, translated
from lms.core.text.sorting import sort_key

_COUNTRIES: Final = "country_names.csv"
_REGIONS: Final = "regions.csv"
_INVERTED: Final = re.compile(r"(.+?)(?:, | \()([^()]+?)\)?$")
_SHARED: Final = (
    (("CD", "CG"), "Congo|Конго|刚果|الكونغو"),
    (("KP", "KR"), "Korea|Corée|Corea|Coreia|Корея|كوريا"),
    (
        ("VG", "VI"),
        "Virgin Islands|Îles Vierges|Islas Vírgenes|Виргинские острова|维尔京群岛|جزر العذراء|Ilhas Virgens",
    ),
)
"""Names by which people mean one country or another, also where it is the UN's name of one (Congo). Guinea, Sudan and
Samoa are not among them: who means another adds a word."""
_SHORT: Final = {"st": "saint", "rep": "republic", "dem": "democratic", "fed": "federated", "sts": "states"}


@lru_cache(maxsize=32)
def territories(locale: str) -> Mapping[str, str]:
    """ISO code → the UN's name in a language, or CLDR's where the UN has none."""
    parsed = _babel(locale)
    named = {code: name for code, name in parsed.territories.items() if len(code) == 2}
    if parsed.language == "en":
        named |= {code: name for code, (name, _aliases) in _seed().items()}
    return MappingProxyType(named | _un_names(_COUNTRIES, parsed.language))


def likely_language(code: str) -> str:
    """The language in which to write to somebody of whom only the country is known: of those that are offered, the
    official one of most people there."""
    official = (name.split("_")[0] for name in get_official_languages(code, de_facto=True))
    return next((language for language in official if language in translated()), "en")


@lru_cache(maxsize=32)
def regions(locale: str) -> Mapping[str, str]:
    """M49 code → the UN's name in a language; none in English, where the table of regions has it."""
    parsed = _babel(locale)
    if parsed.language == "en":
        return MappingProxyType({})
    return MappingProxyType(dict(parsed.territories) | _un_names(_REGIONS, parsed.language))


def _babel(locale: str) -> Locale:
    locale = cldr_locale(locale)
    try:
        return Locale.parse(locale, sep="-" if "-" in locale else "_")
    except (UnknownLocaleError, ValueError):
        return Locale("en")


def _rows(file_name: str) -> Sequence[Mapping[str, str]]:
    with resource("seeds", file_name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _un_names(file_name: str, language: str) -> dict[str, str]:
    """Code → the UN's name in a language other than English, where it is not CLDR's."""
    return {row["code"]: name for row in _rows(file_name) if (name := row.get(language))}


@lru_cache(maxsize=1)
def _seed() -> Mapping[str, tuple[str, tuple[str, ...]]]:
    return {row["code"]: (row["name"], _listed(row["aliases"])) for row in _rows(_COUNTRIES)}


def _other_languages() -> Mapping[str, tuple[str, ...]]:
    """Code → names in use in languages other than English that CLDR does not have."""
    return {row["code"]: _listed(row["other_languages"]) for row in _rows(_COUNTRIES)}


def _listed(names: str) -> tuple[str, ...]:
    return tuple(filter(None, names.split("|")))


def name_key(name: str) -> str:
    """Returns what two spellings of a country's name have in common: no case, marks, punctuation or articles."""
    words = re.findall(r"\w+", re.sub(r"['’`.]", "", sort_key(name.replace("&", " and "))))
    return " ".join(_SHORT.get(word, word) for word in words if word != "the")


def _spellings(name: str) -> Iterable[str]:
    """A name, also turned around: "Iran (Islamic Republic of)" and "Korea, Republic of" as they are spoken.

    In Arabic, a dash in brackets marks the place of the name.
    """
    yield name
    turned = _INVERTED.fullmatch(name)
    if turned is not None:
        addition = turned[2] if " -" in turned[2] else f"{turned[2]} -"
        yield addition.replace(" -", f" {turned[1]}").replace("’ ", "’")


@lru_cache(maxsize=1)
def _codes_by_name() -> Mapping[str, frozenset[str]]:
    """`name_key` → ISO codes, of all names in use: the UN's, CLDR's in each language of LANGUAGES, and common others.

    The UN's and other English names come before those in other languages.
    """
    english: dict[str, set[str]] = {}
    for code, (name, aliases) in _seed().items():
        for text in (name, *aliases):
            for spelling in _spellings(text):
                english.setdefault(name_key(spelling), set()).add(code)
    others: dict[str, set[str]] = {}
    for language in LANGUAGES:
        for names_of_all in (Locale(language).territories, _babel(language).territories, territories(language)):
            for code in _seed().keys() & names_of_all.keys():
                for spelling in _spellings(names_of_all[code]):
                    others.setdefault(name_key(spelling), set()).add(code)
    for code, names in _other_languages().items():
        for name in names:
            others.setdefault(name_key(name), set()).add(code)
    shared = {name_key(name): set(codes) for codes, names in _SHARED for name in _listed(names)}
    return MappingProxyType({key: frozenset(codes) for key, codes in (others | english | shared).items()})


def known_names() -> Mapping[str, str]:
    """`name_key` → ISO code, of all names in use that only one country has, in whatever languages."""
    return MappingProxyType({key: next(iter(codes)) for key, codes in _codes_by_name().items() if len(codes) == 1})


def names_in_english(code: str) -> tuple[str, ...]:
    """All English names of a country that are in use, the UN's first."""
    name, aliases = _seed().get(code, ("", ()))
    return tuple(dict.fromkeys(filter(None, (name, Locale("en").territories.get(code), *aliases))))


def code_of_name(name: str) -> str | None:
    """The ISO code of a country by any name in use; None where none is known."""
    for spelling in _spellings(name):
        codes = _codes_by_name().get(name_key(spelling), frozenset())
        if len(codes) == 1:
            return next(iter(codes))
    return None


def codes_of_shared_name(name: str) -> list[str]:
    """The ISO codes of the countries that a name can mean, where these are several: both of Korea's."""
    codes = _codes_by_name().get(name_key(name), frozenset())
    return sorted(codes) if len(codes) > 1 else []

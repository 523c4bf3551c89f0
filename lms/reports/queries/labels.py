"""Keys of groups as the world sees them (codes, slugs), and their names in a reader's language."""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Final

from babel import Locale, UnknownLocaleError
from babel.dates import format_skeleton
from flask_babel.speaklater import LazyString
from sqlalchemy import select, union

from lms.catalogue.models import SERIES_TITLE, Lecture, Series, Visibility
from lms.core.base.roles import Actor
from lms.core.database.session import db
from lms.core.text.i18n import _, _l
from lms.core.text.punctuation import at_start
from lms.core.text.sorting import by_name
from lms.core.text.translations import translation_for
from lms.people.queries.countries import Rows, country_rows, named_countries, named_regions, region_rows
from lms.reports.rules import VALUES, Slice

_NO_REGIONS: Final[Mapping[str, str]] = {}
_WORDS: Mapping[str, Mapping[str, LazyString]] = {
    "sector": {
        "government": _l("Government"),
        "business": _l("Business"),
        "academia": _l("Academia"),
        "civil_society": _l("Civil society"),
        "other": _l("Other sector"),
    },
    "gender": {"female": _l("Female"), "male": _l("Male"), "other": _l("Other gender")},
    "source": {
        "live": _l("Live"),
        "group": _l("Group viewing"),
        "replay": _l("Replay"),
        "manual": _l("Correction"),
    },
}


NOWHERE: Final = -1
"""The inner key of what does not exist."""


class Names:
    """Public keys and labels by dimension and inner key (ids of countries and series, else the key itself), in a
    language. Rows that are not given are read when a name of theirs is first asked for."""

    def __init__(
        self, locale: str, countries: Rows | None = None, series: Rows | None = None, regions: Rows | None = None
    ) -> None:
        self.locale = locale
        self._countries, self._series, self._regions = countries, series, regions

    @cached_property
    def countries(self) -> Mapping[int, tuple[str, str]]:
        """The code and the name of each country."""
        rows = country_rows() if self._countries is None else self._countries
        named = named_countries(rows, self.locale)
        return {id_: (code, named[code]) for id_, code, *_rest in rows}

    @cached_property
    def series(self) -> Mapping[int, tuple[str, str, bool]]:
        """The slug and the title of each series, and whether it is a draft."""
        rows = series_rows(self.locale) if self._series is None else self._series
        return {id_: (slug, title, visibility == Visibility.DRAFT) for id_, slug, title, visibility in rows}

    @cached_property
    def regions(self) -> Mapping[str, str]:
        """The name of each region, by its code."""
        return named_regions(region_rows() if self._regions is None else self._regions, self.locale)

    def key(self, dimension: str, inner: Hashable) -> str | None:
        """The key of a group as the API shows it."""
        if inner is None:
            return None
        if dimension == "country":
            return self.countries[inner][0]  # type: ignore[index]
        if dimension == "series":
            return self.series[inner][0]  # type: ignore[index]
        return str(inner)

    def inner(self, dimension: str, key: str | None) -> Hashable:
        """The internal key for a key of the API; NOWHERE for an unknown country or series."""
        if key is None or dimension not in {"country", "series"}:
            return key
        known = self.countries if dimension == "country" else self.series
        return next((id_ for id_, row in known.items() if row[0] == key), NOWHERE)

    def label(self, dimension: str, inner: Hashable) -> str:
        """The name of a group."""
        if inner is None:
            return _("No attendance") if dimension == "source" else _("Not stated")
        if dimension == "country":
            return self.countries[inner][1]  # type: ignore[index]
        if dimension == "series":
            return self.series[inner][1]  # type: ignore[index]
        regions = self.regions if dimension == "region" else _NO_REGIONS
        return label(dimension, str(inner), self.locale, regions)

    @property
    def drafts(self) -> frozenset[int]:
        """Series that the public must not see."""
        return frozenset(id_ for id_, row in self.series.items() if row[2])


def series_rows(locale: str) -> Rows:
    """(id, slug, title, visibility) of every series, the title in this language if it has one there."""
    query = select(Series.id, Series.slug, *SERIES_TITLE, Series.visibility).order_by(Series.id)
    return tuple(
        (row.id, row.slug, translation_for(row, "title", locale).text, row.visibility)
        for row in db.session.execute(query)
    )


@dataclass(frozen=True)
class Choices:
    """The filters from which an actor may choose, as (key, name)."""

    series: list[tuple[str, str]]
    countries: list[tuple[str, str]]
    regions: list[tuple[str, str]]
    languages: list[tuple[str, str]]


def choices(names: Names, *, by: Actor) -> Choices:
    """The filters available to an actor, in the language of `names`. Focal points have only their own country."""
    locale = names.locale
    countries = [row for id_, row in names.countries.items() if by.is_reporter or id_ in by.country_ids]
    series = [(slug, title) for slug, title, draft in names.series.values() if by.is_reporter or not draft]
    return Choices(
        series=by_name(series, locale),
        countries=by_name(countries, locale),
        regions=by_name(names.regions.items(), locale),
        languages=by_name(((code, language_name(code, locale)) for code in _languages()), locale),
    )


def filters_in_words(slice_: Slice, locale: str) -> list[str]:
    """The names of what a slice is filtered by, the period apart; its codes must be known ones."""
    names = Names(locale)
    titles = [title for slug, title, _draft in names.series.values() if slug == slice_.series]
    titles += [name for code, name in names.countries.values() if slice_.country and code == slice_.country.upper()]
    if slice_.region is not None:
        titles.append(names.regions[slice_.region])
    if slice_.partner is not None:
        titles.append(_("Partner countries") if slice_.partner else _("Other countries"))
    for name in (*VALUES, "language"):
        value = getattr(slice_, name)
        if value is not None:
            titles.append(label(name, value, locale))
    return titles


def _languages() -> set[str]:
    return set(db.session.scalars(union(select(Lecture.language), select(Series.language))))


def label(dimension: str, key: str, locale: str = "en", regions: Mapping[str, str] = _NO_REGIONS) -> str:
    """The name of a key of any dimension but country and series."""
    if dimension == "region":
        return regions.get(key, key)
    if dimension == "month":
        return at_start(format_skeleton("yMMMM", date(int(key[:4]), int(key[5:]), 1), locale=_babel(locale)))
    if dimension == "language":
        return language_name(key, locale)
    word = _WORDS.get(dimension, {}).get(key)
    return key if word is None else str(word)


def other_label() -> str:
    """The name of the group that combines small groups."""
    return _("Other groups combined")


def language_name(code: str, locale: str) -> str:
    """ "French" for fr, in a language."""
    try:
        return Locale.parse(code, sep="-").get_display_name(_babel(locale)) or code
    except (UnknownLocaleError, ValueError):
        return code


def _babel(locale: str) -> Locale:
    try:
        return Locale.parse(locale, sep="-" if "-" in locale else "_")
    except (UnknownLocaleError, ValueError):
        return Locale("en")

"""The picture of a shared link: a lecture, a series or the whole programme, 1200 by 630 pixels.

It shows what a stranger may see, in the organiser's zone and in English, so it is the same for everyone. Its address
has a mark of its content: clients that cache a picture get the new one when something changes.
"""

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from flask import url_for

from lms.catalogue.models import Lecture, LectureState, Series
from lms.catalogue.rules import AnyLecture, not_cancelled
from lms.certificates.pdf.script_detection import language_of, writing_of
from lms.core.base.settings import organiser_name, resource
from lms.core.text.i18n import _
from lms.core.text.translations import translation_for
from lms.core.text.typesetting import coverage, draw, drawable, font_folders, tongue
from lms.web.pages.locale import speaking
from lms.web.pages.time import day, organiser_zone, short_day, time_of_day, zone_city

TEMPLATE = Path(__file__).parent / "design" / "card.typ"
PPI = 144
"""1200 by 630 pixels: the page of the template is half of that in points."""
MOST_STOPS = 40
_CJK = {"ja": "JP", "ko": "KR", "zh-TW": "TC", "zh-HK": "HK"}
_LATIN = {**tongue("en"), "dir": "ltr"}
Card = dict[str, Any]


def lecture_card(lecture: Lecture, order: Sequence[AnyLecture]) -> Card:
    """A lecture: when, by whom, and which stop it is on the route of its series, whose lectures are `order`."""
    ids = [one.id for one in not_cancelled(order)]
    with speaking("en", organiser_zone()):
        return _card(
            *_english(lecture),
            over=_english(lecture.series),
            when=_when(lecture),
            by=(person.full_name for person in lecture.instructors),
            stops=len(ids),
            stop=ids.index(lecture.id) if lecture.id in ids else None,
        )


def series_card(series: Series, order: Sequence[AnyLecture]) -> Card:
    """A series: from when to when, by whom, and its route."""
    going = not_cancelled(order)
    dates = [date for one in going if (date := one.actual_start or one.starts_at) is not None]
    with speaking("en", organiser_zone()):
        first, last = (short_day(min(dates)), short_day(max(dates))) if dates else ("", "")
        when = first if first == last else _("%(first)s to %(last)s", first=first, last=last)
        by = (person.full_name for person in series.instructors)
        over = (_("Free online lectures"), "en")
        return _card(*_english(series), over=over, when=when, by=by, stops=len(going))


def site_card() -> Card:
    """The programme itself."""
    with speaking("en", organiser_zone()):
        title = _("Free online lectures on digital trade")
        return _card(title, "en", over=("", "en"), when="", by=[_("Live, interpreted, with a certificate")])


def _english(row: Lecture | Series) -> tuple[str, str]:
    """The title in English if there is one, else the main one, and its language."""
    title = translation_for(row, "title", "en")
    return title.text, title.language


def _when(lecture: Lecture) -> str:
    if lecture.state is LectureState.CANCELLED:
        return _("Cancelled")
    start: datetime | None = lecture.actual_start or lecture.starts_at
    if start is None:
        return _("Postponed")
    return _(
        "%(day)s, %(clock)s in %(city)s", day=day(start), clock=time_of_day(start), city=zone_city(organiser_zone())
    )


def _card(
    title: str,
    language: str,
    *,
    over: tuple[str, str],
    when: str,
    by: Iterable[str],
    stops: int = 0,
    stop: int | None = None,
) -> Card:
    writing = language_of(title, language)
    return {
        "title": title,
        "tongue": _tongue(title, language),
        "cjk": f"Noto Sans CJK {_CJK.get(writing, 'SC')}",
        "over": over[0],
        "over_tongue": _tongue(*over) if over[0] else _LATIN,
        "when": when,
        "by": " · ".join(by),
        "organiser": organiser_name(),
        "stops": min(stops, MOST_STOPS),
        "stop": stop,
    }


def _tongue(text: str, declared: str) -> dict[str, str | None]:
    return {**tongue(language_of(text, declared)), "dir": writing_of(text).direction}


def address_of_card(endpoint: str, card: Card, **values: Any) -> str:
    """The path of a picture, with the mark of its content."""
    return url_for(endpoint, v=mark_of(card), **values)


def mark_of(card: Card) -> str:
    """A few characters that change with the content."""
    return sha256((_written(card) + TEMPLATE.read_text(encoding="utf-8")).encode()).hexdigest()[:12]


def drawable_card(card: Card) -> Card | None:
    """The card with a box for each character that the fonts here lack; null where they lack most of its title."""
    drawn: Card = drawable(card, coverage(font_folders()))[0]
    letters = [sum(sign.isalnum() for sign in title) for title in (card["title"], drawn["title"])]
    return drawn if 2 * letters[1] >= letters[0] else None


def draw_card(card: Card) -> bytes:
    """The picture as PNG; each is drawn once, and the last hundred are kept. Raises `typesetting.CannotRender`."""
    return _drawn(_written(card), tuple(font_folders()))


@lru_cache(maxsize=100)
def _drawn(card: str, folders: tuple[Path, ...]) -> bytes:
    gate = resource("static", "images", "favicon.svg").read_text(encoding="utf-8")
    return draw(TEMPLATE, {"card": card, "gate": gate}, folders, ppi=PPI)


def _written(card: Card) -> str:
    return json.dumps(card, ensure_ascii=False, sort_keys=True)

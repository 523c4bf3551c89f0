"""Days and months in words, in each language."""

from __future__ import annotations

import subprocess
import sys
from datetime import date

from lms.core.text.i18n import LANGUAGES
from lms.core.time import dates
from tests.rows import each_row

DAYS = {
    "en": ("Tuesday 1 December", "Tuesday 8 December"),
    "ar": ("الثلاثاء، 1 ديسمبر", "الثلاثاء، 8 ديسمبر"),
    "es": ("martes, 1 de diciembre", "martes, 8 de diciembre"),
    "fr": ("mardi 1er décembre", "mardi 8 décembre"),
    "pt": ("terça-feira, 1 de dezembro", "terça-feira, 8 de dezembro"),
    "ru": ("вторник, 1 декабря", "вторник, 8 декабря"),
    "zh": ("12月1日星期二", "12月8日星期二"),
}


@each_row("code", LANGUAGES)
def test_a_day_of_a_calendar_has_its_words_in_the_order_of_the_language(code: str) -> None:
    first, eighth = date(2026, 12, 1), date(2026, 12, 8)
    assert (dates.weekday_and_day(first, code), dates.weekday_and_day(eighth, code)) == DAYS[code]


def test_a_day_and_a_time_are_joined_as_in_portugal() -> None:
    day = dates.long_day(date(2026, 12, 1), "pt")
    assert dates.joined(day, "19:50", "pt") == "1 de dezembro de 2026, 19:50"


def test_months_are_in_the_readers_language_whoever_asked_first() -> None:
    """In a new process: Babel keeps some names as the first language that asked for them has them."""
    program = (
        "from datetime import date\n"
        "from lms.core.time import dates\n"
        "day = date(2026, 12, 1)\n"
        "for code in ('zh', 'fr', 'ar', 'es', 'pt', 'ru', 'en'):\n"
        "    print(dates.month_alone(day, code), dates.in_skeleton('yMMMM', day, code), sep='; ')\n"
    )
    printed = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, check=True, text=True, encoding="utf-8"
    ).stdout
    assert printed.splitlines() == [
        "12月; 2026年12月", "décembre; décembre 2026", "ديسمبر; ديسمبر 2026", "diciembre; diciembre de 2026",
        "dezembro; dezembro de 2026", "декабрь; декабрь 2026\N{NARROW NO-BREAK SPACE}г.", "December; December 2026",
    ]  # fmt: skip

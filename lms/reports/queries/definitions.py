"""What each figure counts, in plain words, once: for the page of definitions and the API."""

from __future__ import annotations

from typing import Any, Final

from lms.core.i18n import _, _l
from lms.reports.rules import FIGURES

_NAMES: Final[dict[str, Any]] = {
    "sessions": _l("sessions"),
    "participants": _l("participants"),
    "attendances": _l("attendances"),
    "countries": _l("countries"),
    "partner_countries": _l("partner countries"),
    "registrations": _l("registrations"),
    "contact_hours": _l("contact hours"),
    "certificates": _l("certificates"),
}

_TEXTS: Final[dict[str, Any]] = {
    "sessions": _l(
        "Lectures that were held in the period, by their actual start, in the time of %(place)s. A lecture that lasted "
        "under five minutes, or in which nobody was present, counts, with its attendances, once its staff confirm that "
        "it was held. With a filter on people, such as a country: those with one such attendance or more."
    ),
    "participants": _l(
        "Different people with one attendance or more. Each person counts once, however many lectures; the figure is "
        "therefore never the sum of smaller parts. People who were merged are one. An erased person stays counted "
        "without a name; who is erased and registers again counts twice."
    ),
    "attendances": _l(
        "One person in one lecture, present for the share of its actual length that the series asks for (60 % unless "
        "it says otherwise): live or in a group. Watching a recording does not count. A correction by the instructor "
        "wins."
    ),
    "countries": _l(
        "Different countries of those attendances: each person’s country on the day of the lecture, by the history of "
        "countries that is kept for each person. “Not stated” is left out."
    ),
    "partner_countries": _l(
        "Those of the countries that are marked as partners on the date of the report. As a filter, “partner” means on "
        "the day of the lecture."
    ),
    "registrations": _l(
        "Enrolments made in the period, one a person and series, whatever became of them, with the country the person "
        "had at that moment. A country changed afterwards, also on the same day, moves nothing."
    ),
    "contact_hours": _l(
        "Minutes of all attendances, divided by 60. What was attended by a correction alone adds no minutes."
    ),
    "certificates": _l(
        "Awards whose certificate is valid or withdrawn, by the day the award was first issued and the person’s "
        "country at that moment. A country changed afterwards, also on the same day, moves nothing. A replaced "
        "certificate counts through the one that replaces it; a revoked one does not count."
    ),
}


def figure_names() -> dict[str, str]:
    """Figure → its noun, in the reader's language."""
    return {name: str(_NAMES[name]) for name in FIGURES}


def definitions(place: str) -> dict[str, str]:
    """Figure → what it counts, in the reader's language; `place` names the reporting zone, such as Beijing."""
    return {name: str(_TEXTS[name]).replace("%(place)s", place) for name in FIGURES}


def further_terms() -> list[tuple[str, str, str]]:
    """(anchor, term, text) of what else is said beside figures."""
    return [
        (
            "attendance",
            _("minutes of an attendance"),
            _(
                "All minutes in which a person was seen, from every source, cut to the lecture’s actual start and end "
                "and put together: two devices never count twice."
            ),
        ),
        (
            "rounding",
            _("rounding"),
            _(
                "Minutes attended are rounded down and minutes needed are rounded up. The percentage that decides an "
                "attendance is rounded down. Hours and other percentages are rounded to the nearest tenth. Nothing is "
                "decided on a rounded number."
            ),
        ),
        (
            "attended",
            _("registrations with one attendance or more"),
            _("Registrations of people who then attended one lecture or more of that series."),
        ),
        (
            "regions",
            _("regions"),
            _("The regions of the United Nations’ M49 table. A region holds all that lie in it."),
        ),
        (
            "dimensions",
            _("sector, gender, language"),
            _(
                "Of an attendance: the person’s sector and gender at the time of the lecture, and the language of the "
                "lecture. Of a registration or a certificate: the person’s today, and the language of the series."
            ),
        ),
        (
            "opening",
            _("opening balances"),
            _(
                "Sessions from before this system, entered as totals: lecture, day, country, attendances. They are in "
                "sessions, attendances and countries, also by period, series, country and region; they have no sector, "
                "gender, way of attending or language, and no hours. How many different people they were is declared "
                "by the organiser, shown apart and never added to the participants."
            ),
        ),
        (
            "other",
            _("other groups, together"),
            _(
                "Groups of fewer than five people are not published. They are put together, two at least, so that "
                "nobody can be found by subtraction. Public figures are counted once a day."
            ),
        ),
    ]

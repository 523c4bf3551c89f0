"""The definitions of the figures, in plain words, once: for the page of definitions and the API."""

from typing import Any, Final

from lms.core.text.i18n import _, _l, _lp
from lms.reports.rules import FIGURES

_NAMES: Final[dict[str, Any]] = {
    "sessions": _l("Sessions"),
    "participants": _l("Participants"),
    "attendances": _l("Attendances"),
    "countries": _l("Countries"),
    "partner_countries": _l("Partner countries"),
    "registrations": _lp("figure", "Enrolments"),
    "contact_hours": _l("Contact hours"),
    "certificates": _l("Certificates"),
}

_TEXTS: Final[dict[str, Any]] = {
    "sessions": _l(
        "Lectures held in the period, by their actual start in %(place)s time. A lecture of less than five "
        "minutes, or without anyone present, counts with its attendances only after staff confirm that it was "
        "held. With a filter on people, such as a country, only lectures with at least one attendance of those "
        "people count."
    ),
    "participants": _l(
        "Different people with at least one attendance. Each person is counted once, however many lectures "
        "they attended, so parts do not add up to the total. Merged records count as one person. "
        "A deleted person is still counted, without a name; a person who is deleted and registers again is "
        "counted twice."
    ),
    "attendances": _l(
        "One person in one lecture, present for the share of its actual length, without pauses, that the series "
        "requires (60% unless it says otherwise), live, in a group or by replay. In a lecture that runs longer than "
        "planned, this share of the planned length is enough for people who were there for it, live or in a group, "
        "before the planned length had passed since the actual start. Lectures that ended before this rule was "
        "introduced are counted by their actual length only. The replay counts only in the "
        "lecture room, for as many days as the series allows. A correction by the instructor overrides the record."
    ),
    "countries": _l(
        "Different countries of the people with those attendances: each person’s country on the day of the "
        "lecture, from the history of countries kept for each person. “Not stated” is not counted. A "
        "country that was renamed stays the same one. Countries of the list that were merged count as one, also for "
        "earlier years; published reports stay as they were published."
    ),
    "partner_countries": _l(
        "The countries among these that are partners on the date of the report. Used as a filter, “partner” "
        "means a partner on the day of the lecture."
    ),
    "registrations": _l(
        "Enrolments made in the period, one per person and series, whatever happened afterwards, with the "
        "country the person had at that moment. Changing the country later, even on the same day, does not "
        "change this figure."
    ),
    "contact_hours": _l(
        "Minutes of all attendances, divided by 60. An attendance that exists only because of a correction "
        "adds no minutes."
    ),
    "certificates": _l(
        "Awards whose certificate is valid or withdrawn, by the day the award was first issued and the "
        "person’s country at that moment. Changing the country later, even on the same day, does not change "
        "this figure. A replaced certificate is counted through its replacement; a revoked one is not counted."
    ),
}


def figure_names() -> dict[str, str]:
    """Figure → its noun, in the reader's language."""
    return {name: str(_NAMES[name]) for name in FIGURES}


def definitions(place: str) -> dict[str, str]:
    """Figure → what it counts, in the reader's language; `place` names the reporting zone, such as Beijing."""
    return {name: str(_TEXTS[name]).replace("%(place)s", place) for name in FIGURES}


def further_terms() -> list[tuple[str, str, str]]:
    """Further terms next to figures, as (anchor, term, text)."""
    return [
        (
            "satisfaction",
            _("Satisfaction"),
            _(
                "The mean of the ratings from 1 to 5 that people gave to the first rating question about a lecture "
                "that they attended, and the share of 4 and 5, with the number of answers. Each person counts once in "
                "each lecture. The figure adds up what each lecture has released: its results are shown once five "
                "people have answered, and change only when five more have answered or changed their answer. By "
                "country or another attribute of people it is stated to reporters for whole quarters and years, one "
                "attribute at a time, from the groups of five people or more in each lecture that leave no smaller "
                "group; not for other days, by month, by language or for a single lecture. Public figures have it "
                "by year, by month, by series and by language. Feedback on a series as a whole is not part of it."
            ),
        ),
        (
            "attendance",
            _("Minutes of an attendance"),
            _(
                "All minutes in which a person was present, from every source, limited to the lecture’s actual "
                "start and end and combined: two devices never count twice."
            ),
        ),
        (
            "replay",
            _("Replay"),
            _(
                "The recording of a lecture, played in its room on this site. Each second counts once, whatever the "
                "speed up to 2×, and skipping counts nothing. It counts where the minutes present live and in a group "
                "alone are not enough, for as many days as the series allows: from the end of the lecture or, if the "
                "recording came later, from then on, also after attendance was closed. It has to show as much of the "
                "lecture as is needed, and less than a minute of it alone is no presence. Recordings on other sites do "
                "not count."
            ),
        ),
        (
            "rounding",
            _("Rounding"),
            _(
                "Minutes attended are rounded down, and minutes needed are rounded up. The percentage that "
                "decides an attendance is rounded down. Contact hours and averages of people are rounded to "
                "whole numbers on pages, and to the nearest tenth in the API and in files of data. Hours on "
                "certificates and other percentages are rounded to the nearest tenth. Results are never decided on a "
                "rounded number."
            ),
        ),
        (
            "attended",
            _("Enrolments with at least one attendance"),
            _("Enrolments of people who then attended at least one lecture of that series."),
        ),
        (
            "regions",
            _("Regions"),
            _("Regions of the United Nations M49 standard. A region includes every country and area within it."),
        ),
        (
            "dimensions",
            _("Sector, gender, language"),
            _(
                "For an attendance: the person’s sector and gender at the time of the lecture, and the "
                "language of the lecture. For an enrolment or a certificate: the person’s current sector and "
                "gender, and the language of the series."
            ),
        ),
        (
            "discussion",
            _("Questions and polls of a lecture"),
            _(
                "Questions that people asked in writing in the lecture’s room. Hidden ones are left out, and questions "
                "that were merged count as one. They are answered when staff marked them so or answered in writing. "
                "Votes are those for these questions, one per person and question. Polls are those that were opened, "
                "with one answer per person and poll. Merged people count as one; deleted people still count."
            ),
        ),
        (
            "opening",
            _("Opening balances"),
            _(
                "Sessions from before this system, entered as totals: lecture, day, country, attendances. They "
                "are included in sessions, attendances and countries, also by period, series, country and "
                "region. They have no sector, gender, way of attending or language, and no hours. The number "
                "of different people is declared by the organiser, shown separately and never added to the "
                "participants."
            ),
        ),
        (
            "other",
            _("Other groups combined"),
            _(
                "Groups of fewer than five people are not published. At least two groups are combined, so that "
                "nobody can be identified by subtraction. Public figures are counted once a day."
            ),
        ),
    ]

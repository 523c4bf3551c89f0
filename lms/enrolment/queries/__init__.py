"""Every read of enrolments. Ids of people that come out are canonical, and so are those that go in."""

from lms.enrolment.queries.people import (
    CountryPerson,
    CountryTotals,
    Places,
    Undecided,
    country_standing,
    doubles_of,
    export_of_person,
    list_country_people,
    list_of_person,
    list_undecided,
)
from lms.enrolment.queries.preview import Preview, preview_enrolments
from lms.enrolment.queries.rows import day_of, find_enrolment, get_enrolment, matching, standing_of
from lms.enrolment.queries.series import (
    Place,
    Seat,
    count_by_status,
    count_waiting,
    get_seat,
    is_over,
    list_seats,
    place_of,
    position_of,
)
from lms.enrolment.queries.sharing import hidden_among, known_to, matching_for, shared_in

__all__ = [
    "CountryPerson",
    "CountryTotals",
    "Place",
    "Places",
    "Preview",
    "Seat",
    "Undecided",
    "count_by_status",
    "count_waiting",
    "country_standing",
    "day_of",
    "doubles_of",
    "export_of_person",
    "find_enrolment",
    "get_enrolment",
    "get_seat",
    "hidden_among",
    "is_over",
    "known_to",
    "list_country_people",
    "list_of_person",
    "list_seats",
    "list_undecided",
    "matching",
    "matching_for",
    "place_of",
    "position_of",
    "preview_enrolments",
    "shared_in",
    "standing_of",
]

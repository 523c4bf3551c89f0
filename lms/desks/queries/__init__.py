"""Reads of the desks: what several slices say, put together for one page in a fixed number of queries."""

from lms.desks.queries.administration import (
    FailedMail,
    Needs,
    SeriesApplications,
    Subjects,
    list_jobs,
    needs_of_administrators,
    subjects_of,
)
from lms.desks.queries.country import CountryDesk, get_country_desk, list_open_series
from lms.desks.queries.earning import find_next_to_earn
from lms.desks.queries.own import OwnSeries, list_own_series
from lms.desks.queries.teaching import TaughtLecture, list_desk_lectures, list_given

__all__ = [
    "CountryDesk",
    "FailedMail",
    "Needs",
    "OwnSeries",
    "SeriesApplications",
    "Subjects",
    "TaughtLecture",
    "find_next_to_earn",
    "get_country_desk",
    "list_desk_lectures",
    "list_given",
    "list_jobs",
    "list_open_series",
    "list_own_series",
    "needs_of_administrators",
    "subjects_of",
]

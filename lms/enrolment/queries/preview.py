"""The effects of a file of people in a series, before anything is stored."""

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from lms.catalogue.queries.series import get_series_by_id
from lms.core.base.errors import Fault, Forbidden
from lms.core.base.roles import Actor
from lms.core.time import clock
from lms.enrolment import rules
from lms.enrolment.models import EnrolmentStatus
from lms.enrolment.queries.answers import LaterQuestions, questions_to_come
from lms.enrolment.queries.rows import day_of, standing_of
from lms.enrolment.queries.seats import kept_seats, seats_for
from lms.people.people_files import PersonRow, StagedPeople
from lms.people.queries.countries import countries_of, country_ids
from lms.people.queries.persons import ids_by_email


@dataclass(frozen=True)
class EnrolmentPreview:
    """Counts of rows: `good` of `rows` can be imported, of people new and known; and their resulting states.

    `already` are in, `stay_out` withdrew or were rejected; `places` is what is free for them, null for no limit.
    `questions` are those that they will be asked.
    """

    rows: int
    good: int
    new_people: int
    known_people: int
    would_enrol: int
    would_wait: int
    already: int
    stay_out: int
    places: int | None
    rejected: list[Fault] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    questions: LaterQuestions = field(default_factory=LaterQuestions)


def preview_enrolments(series_id: int, staged: StagedPeople, *, by: Actor) -> EnrolmentPreview:
    """Returns what `publish_enrolments` would do at this moment. For administrators."""
    if not by.is_administrator:
        raise Forbidden
    series = get_series_by_id(series_id, by=by)
    known = ids_by_email([row.key for row in staged.rows])
    standing = standing_of(series_id, list(known.values()))
    states = [standing[person_id][1] for person_id in known.values() if person_id in standing]
    stay_out = sum(1 for status in states if status not in rules.ACTIVE)
    already = sum(1 for status in states if status in {EnrolmentStatus.ENROLLED, EnrolmentStatus.WAITLISTED})
    staying = {person_id for person_id, (_row, status) in standing.items() if status is not EnrolmentStatus.APPLIED}
    claims = _claims(staged, known, staying)
    coming = claims.total()
    would_enrol = seats_for(claims, kept_seats(series.id) if series.reserved else {}, series.open_seats)
    places = series.open_seats if would_enrol == coming else would_enrol
    return EnrolmentPreview(
        rows=staged.total,
        good=len(staged.rows),
        new_people=len(staged.rows) - len(known),
        known_people=len(known),
        would_enrol=would_enrol,
        would_wait=coming - would_enrol,
        already=already,
        stay_out=stay_out,
        places=places,
        rejected=list(staged.rejected),
        notes=list(staged.notes),
        questions=questions_to_come(
            series_id,
            [
                (known.get(row.key), row.country, row.sector.value if row.sector else None)
                for row in _coming(staged, known, staying)
            ],
            by=by,
            at=clock.now(),
        ),
    )


def _coming(staged: StagedPeople, known: Mapping[str, int], staying: Collection[int]) -> list[PersonRow]:
    return [row for row in staged.rows if known.get(row.key) not in staying]


def _claims(staged: StagedPeople, known: Mapping[str, int], staying: Collection[int]) -> Counter[int | None]:
    """How many people of the file ask for a seat, by country: as it is known, else as the file says."""
    ids = country_ids()
    countries = countries_of(known.values(), day_of(None))
    coming = _coming(staged, known, staying)
    return Counter(countries[known[row.key]] if row.key in known else ids.get(row.country or "") for row in coming)

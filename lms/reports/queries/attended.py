"""How many attended each of some lectures: from their tallies, as every figure."""

from __future__ import annotations

from collections.abc import Iterable

from lms.attendance.queries.tallies import read_tallies
from lms.catalogue.models import Lecture, LectureState
from lms.catalogue.rules import may_edit_lecture
from lms.core import clock
from lms.core.roles import Actor


def count_attended(lectures: Iterable[Lecture], *, by: Actor) -> dict[int, int]:
    """The attendances of those of these lectures that were held and whose roster this actor may see, by id."""
    zone = clock.reporting_zone()
    days = {
        one.id: clock.day_of(one.actual_start, zone)
        for one in lectures
        if one.state is LectureState.HELD
        and one.actual_start is not None
        and (by.is_reporter or may_edit_lecture(one, by))
    }
    return {id_: sum(tally.rolled(0).amounts) for id_, tally in read_tallies(days).items()} if days else {}

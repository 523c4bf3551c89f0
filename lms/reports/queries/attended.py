"""How many attended each of some lectures: from their facts, as every figure."""

from __future__ import annotations

from collections.abc import Iterable

from lms.attendance.queries.facts import count_facts
from lms.catalogue.models import LectureState, Series
from lms.catalogue.rules import AnyLecture, may_edit_series
from lms.core.roles import Actor


def count_attended(lectures: Iterable[tuple[AnyLecture, Series]], *, by: Actor) -> dict[int, int]:
    """The attendances of these lectures, by id: those that were held and whose roster this actor can see. Each is given
    with its series."""
    return count_facts(
        [
            one.id
            for one, series in lectures
            if one.state is LectureState.HELD
            and one.actual_start is not None
            and (by.is_reporter or may_edit_series(series, by))
        ]
    )

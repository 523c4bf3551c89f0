"""The lists of lectures behind figures: those that were held, and those with answers that can be shown."""

from lms.core.text.i18n import _
from lms.reports.facts.ratings import ratings_by, ratings_by_lecture
from lms.reports.queries.drilldown_lists import (
    DrilldownContext,
    DrilldownRow,
    Listed,
    rows_before,
    sessions_before,
    titles_of,
)
from lms.reports.rules import Ratings


def open_sessions(context: DrilldownContext) -> Listed:
    titles = titles_of(one.id for one in context.lectures())
    names, sums = context.names, context.sums
    held = context.in_order(
        [one for one in context.lectures() if context.finds(titles[one.id], names.label("series", one.series_id))],
        {
            "day": lambda lecture: (lecture.day, lecture.id),
            "lecture": lambda lecture: context.order_of(titles[lecture.id]),
            "series": lambda lecture: context.order_of(names.label("series", lecture.series_id)),
            "attendances": lambda lecture: sums.get(lecture.id, (0, 0))[0],
            "contact_hours": lambda lecture: sums.get(lecture.id, (0, 0))[1],
        },
    )

    def between(start: int, end: int) -> list[DrilldownRow]:
        return [
            DrilldownRow(
                one.day, one.id, titles[one.id], names.label("series", one.series_id),
                attendances=sums.get(one.id, (0, 0))[0], ms=sums.get(one.id, (0, 0))[1],
            )
            for one in held[start:end]
        ]  # fmt: skip

    return Listed(len(held), between).then(rows_before(context, sessions_before(context)))


def open_satisfaction(context: DrilldownContext) -> Listed:
    """Each lecture of which something was released; by country or any other group of people all of them in one row,
    since no single lecture has that."""
    shown, together = rated_lectures(context)
    titles, names = titles_of(shown), context.names
    lectures = [
        one
        for one in context.lectures()
        if one.id in shown and context.finds(titles[one.id], names.label("series", one.series_id))
    ]
    lectures = context.in_order(
        lectures,
        {
            "day": lambda lecture: (lecture.day, lecture.id),
            "lecture": lambda lecture: context.order_of(titles[lecture.id]),
            "series": lambda lecture: context.order_of(names.label("series", lecture.series_id)),
            "answers": lambda lecture: shown[lecture.id].answers,
            "mean": lambda lecture: shown[lecture.id].mean,
            "satisfied": lambda lecture: shown[lecture.id].satisfied_percent,
        },
    )
    rows = [
        DrilldownRow(one.day, one.id, titles[one.id], names.label("series", one.series_id), ratings=shown[one.id])
        for one in lectures
    ]
    if together.answers and not context.request.q:
        rows.append(DrilldownRow(lecture=_("All lectures together"), ratings=together))
    return Listed(len(rows), lambda start, end: rows[start:end])


def rated_lectures(context: DrilldownContext) -> tuple[dict[int, Ratings], Ratings]:
    """*Satisfaction* of each lecture, newest first; in a slice of people that of all lectures together."""
    if context.organisation is not None:
        return {}, Ratings()
    if context.selection.filters.by_people:
        return {}, ratings_by(context.selection).get((), Ratings())
    given = ratings_by_lecture(context.selection)
    return {lecture.id: given[lecture.id] for lecture in context.lectures() if lecture.id in given}, Ratings()

"""Publishes a series and its drafts together, and takes that back until a lecture begins."""

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import select

from lms.catalogue.actions.history import note, record
from lms.catalogue.actions.lectures import locked_lecture
from lms.catalogue.actions.series import edit_series, locked_series
from lms.catalogue.actions.states import publish_lecture
from lms.catalogue.models import Lecture, LectureState, Series, Visibility
from lms.catalogue.rules import check_can_edit_lecture, check_can_edit_series
from lms.catalogue.state_changes import check_can_unpublish
from lms.core.base.errors import Invalid
from lms.core.base.roles import Actor
from lms.core.database.session import action, db
from lms.core.text.i18n import _
from lms.core.text.translations import reader_text


@action
def publish_series(
    slug: str,
    lecture_ids: Collection[int] | None = None,
    *,
    min_lectures: int | None = None,
    by: Actor,
    at: datetime,
) -> tuple[Series, list[Lecture]]:
    """Makes a series public with these drafts, or with all that have a date; all of it or nothing.

    With `min_lectures` the certificate requires this number from now on, in place of a share of the lectures.
    Returns the series and the lectures published now. A lecture that is published already stays as it is. Raises
    NotFound, Forbidden, Invalid (`lectures`) for a lecture of another series or without a date, and Refused where an
    instructor gives another lecture at that time.
    """
    series = locked_series(slug)
    check_can_edit_series(series, by)
    lectures = list(db.session.scalars(select(Lecture).where(Lecture.series_id == series.id).order_by(Lecture.id)))
    drafts = [lecture for lecture in lectures if lecture.state is LectureState.DRAFT]
    if lecture_ids is None:
        drafts = [lecture for lecture in drafts if lecture.starts_at is not None]
    else:
        _check_known(lectures, lecture_ids)
        drafts = [lecture for lecture in drafts if lecture.id in set(lecture_ids)]
    if undated := [reader_text(lecture) for lecture in drafts if lecture.starts_at is None]:
        raise Invalid("lectures", _("“%(title)s” has no date yet. Enter when it starts first.", title=undated[0]))
    if series.visibility is Visibility.DRAFT:
        series = edit_series(slug, {"visibility": Visibility.PUBLIC}, by=by, at=at)
    if min_lectures is not None:
        series = edit_series(slug, {"policy": {"min_lectures": min_lectures}}, by=by, at=at)
    return series, [publish_lecture(lecture.id, by=by, at=at) for lecture in drafts]


@action
def unpublish_lectures(
    slug: str,
    lecture_ids: Sequence[int],
    *,
    with_series: bool = False,
    with_share: bool = False,
    by: Actor,
    at: datetime,
) -> list[Lecture]:
    """Makes these lectures of a series drafts again, and with them the series; all or none. Drafts stay drafts.

    `with_share`: the certificate requires a share of the lectures again, in place of a number.

    Raises NotFound, Forbidden, Invalid (`lectures`) for one of another series, and Refused for one that has begun or
    that people have an invitation to, and for a series that people are enrolled in.
    """
    series = locked_series(slug)
    check_can_edit_series(series, by)
    _check_known(db.session.scalars(select(Lecture).where(Lecture.series_id == series.id)).all(), lecture_ids)
    lectures = [locked_lecture(lecture_id) for lecture_id in sorted(set(lecture_ids))]
    changed = [lecture for lecture in lectures if lecture.state is not LectureState.DRAFT]
    for lecture in changed:
        check_can_edit_lecture(lecture, by)
        check_can_unpublish(lecture)
        note(lecture, "unpublished", {"state": lecture.state}, by=by, at=at)
        lecture.state, lecture.held_unknown = LectureState.DRAFT, False
        lecture.sequence += 1
        db.session.flush()
        record("unpublish_lecture", lecture, by=by, at=at)
    if with_series and series.visibility is Visibility.PUBLIC:
        edit_series(slug, {"visibility": Visibility.DRAFT}, by=by, at=at)
    if with_share:
        edit_series(slug, {"policy": {"min_lectures": None}}, by=by, at=at)
    return changed


def _check_known(lectures: Collection[Lecture], lecture_ids: Collection[int]) -> None:
    if not set(lecture_ids) <= {lecture.id for lecture in lectures}:
        raise Invalid("lectures", _("This series has no such lecture."))

"""Handlers of the discussion for events of lower slices."""

from lms.core.base.events import (
    LectureCancelled,
    LectureEnded,
    PeopleMerged,
    PersonErased,
    PersonExportAsked,
    handles,
)
from lms.discussion.actions import close_discussion, forget_person, unite_hands
from lms.discussion.polls import close_polls, polls_of_person
from lms.discussion.queries import export_of_person


@handles(LectureEnded)
def on_end(event: LectureEnded) -> None:
    """Lowers all hands and closes the polls."""
    close_discussion(event.lecture_id, at=event.at)
    close_polls(event.lecture_id, at=event.at)


@handles(LectureCancelled)
def on_cancellation(event: LectureCancelled) -> None:
    """Lowers all hands and closes the polls."""
    close_discussion(event.lecture_id, at=event.at)
    close_polls(event.lecture_id, at=event.at)


@handles(PeopleMerged)
def on_merged(event: PeopleMerged) -> None:
    """Of two hands of one person one stays up. Questions, votes and answers stay whose they were, and count once."""
    unite_hands(event.kept_id, event.merged_id)


@handles(PersonErased)
def on_erased(event: PersonErased) -> None:
    """Removes what the person wrote; counts stay."""
    forget_person(event.person_id)


@handles(PersonExportAsked)
def on_export(event: PersonExportAsked) -> None:
    """Adds what the person asked, their votes, and what they answered in polls."""
    event.parts["discussion"] = export_of_person(event.person_id) | {"polls": polls_of_person(event.person_id)}

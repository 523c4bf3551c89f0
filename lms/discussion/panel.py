"""Parts of questions and polls that rooms, pages and the API share: their JSON, the values of templates, and limits."""

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import wraps
from typing import Any, TypeVar, cast

from flask import request
from limits import RateLimitItemPerMinute
from werkzeug.exceptions import TooManyRequests

from lms.discussion.polls import PollView, countries_of, list_polls
from lms.discussion.queries import QuestionView, SharedDiscussion, get_access, get_own, get_queue, get_shared
from lms.discussion.rules import MOST_OPTIONS, QUESTION_LENGTH
from lms.streaming.addresses import media_address
from lms.web.api.api import rfc3339
from lms.web.request.identity import current_actor
from lms.web.request.limits import in_demonstration, limiter

F = TypeVar("F", bound=Callable[..., Any])


def who_asks() -> str:
    """Returns whose questions and votes are counted together."""
    return f"person {current_actor().person_id}"


QUESTIONS = RateLimitItemPerMinute(6)


def throttle_questions(view: F) -> F:
    """Limits a person to six questions a minute, on all pages and in the API together. So it is in a demonstration too,
    but not for who acts for others there."""

    @wraps(view)
    def limited(*args: Any, **kwargs: Any) -> Any:
        sent = request.get_json(silent=True) if in_demonstration() else None
        acts_for_others = isinstance(sent, dict) and bool(sent.get("email"))
        if limiter.enabled and not acts_for_others and not limiter.limiter.hit(QUESTIONS, "questions", who_asks()):
            raise TooManyRequests
        return view(*args, **kwargs)

    return cast(F, limited)


throttle_votes = limiter.shared_limit("120/minute", scope="votes", key_func=who_asks, methods=["POST"])


def question_json(view: QuestionView) -> dict[str, Any]:
    """A question as everyone in the room gets it."""
    question = view.question
    return {
        "id": question.id,
        "text": question.text,
        "by": view.name,
        "votes": view.votes,
        "state": question.state.value,
        "answering": view.is_being_answered,
        "answer": question.answer,
        "asked_at": rfc3339(question.asked_at),
        "at_seconds": view.at_seconds,
    }


def poll_json(view: PollView) -> dict[str, Any]:
    """A poll as everyone in the room gets it."""
    return {
        "id": view.poll.id,
        "text": view.poll.text,
        "several": view.poll.is_several,
        "state": view.poll.state.value,
        "answers": view.answers,
        "options": view.options,
    }


def shared_json(shared: SharedDiscussion, shared_polls: Sequence[PollView]) -> dict[str, Any]:
    """The part of a room's snapshot."""
    return {
        "polls": [poll_json(view) for view in shared_polls],
        "asking": shared.takes_questions,
        "anonymous": shared.allows_anonymous,
        "open": shared.open_count,
        "answered": shared.answered_count,
        "questions": [question_json(view) for view in shared.shown],
        "hands": shared.hands,
    }


def panel_values(lecture_id: int, *, at: datetime) -> dict[str, Any]:
    """The values of a room's templates for questions: the queue for staff, all others their own part."""
    by = current_actor()
    access = get_access(lecture_id, by=by, at=at)
    values: dict[str, Any] = {
        "access": access,
        "shared": get_shared(lecture_id, at=at),
        "question_length": QUESTION_LENGTH,
        "discussion_media": media_address(lecture_id, at=at),
    }
    if access.is_staff:
        return values | queue_values(lecture_id, at=at)
    return values | {"own": get_own(access), "polls": list_polls(access)}


def queue_values(lecture_id: int, *, at: datetime) -> dict[str, Any]:
    """The values of the templates of the staff's queue."""
    by = current_actor()
    views = list_polls(get_access(lecture_id, by=by, at=at))
    return {
        "queue": get_queue(lecture_id, by=by, at=at),
        "polls": views,
        "poll_countries": {view.poll.id: countries_of(view.poll) for view in views},
        "most_options": MOST_OPTIONS,
    }

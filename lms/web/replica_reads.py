"""Views that may read from a replica of the database."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from flask import request
from sqlalchemy.exc import DBAPIError

from lms.core import replica
from lms.core.db import db
from lms.web.identity import current_actor

P = ParamSpec("P")
R = TypeVar("R")


def reads_replica(view: Callable[P, R]) -> Callable[P, R]:
    """Has a view read from the replica, if there is one and its reader has not just changed something.

    Where the replica fails on the way, the view is run again on the main database. For views that only read, and state
    nothing officially.
    """

    @wraps(view)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        if replica.find_replica() is None or request.method not in {"GET", "HEAD"}:
            return view(*args, **kwargs)
        does = False
        try:
            with replica.reading(current_actor().person_id) as does:
                return view(*args, **kwargs)
        except DBAPIError:
            if not does:
                raise
        db.session.rollback()
        return view(*args, **kwargs)

    run.reads_replica = True  # type: ignore[attr-defined]
    return run

"""The rows of a list that a form is about."""

from __future__ import annotations

from dataclasses import dataclass

from flask import request


@dataclass(frozen=True)
class Selection:
    """The rows that a form of a list is about: those ticked, or everybody that its filter holds."""

    everybody: bool
    ids: list[str]


def read_selection() -> Selection:
    """What was ticked in a list: rows (`people`), all rows of the page (`page`, which are sent along as `shown`), or
    everybody that the filter holds (`all`)."""
    form = request.form
    if form.get("all"):
        return Selection(True, [])
    ids = form.getlist("shown") if form.get("page") else form.getlist("people")
    return Selection(False, list(dict.fromkeys(ids)))

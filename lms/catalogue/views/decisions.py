"""What a form says about planned dates with a problem: one choice for each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from flask import request

from lms.catalogue.dates import DateCheck, DateDecision, proposed, undecided
from lms.catalogue.fair_hours import Audience

DECIDE = "decide-"


def decisions_sent() -> dict[str, str]:
    """What was decided about dates, by their keys; anything else than a decision is left out."""
    sent = {name.removeprefix(DECIDE): value for name, value in request.form.items() if name.startswith(DECIDE)}
    return {key: value for key, value in sent.items() if value in set(DateDecision)}


def proposed_for(checks: Sequence[DateCheck], audience: Audience) -> dict[str, str]:
    """The decisions that a form begins with, by the keys of their dates."""
    decisions = {check.key: proposed(check, audience) for check in checks}
    return {key: decision for key, decision in decisions.items() if decision is not None}


def open_keys(checks: Sequence[DateCheck], decisions: Mapping[str, str], *, tried: bool) -> set[str]:
    """The dates to mark as wrong: those not decided when saving was tried."""
    typed = {key: DateDecision(value) for key, value in decisions.items()}
    return {one.key for one in undecided(checks, typed)} if tried else set()

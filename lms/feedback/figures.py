"""The figures of a release: what the members of a question's answers say. No database, no clock."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from lms.core.base.disclosure import Member
from lms.feedback.queries import CountedAnswer
from lms.feedback.rules import SATISFIED, digest, name_of, rating_key
from lms.questions.rules import Question


def satisfaction_names(forms: Mapping[int, Sequence[Question]]) -> list[str]:
    """The figures that the lecture's *satisfaction* is the sum of: of the questions that were the first rating of a
    form, the latest first, as many as no form has two of, so that nobody counts twice. `forms`: those that were
    answered, by id."""
    chosen: list[str] = []
    for _id, form in sorted(forms.items(), reverse=True):
        key = rating_key(form)
        name = f"{key} rating"
        if key is None or name in chosen:
            continue
        having = [{name_of(question) for question in other} for other in forms.values()]
        if not any(name in names and names & {*chosen} for names in having):
            chosen.append(name)
    return chosen


def version_of(question: Question, row: CountedAnswer) -> str | int:
    value = row.answers[question.key]
    if question.kind == "text":
        return f"{row.id} {digest(value)}"
    return int(value) if question.kind == "rating" else digest(value)


def answer_of(member: Member) -> int:
    """The id of the answer that a member of the comments to a question is."""
    return int(str(member[1]).partition(" ")[0])


def figures_of(question: Question, rows: Sequence[CountedAnswer]) -> dict[str, Any]:
    """Results as they are shown of the answers to a question."""
    values = [row.answers[question.key] for row in rows]
    figures: dict[str, Any] = {"answers": len(values)}
    if question.kind == "text":
        return figures | {"comments": [[row.id, row.answers[question.key]] for row in rows]}
    if question.kind in ("rating", "number"):
        figures["mean"] = sum(values) / len(values)
    if question.kind != "number":
        counts = Counter(value for each in values for value in (each if isinstance(each, list) else [each]))
        figures["counts"] = [list(count) for count in counts.items()]
    return figures


def tagged(name: str, member: Member) -> Member:
    return member[0], f"{name} {member[1]}"


def _rating(member: Member) -> int:
    return int(str(member[1]).rpartition(" ")[2])


def mean_of(members: Sequence[Member]) -> float:
    return sum(map(_rating, members)) / len(members)


def sums_of(members: Sequence[Member]) -> list[int]:
    ratings = list(map(_rating, members))
    return [len(ratings), sum(ratings), sum(rating >= SATISFIED for rating in ratings)]

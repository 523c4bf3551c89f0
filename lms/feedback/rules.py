"""When feedback on lectures and series can be given, the default questions, and which groups are large enough to be
shown."""

import hashlib
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

import numpy as np
from itsdangerous import BadSignature, Signer

from lms.catalogue.models import Lecture, LectureState, Series
from lms.core.base.disclosure import FEWEST, shown_groups
from lms.core.base.errors import Refused
from lms.core.text.i18n import _
from lms.questions.rules import Question, Words

OPEN_FOR: Final = timedelta(days=14)
"""How long after its end people answer about a lecture, and change what they answered."""
MOST_QUESTIONS: Final = 12
KINDS: Final = ("rating", "choice", "choices", "text", "number")
SATISFIED: Final = 4
"""Ratings from this one on count as satisfied."""


def closes_at(lecture: Lecture) -> datetime | None:
    """When answers about a lecture end; null where it has not been held."""
    if lecture.state is not LectureState.HELD or lecture.actual_end is None:
        return None
    return lecture.actual_end + OPEN_FOR


def closes_at_of_series(
    lectures: Collection[tuple[LectureState, datetime | None]], turned_on: datetime | None
) -> datetime | None:
    """When answers about a series as a whole end; null while it does not ask, or is not over.

    Over means that all its lectures (state, and when they ended or were cancelled) were held or cancelled, and one was
    held. `turned_on`: since when it asks. Who turns it on after the last lecture, or cancels the last one late, gives
    people the whole time all the same.
    """
    over = (LectureState.HELD, LectureState.CANCELLED)
    was_held = any(state is LectureState.HELD and end is not None for state, end in lectures)
    if turned_on is None or not was_held or any(state not in over for state, _end in lectures):
        return None
    return max(turned_on, *(end for _state, end in lectures if end is not None)) + OPEN_FOR


def is_open(closes: datetime | None, at: datetime) -> bool:
    """Whether feedback that closes then can be given now."""
    return closes is not None and at <= closes


def why_closed(subject: Lecture | Series, closes: datetime | None) -> str:
    """Why feedback cannot be given, in words."""
    if isinstance(subject, Series):
        if closes is None:
            return _("You can give feedback on a series when its last lecture has been held.")
        return _("Feedback on this series has ended. It was open for 14 days.")
    if closes is None:
        return _("You can give feedback when the lecture has been held.")
    return _("Feedback on this lecture has ended. It was open for 14 days after the lecture.")


def check_open(subject: Lecture | Series, closes: datetime | None, at: datetime) -> None:
    """Raises Refused unless feedback, which closes then, can be given now."""
    if not is_open(closes, at):
        raise Refused(why_closed(subject, closes))


def rating_key(questions: Sequence[Question]) -> str | None:
    """The question that *satisfaction* is counted from: the first rating."""
    return next((question.key for question in questions if question.kind == "rating"), None)


def way_names() -> dict[str, str]:
    """The ways of attending, in words."""
    return {
        "live": _("Live"),
        "group": _("Group viewing"),
        "replay": _("Replay"),
        "manual": _("By correction"),
    }


Cell = tuple[str | None, str | None]
"""A group of each of two kinds, such as a country and a way of attending."""


def shown_beside(cells: Mapping[Cell, int]) -> tuple[set[str | None], set[str | None]]:
    """The groups of two kinds that can be shown of the same answers, whose number in each pair of groups is given.

    By each kind as `shown_groups`. Those who read both can take one group from another, since they know who attended
    from where and how: where a pair, or a group that is left out, of fewer than five answers follows from what is
    shown, the smallest group is left out until none does.
    """
    never: tuple[set[str | None], set[str | None]] = (set(), set())
    while True:
        sizes: tuple[Counter[str | None], Counter[str | None]] = (Counter(), Counter())
        for cell, number in cells.items():
            for kind in (0, 1):
                sizes[kind][cell[kind]] += number
        shown = shown_groups(sizes[0], never[0]), shown_groups(sizes[1], never[1])
        groups = [(sizes[kind][group], kind, str(group), group) for kind in (0, 1) for group in shown[kind]]
        if not groups or not _gives_away(cells, sizes, shown):
            return shown
        _size, kind, _name, smallest = min(groups, key=lambda group: group[:3])
        never[kind].add(smallest)


def _gives_away(
    cells: Mapping[Cell, int],
    sizes: tuple[Mapping[str | None, int], Mapping[str | None, int]],
    shown: tuple[set[str | None], set[str | None]],
) -> bool:
    """Whether the number of some small pair or group follows from those of all answers and of the shown groups."""
    places = list(cells)
    known = [[1.0] * len(places)]
    small_groups = [[float(cell == place) for cell in places] for place in places if 0 < cells[place] < FEWEST]
    for kind in (0, 1):
        for group, size in sizes[kind].items():
            row = [float(cell[kind] == group) for cell in places]
            if group in shown[kind]:
                known.append(row)
            elif 0 < size < FEWEST:
                small_groups.append(row)
    if not small_groups:
        return False
    sums, small = np.array(known).T, np.array(small_groups).T
    solved = np.linalg.lstsq(sums, small, rcond=None)[0]
    return bool((np.abs(sums @ solved - small).max(axis=0) < 1e-9).any())


def _rating(key: str, text: str, low: str, high: str, translations: Mapping[str, Sequence[str]]) -> Question:
    words = {code: Words(texts[0], tuple(texts[1:])) for code, texts in translations.items()}
    return Question(key, "rating", text, (low, high), required=True, translations=words)


DEFAULT: Final = (
    _rating(
        "useful",
        "How useful is this lecture for your work?",
        "not useful",
        "very useful",
        {
            "ar": ("ما مدى فائدة هذه المحاضرة لعملك؟", "غير مفيدة", "مفيدة جدًا"),
            "es": ("¿Qué utilidad tiene esta conferencia para su trabajo?", "ninguna", "mucha"),
            "fr": ("Cette conférence est-elle utile pour votre travail\u202f?", "pas utile", "très utile"),
            "pt": ("Qual é a utilidade desta conferência para o seu trabalho?", "nenhuma", "muita"),
            "ru": ("Насколько эта лекция полезна для вашей работы?", "не полезна", "очень полезна"),
            "zh": ("本次讲座对您的工作有多大帮助？", "没有帮助", "很有帮助"),
        },
    ),
    Question(
        "best",
        "text",
        "What was most useful?",
        translations={
            "ar": Words("ما الأكثر فائدة؟"),
            "es": Words("¿Qué fue lo más útil?"),
            "fr": Words("Qu’est-ce qui a été le plus utile\u202f?"),
            "pt": Words("O que foi mais útil?"),
            "ru": Words("Что было самым полезным?"),
            "zh": Words("最有帮助的是什么？"),
        },
    ),
    Question(
        "change",
        "text",
        "What should be different?",
        translations={
            "ar": Words("ما الذي ينبغي تغييره؟"),
            "es": Words("¿Qué debería cambiar?"),
            "fr": Words("Que faudrait-il changer\u202f?"),
            "pt": Words("O que deveria mudar?"),
            "ru": Words("Что следует изменить?"),
            "zh": Words("哪些地方应当改进？"),
        },
    ),
)
"""What is asked where nobody wrote other questions. It never changes: answers without a form were given to it."""

PROPOSED: Final = (
    _rating(
        "series",
        "How useful was this series for your work?",
        "not useful",
        "very useful",
        {
            "ar": ("ما مدى فائدة هذه السلسلة لعملك؟", "غير مفيدة", "مفيدة جدًا"),
            "es": ("¿Qué utilidad tuvo esta serie para su trabajo?", "ninguna", "mucha"),
            "fr": ("Ce cycle a-t-il été utile pour votre travail\u202f?", "pas utile", "très utile"),
            "pt": ("Qual foi a utilidade desta série para o seu trabalho?", "nenhuma", "muita"),
            "ru": ("Насколько этот цикл был полезен для вашей работы?", "не полезен", "очень полезен"),
            "zh": ("本系列对您的工作有多大帮助？", "没有帮助", "很有帮助"),
        },
    ),
    *DEFAULT[1:],
)
"""What is proposed to ask about a series as a whole. Only what somebody saves is asked."""


def without_texts(answers: Mapping[str, Any], questions: Sequence[Question]) -> dict[str, Any]:
    """The part of answers that stays when their person is erased: what was chosen, not what was written."""
    chosen_keys = {question.key for question in questions if question.kind not in ("text", "number")}
    return {key: value for key, value in answers.items() if key in chosen_keys}


_SALT: Final = b"serai feedback"


_OF_SERIES: Final = "s"
"""What the id of a series begins with in a link."""


def make_link(secrets: Sequence[str], subject_id: int, person_id: int, *, is_series: bool = False) -> str:
    """The part of an address with which one person answers about one lecture or series without signing in."""
    return _signer(secrets).sign(f"{_OF_SERIES if is_series else ''}{subject_id}~{person_id}").decode()


class FeedbackLink(NamedTuple):
    """The lecture or series, and the person, that a link is for."""

    subject_id: int
    is_series: bool
    person_id: int


def read_link(secrets: Sequence[str], text: str) -> FeedbackLink | None:
    """Returns what a link is for; None for what was made with none of these secrets."""
    try:
        subject, person_id = _signer(secrets).unsign(text.encode()).decode().split("~")
        return FeedbackLink(int(subject.removeprefix(_OF_SERIES)), subject.startswith(_OF_SERIES), int(person_id))
    except (BadSignature, ValueError):
        return None


def _signer(secrets: Sequence[str]) -> Signer:
    """Signs with the first of the secrets, and reads what was signed with any of them."""
    return Signer([secret.encode() for secret in reversed(secrets)], salt=_SALT, digest_method=hashlib.sha256)

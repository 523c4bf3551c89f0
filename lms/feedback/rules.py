"""When feedback on lectures and series can be given, the default questions, and the signed parts of addresses."""

import base64
import hashlib
import hmac
import json
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from itsdangerous import BadSignature, Signer

from lms.catalogue.models import Lecture, LectureState, Series
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


def name_of(question: Question) -> str:
    """The name of the figure of a question."""
    return f"{question.key} {question.kind}"


def fits(question: Question, value: Any) -> bool:
    """Whether an answer is one to this kind of question: an earlier version may have had another one by its key."""
    kinds: dict[str, Any] = {"rating": int, "choice": str, "choices": list, "text": str, "number": (int, float)}
    return isinstance(value, kinds[question.kind])


def digest(value: Any) -> str:
    """A short name of an answer."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]


def comment_token(secret: str, answer_id: int, purpose: str) -> str:
    """The name of a written answer for a purpose, such as its place among the comments to one question: it tells
    neither when somebody answered nor which other comment is theirs."""
    words = f"feedback comment {answer_id} {purpose}".encode()
    return hmac.new(secret.encode(), words, hashlib.sha256).hexdigest()[:32]


_SALT: Final = b"serai feedback"


_OF_SERIES: Final = "s"
"""What the id of a series begins with in a link."""
_LENGTH: Final = 24
"""Bytes that every link has, so that its length says nothing of the person."""


def make_link(secrets: Sequence[str], subject_id: int, person_id: int, *, is_series: bool = False) -> str:
    """The part of an address with which one person answers about one lecture or series without signing in: encrypted,
    since it may be forwarded, and the same each time."""
    words = f"{_OF_SERIES if is_series else ''}{subject_id}~{person_id}".encode().ljust(_LENGTH)
    return base64.urlsafe_b64encode(_cipher(secrets[0]).encrypt(words, [_SALT])).decode().rstrip("=")


class FeedbackLink(NamedTuple):
    """The lecture or series, and the person, that a link is for."""

    subject_id: int
    is_series: bool
    person_id: int


def read_link(secrets: Sequence[str], text: str) -> FeedbackLink | None:
    """Returns what a link is for; None for what was made with none of these secrets. Links of earlier were signed, with
    the number of the person in them."""
    words = _decrypted(secrets, text)
    with suppress(BadSignature, ValueError):
        if words is None:
            words = _signer(secrets).unsign(text.encode()).decode()
        subject, person_id = words.split("~")
        return FeedbackLink(int(subject.removeprefix(_OF_SERIES)), subject.startswith(_OF_SERIES), int(person_id))
    return None


def _decrypted(secrets: Sequence[str], text: str) -> str | None:
    try:
        content = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError:
        return None
    for secret in secrets:
        with suppress(InvalidTag, ValueError):
            return _cipher(secret).decrypt(content, [_SALT]).decode().strip()
    return None


def _cipher(secret: str) -> AESSIV:
    return AESSIV(hashlib.sha512(_SALT + b" " + secret.encode()).digest())


def _signer(secrets: Sequence[str]) -> Signer:
    """Reads what was signed with any of the secrets."""
    return Signer([secret.encode() for secret in reversed(secrets)], salt=_SALT, digest_method=hashlib.sha256)

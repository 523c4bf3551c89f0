"""The feedback of the demonstration: what people say about the latest lectures that were held."""

import random
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import select

from lms.catalogue.models import Lecture, LectureState
from lms.core.base.roles import SYSTEM
from lms.core.database.session import action, db
from lms.feedback.actions import ASK_UNTIL, answer_many, run_key
from lms.feedback.queries import attended_ids
from lms.mail import outbox

LECTURES: Final = 40
"""The number of lectures about which feedback is given."""
SHARE: Final = (0.3, 0.5)
"""Between these parts of the people who attended answer."""
RATINGS: Final = (1, 2, 3, 4, 5)
MOODS: Final = ((1, 3, 10, 30, 56), (2, 4, 14, 40, 40), (3, 8, 22, 40, 27))
"""How often each rating is given about a lecture; one of these for each."""
TALKATIVE: Final = 0.08
"""The part of the answers that has words."""
BEST: Final = (
    "The examples from small companies.",
    "The checklist at the end. We will use it in our office.",
    "L’explication des frais, étape par étape.",
    "Los ejemplos de la región.",
    "شرح الإجراءات بأمثلة واضحة.",
    "Rất rõ ràng.",
    "案例分析很有帮助。",
    "Ответы на вопросы в конце.",
    "Os exemplos práticos.",
    "The comparison of both ways to pay.",
)
CHANGE: Final = (
    "More time for questions.",
    "A little slower, please: the interpretation could not follow.",
    "Un exemple chiffré pour l’Afrique de l’Ouest manquait.",
    "Más tiempo para preguntas.",
    "نرجو إرسال الشرائح قبل المحاضرة.",
    "Xin thêm bảng phí của các ví điện tử.",
    "希望提前提供讲义。",
    "Больше примеров, меньше теории.",
    "Slides before the lecture would help.",
    "Nothing, it was just right.",
)


def give(*, now: datetime, seed: int) -> int:
    """Has people answer about the latest lectures, and nobody asked by e-mail about what is over; returns how many."""
    held = select(Lecture).where(Lecture.state == LectureState.HELD, Lecture.actual_end <= now - timedelta(hours=2))
    lectures = db.session.scalars(held.order_by(Lecture.actual_end.desc()).limit(LECTURES)).all()
    ended = {lecture.id: lecture.actual_end for lecture in lectures}
    people = {lecture.id: sorted(attended_ids(lecture)) for lecture in lectures}
    db.session.rollback()
    given = 0
    for lecture_id, end in ended.items():
        assert end is not None
        draw = random.Random(f"{seed}-{lecture_id}")  # noqa: S311 - invented answers
        answers = _answers(people[lecture_id], draw)
        if answers:
            given += answer_many(lecture_id, answers, by=SYSTEM, at=min(end + timedelta(hours=20), now))
    _note_asked([lecture_id for lecture_id, end in ended.items() if end is not None and end > now - ASK_UNTIL], now)
    return given


def _answers(people: list[int], draw: random.Random) -> dict[int, dict[str, Any]]:
    mood = draw.choice(MOODS)
    answering = draw.sample(people, round(len(people) * draw.uniform(*SHARE)))
    answers: dict[int, dict[str, Any]] = {}
    for person_id, rating in zip(answering, draw.choices(RATINGS, mood, k=len(answering)), strict=True):
        answers[person_id] = {"useful": rating}
        if draw.random() < TALKATIVE:
            answers[person_id]["best"] = draw.choice(BEST)
        if draw.random() < TALKATIVE:
            answers[person_id]["change"] = draw.choice(CHANGE)
    return answers


@action
def _note_asked(lecture_ids: list[int], now: datetime) -> None:
    for lecture_id in lecture_ids:
        outbox.begin(run_key(lecture_id), at=now)

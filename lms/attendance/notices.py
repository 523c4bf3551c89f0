"""The mails that attendance posts. Payloads are frozen here; the text is in `templates/mail/`."""

from __future__ import annotations

from datetime import datetime

from lms.attendance.models.appeals import Appeal, AppealState
from lms.attendance.models.credits import Outcome
from lms.catalogue.models import Lecture
from lms.core.outbox import post_mail
from lms.people.queries.persons import contact_of


def tell_answer(lecture: Lecture, person_id: int, appeal: Appeal, outcome: Outcome | None, *, at: datetime) -> None:
    """Tells a person how the appeal was answered, in the own language."""
    contact = contact_of([person_id]).get(person_id)
    if contact is None or not contact.address:
        return
    post_mail(
        "appeal_answered",
        address=contact.address,
        payload={
            "full_name": contact.full_name,
            "title": lecture.title,
            "lecture_id": lecture.id,
            "accepted": appeal.state is AppealState.ACCEPTED,
            "outcome": outcome.value if outcome is not None else None,
            "words": appeal.answer,
        },
        dedupe_key=f"appeal_answered-{appeal.public_id}",
        at=at,
        locale=contact.locale,
        time_zone=contact.time_zone,
        person_id=person_id,
    )

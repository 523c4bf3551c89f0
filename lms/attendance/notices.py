"""The mails that attendance posts. Payloads are frozen here; the text is in `templates/mail/`."""

from datetime import datetime, timedelta

from lms.attendance.models.appeals import Appeal, AppealState
from lms.attendance.models.credits import Outcome
from lms.attendance.queries.outcomes import corrections_in, written_credits
from lms.attendance.queries.roster_query import only_invited
from lms.catalogue.models import Lecture
from lms.core.database.session import read_column
from lms.core.text.translations import TextOf
from lms.enrolment.membership import expected_at
from lms.enrolment.notices import instant, tell_lecture
from lms.mail.outbox import post_mails
from lms.people.mail_rows import mail_to
from lms.people.queries.persons import contact_of


def tell_answer(lecture: Lecture, person_id: int, appeal: Appeal, outcome: Outcome | None, *, at: datetime) -> None:
    """Tells a person how the appeal was answered, in their language."""
    contact = contact_of([person_id]).get(person_id)
    if contact is None or not contact.address:
        return
    payload = {
        "title": TextOf(lecture),
        "lecture_id": lecture.id,
        "accepted": appeal.state is AppealState.ACCEPTED,
        "outcome": outcome.value if outcome is not None else None,
        "words": appeal.answer,
    }
    key = f"appeal_answered-{appeal.public_id}"
    post_mails([mail_to(person_id, contact, "appeal_answered", payload, dedupe_key=key, at=at)])


def tell_recording(
    lecture: Lecture, *, in_room: bool = False, counts_until: datetime | None = None, at: datetime
) -> None:
    """E-mails the recording of a lecture, once, to those who were expected, had accepted their place, and did not
    attend all that was needed.

    `in_room`: it can be watched in the room of the lecture; else it is linked on the lecture's page. `counts_until`:
    until when watching it counts; null where it does not, nor for people whose attendance was corrected by hand.
    """
    people = {person_id for person_id in read_column(expected_at(lecture.id)) if person_id is not None}
    people.difference_update(read_column(only_invited(lecture.id)))
    outcomes = {person_id: credit.outcome for person_id, credit in written_credits(lecture.id).items()}
    partly = {person_id for person_id in people if outcomes.get(person_id) is Outcome.PARTIAL}
    missed = {person_id for person_id in people if outcomes.get(person_id, Outcome.ABSENT) is Outcome.ABSENT}
    corrected: dict[int, dict[str, None]] = {id_: {"counts_until_at": None} for id_ in corrections_in(lecture.id)}
    for person_ids, was_there in ((partly, True), (missed, False)):
        tell_lecture(
            "replay_open",
            lecture,
            person_ids,
            {"was_there": was_there, "in_room": in_room, "counts_until_at": instant(counts_until)},
            expires_at=at + timedelta(days=14),
            at=at,
            key=f"replay_open-{lecture.id}",
            by_person=corrected,
        )

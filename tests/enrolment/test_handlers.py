"""What is told of lectures, and what happens to the places of who is merged, parted or erased."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from apiflask import APIFlask
from sqlalchemy import select

from lms.catalogue.actions.lectures import edit_lecture
from lms.catalogue.actions.states import cancel_lecture, postpone_lecture
from lms.catalogue.models import Series
from lms.core.base.roles import SYSTEM, Actor
from lms.core.database.session import db
from lms.enrolment.actions.places import enrol, withdraw
from lms.enrolment.membership import enrolled_ids
from lms.enrolment.models import Enrolment, EnrolmentStatus
from lms.enrolment.queries.rows import find_enrolment
from lms.enrolment.queries.series import list_seats
from lms.mail.outbox import OutboxMail
from lms.mail.rendering import render
from lms.people.actions.merging import merge_people, undo_merge
from lms.people.actions.privacy import erase_person, export_person
from tests.enrolment.conftest import Cast, Sent

pytestmark = [pytest.mark.databases, pytest.mark.usefixtures("context")]
MINUTE = timedelta(minutes=1)
ENROLLED, WAITLISTED, WITHDRAWN = EnrolmentStatus.ENROLLED, EnrolmentStatus.WAITLISTED, EnrolmentStatus.WITHDRAWN


def own(actor: Actor) -> int:
    assert actor.person_id is not None
    return actor.person_id


def mails(template: str) -> list[OutboxMail]:
    query = select(OutboxMail).where(OutboxMail.template == template).order_by(OutboxMail.id)
    return list(db.session.scalars(query))


def text_of(app: APIFlask, mail: OutboxMail) -> str:
    message = render(mail, app.extensions["lms.config"])
    body = message.get_body(("plain",))
    assert body is not None
    return f"{message['Subject']}\n{body.get_content()}"


def test_the_enrolled_hear_of_a_new_time_in_their_zone_and_the_organisers(
    app: APIFlask, cast: Cast, at: datetime
) -> None:
    series, lecture = cast.series(), cast.lecture(title="Rules of origin")
    amina, waiting_no_more = cast.person("Amina", time_zone="Africa/Nairobi"), cast.person()
    for person in (amina, waiting_no_more):
        enrol(series.id, own(person), by=person, at=at)
    withdraw(series.id, own(waiting_no_more), by=waiting_no_more, at=at)
    new = datetime(2026, 12, 9, 10, 30)  # noqa: DTZ001 - local time
    postpone_lecture(lecture.id, local_start=new, by=SYSTEM, at=at)
    (mail,) = mails("lecture_postponed")
    assert (mail.address, mail.time_zone) == ("amina@people.test", "Africa/Nairobi")
    text = text_of(app, mail)
    assert text.startswith("New time: Rules of origin\n")
    assert "Wednesday 9 December 2026, 10:30 (Nairobi time)" in text
    assert "Wednesday 9 December 2026, 15:30 (Beijing time)" in text
    assert "Wednesday 2 December 2026, 09:00 (Nairobi time)" in text
    assert f"http://localhost/lectures/{lecture.id}" in text


def test_each_version_of_a_lecture_is_told_once(app: APIFlask, cast: Cast, at: datetime) -> None:
    series, lecture = cast.series(), cast.lecture(title="Rules of origin")
    amina = cast.person("Amina")
    enrol(series.id, own(amina), by=amina, at=at)
    postpone_lecture(lecture.id, by=SYSTEM, at=at)
    postpone_lecture(lecture.id, local_start=datetime(2026, 12, 9, 10, 30), by=SYSTEM, at=at)  # noqa: DTZ001
    edit_lecture(lecture.id, {"starts_at": datetime(2026, 12, 10, 10, 30)}, by=SYSTEM, at=at)  # noqa: DTZ001
    edit_lecture(lecture.id, {"abstract": "More"}, by=SYSTEM, at=at)
    told = [text_of(app, mail).partition("\n")[0] for mail in mails("lecture_postponed")]
    assert told == ["Postponed: Rules of origin", "New time: Rules of origin", "New time: Rules of origin"]
    assert "15:30 (Beijing time)" in text_of(app, mails("lecture_postponed")[2])


def test_a_new_lecture_is_told_to_nobody(cast: Cast, at: datetime, sent: Sent) -> None:
    series, amina = cast.series(), cast.person("Amina")
    enrol(series.id, own(amina), by=amina, at=at)
    cast.lecture()
    assert [template for template, _address in sent()] == ["enrolment_enrolled"]


def test_the_enrolled_hear_that_a_lecture_is_off_and_why(app: APIFlask, cast: Cast, at: datetime) -> None:
    series, lecture = cast.series(), cast.lecture(title="Rules of origin")
    people = [cast.person() for _n in range(3)]
    for person in people:
        enrol(series.id, own(person), by=person, at=at)
    cancel_lecture(lecture.id, reason="The lecturer is ill.", by=SYSTEM, at=at)
    told = mails("lecture_cancelled")
    assert [mail.address for mail in told] == [f"person.{n}@people.test" for n in (2, 3, 4)]
    text = text_of(app, told[0])
    assert text.startswith("Cancelled: Rules of origin\n")
    assert "The lecturer is ill." in text


@pytest.mark.parametrize(
    "template",
    ["enrolment_enrolled", "enrolment_waitlisted", "enrolment_withdrawn", "enrolment_place_won"],
)
def test_every_mail_of_a_place_can_be_read(app: APIFlask, cast: Cast, at: datetime, template: str) -> None:
    series = cast.series(capacity=1, title="Digital customs")
    cast.lecture(title="Rules of origin")
    first, second = cast.person("Amina"), cast.person("Juma", time_zone="Africa/Nairobi")
    for person in (first, second):
        enrol(series.id, own(person), by=person, at=at)
    withdraw(series.id, own(first), by=first, at=at)
    (mail,) = mails(template)
    text = text_of(app, mail)
    assert "Digital customs" in text.partition("\n")[0]
    assert "http://localhost/series/customs" in text
    assert "None" not in text
    assert "\n\n\n" not in text


def merge(kept: Actor, merged: Actor, at: datetime) -> None:
    merge_people(kept.public_id, merged.public_id, by=SYSTEM, at=at)


def undo(merged: Actor, at: datetime) -> None:
    undo_merge(merged.public_id, by=SYSTEM, at=at)


def taken(series: Series) -> int:
    return db.session.scalars(select(Series.taken).where(Series.id == series.id)).one()


def test_a_merged_person_is_found_under_the_one_kept(cast: Cast, at: datetime) -> None:
    series, kept, merged = cast.series(), cast.person("Kept"), cast.person("Merged")
    enrol(series.id, own(merged), by=merged, at=at)
    merge(kept, merged, at)
    row = find_enrolment(series.id, own(kept))
    assert row is not None
    assert row.person_id == own(merged)
    assert enrolled_ids(series.id) == {own(kept)}
    assert [seat.person.full_name for seat in list_seats(series, by=SYSTEM, limit=9)] == ["Kept"]
    assert enrol(series.id, own(kept), by=kept, at=at + MINUTE).id == row.id
    withdraw(series.id, own(kept), by=kept, at=at + MINUTE * 2)
    assert taken(series) == 0


def test_one_who_stood_twice_holds_one_seat_until_the_merge_is_undone(cast: Cast, at: datetime) -> None:
    series = cast.series(capacity=2)
    kept, merged, third = cast.person("Kept"), cast.person("Merged"), cast.person("Third")
    for n, person in enumerate((merged, kept, third)):
        enrol(series.id, own(person), by=person, at=at + MINUTE * n)
    merge(kept, merged, at + MINUTE * 5)
    assert enrolled_ids(series.id) == {own(kept), own(third)}
    assert taken(series) == 2
    assert len(list_seats(series, by=SYSTEM, limit=9)) == 2
    undo(merged, at + MINUTE * 6)
    rows = {row.person_id: row.status for row in db.session.scalars(select(Enrolment))}
    # the second seat went to the third in the meantime: who stood aside waits, at the head of the line
    assert rows == {own(merged): ENROLLED, own(kept): WAITLISTED, own(third): ENROLLED}
    assert taken(series) == 2
    withdraw(series.id, own(third), by=third, at=at + MINUTE * 7)
    assert enrolled_ids(series.id) == {own(merged), own(kept)}


def test_undoing_a_merge_gives_the_free_seat_back(cast: Cast, at: datetime) -> None:
    series, kept, merged = cast.series(), cast.person("Kept"), cast.person("Merged")
    for person in (kept, merged):
        enrol(series.id, own(person), by=person, at=at)
    merge(kept, merged, at + MINUTE)
    assert taken(series) == 1
    undo(merged, at + MINUTE * 2)
    assert enrolled_ids(series.id) == {own(kept), own(merged)}
    assert taken(series) == 2
    row = find_enrolment(series.id, own(merged))
    assert row is not None
    assert (row.enrolled_at, row.withdrawn_at) == (at, None)


def test_an_erased_person_gives_up_what_lies_ahead(cast: Cast, at: datetime, sent: Sent) -> None:
    series = cast.series(capacity=1)
    amina, juma = cast.person("Amina"), cast.person("Juma")
    for person in (amina, juma):
        enrol(series.id, own(person), by=person, at=at)

    erase_person(
        amina.public_id,
        confirmation="amina@people.test",
        withdraw_certificates=False,
        by=SYSTEM,
        at=at + MINUTE,
    )
    assert enrolled_ids(series.id) == {own(juma)}
    assert find_enrolment(series.id, own(amina)).status is WITHDRAWN  # type: ignore[union-attr]
    assert sent()[-1] == ("enrolment_place_won", "juma@people.test")
    assert "enrolment_withdrawn" not in [template for template, _address in sent()]


def test_a_person_can_take_all_places_along(cast: Cast, at: datetime) -> None:
    series, amina = cast.series(), cast.person("Amina")
    enrol(series.id, own(amina), by=amina, at=at)
    (place,) = export_person(amina.public_id, by=amina, at=at)["enrolment"]
    assert {
        name: place[name] for name in ("series", "status", "source", "country", "registered_at", "withdrawn_at")
    } == {
        "series": "customs",
        "status": "enrolled",
        "source": "self",
        "country": "KE",
        "registered_at": "2026-11-25T01:00:00+00:00",
        "withdrawn_at": None,
    }

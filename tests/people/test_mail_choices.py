"""What people choose about mail is asked when a mail is posted, and again before it is sent."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from sqlalchemy import select

from lms.core.base.errors import NotFound
from lms.core.base.roles import SYSTEM
from lms.core.database.session import action, db
from lms.mail.kinds import MailKind
from lms.mail.outbox import MailState, OutboxMail, post_mails
from lms.mail.sending import send_due
from lms.mail.stops import DECLINED
from lms.people.actions.mails import choose_mails, stop_mails
from lms.people.actions.merging import merge_people, undo_merge
from lms.people.actions.privacy import erase_person, export_person
from lms.people.models import MailChoice
from lms.people.queries.mail_choices import choices_of, wanting
from tests.factories import Make

pytestmark = [pytest.mark.databases, pytest.mark.usefixtures("context")]
CHANGE = MailKind.CHANGE


@action
def post(template: str, person_ids: list[int], at: datetime, *, series_id: int = 0) -> int:
    return post_mails(
        {
            "template": template, "address": f"{person_id}@x.example", "payload": {}, "locale": "en", "time_zone": "",
            "person_id": person_id, "series_id": series_id, "dedupe_key": f"{template}-{series_id}-{person_id}",
            "created_at": at, "due_at": at, "expires_at": None, "attempts": 0,
        }
        for person_id in person_ids
    )  # fmt: skip


def test_a_mail_of_a_declined_kind_is_not_posted(make: Make, at: datetime) -> None:
    no, yes = make.person().id, make.person().id
    choose_mails(no, {CHANGE: False}, by=SYSTEM, at=at)
    assert post("lecture_postponed", [no, yes], at) == 1
    assert post("enrolment_enrolled", [no, yes], at) == 2, "a confirmation is always sent"
    assert [mail.person_id for mail in db.session.scalars(select(OutboxMail)) if mail.kind == CHANGE] == [yes]


def test_a_mail_that_was_declined_after_it_was_posted_is_not_sent(make: Make, at: datetime) -> None:
    people = [make.person().id for _ in range(3)]
    post("lecture_postponed", people, at)
    for person_id in people[:2]:
        choose_mails(person_id, {CHANGE: False}, by=SYSTEM, at=at)
    sent: list[int | None] = []
    while send_due(lambda mail: sent.append(mail.person_id), at=at, limit=1):  # the others are not held up
        pass
    assert sent == people[2:]
    mails = list(db.session.scalars(select(OutboxMail).order_by(OutboxMail.id)))
    assert [(mail.error, mail.state) for mail in mails] == [(DECLINED, MailState.DECLINED)] * 2 + [
        (None, MailState.SENT)
    ]


def test_a_choice_for_one_series_wins_there(make: Make, at: datetime) -> None:
    person = make.person().id
    choose_mails(person, {CHANGE: False}, by=SYSTEM, at=at, series_id=7)
    assert (wanting(CHANGE, [person], 7), wanting(CHANGE, [person], 8)) == (set(), {person})
    choose_mails(person, {CHANGE: False}, by=SYSTEM, at=at)
    choose_mails(person, {CHANGE: True}, by=SYSTEM, at=at, series_id=7)
    assert (wanting(CHANGE, [person], 7), wanting(CHANGE, [person], 8)) == ({person}, set())
    choose_mails(person, {CHANGE: False}, by=SYSTEM, at=at, series_id=7)  # as for all others: nothing of its own
    assert choices_of(person) == {(CHANGE, 0): False}


def test_who_stops_a_kind_stops_it_in_each_series(make: Make, at: datetime) -> None:
    person = make.person().id
    choose_mails(person, {CHANGE: False, MailKind.REPLAY: False}, by=SYSTEM, at=at)
    choose_mails(person, {CHANGE: True, MailKind.REPLAY: True}, by=SYSTEM, at=at, series_id=7)
    stop_mails(person, [CHANGE], at=at)
    stop_mails(person, [CHANGE], at=at)
    assert wanting(CHANGE, [person], 7) == set()
    assert wanting(MailKind.REPLAY, [person], 7) == {person}


def test_choices_of_merged_people_count_for_both_until_it_is_undone(make: Make, at: datetime) -> None:
    main, merged = make.person(), make.person()
    kept_id, merged_id = main.id, merged.id
    choose_mails(merged_id, {CHANGE: False}, by=SYSTEM, at=at)
    merge_people(main.public_id, merged.public_id, by=SYSTEM, at=at)
    assert wanting(CHANGE, [kept_id, merged_id]) == set(), "who unsubscribed stays so"
    choose_mails(kept_id, {MailKind.REPLAY: False}, by=SYSTEM, at=at + timedelta(days=1))
    undo_merge(merged.public_id, by=SYSTEM, at=at + timedelta(days=2))
    assert wanting(CHANGE, [kept_id, merged_id]) == {kept_id}
    assert wanting(MailKind.REPLAY, [kept_id, merged_id]) == {merged_id}


def test_choices_are_exported_and_erased_with_their_person(make: Make, at: datetime) -> None:
    person = make.person(email="her@example.org")
    choose_mails(person.id, {CHANGE: False}, by=SYSTEM, at=at)
    boss = make.administrator()
    exported = export_person(person.public_id, by=boss, at=at)
    assert [one["kind"] for one in exported["people"]["mail_choices"]] == ["change"]
    erase_person(person.public_id, confirmation="her@example.org", withdraw_certificates=False, by=boss, at=at)
    assert db.session.scalars(select(MailChoice)).all() == []


def test_nobody_chooses_for_others(make: Make, at: datetime) -> None:
    other = make.actor()
    with pytest.raises(NotFound):
        choose_mails(make.person().id, {CHANGE: False}, by=other, at=at)

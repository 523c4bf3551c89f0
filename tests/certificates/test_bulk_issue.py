"""Issuing beside a correction, a merge and an erasure, and what a policy lets through."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from apiflask import APIFlask
from sqlalchemy import func, select, update

from lms.attendance.models.credits import Credit, Outcome
from lms.catalogue.models import CertificateKind
from lms.catalogue.queries.series import find_series
from lms.certificates import numbers
from lms.certificates.actions import awards, bulk_issue, changes
from lms.certificates.eligibility import Missing
from lms.certificates.models import Award, Certificate, CertificateState
from lms.certificates.notices import GATHERED
from lms.certificates.queries import eligibility
from lms.certificates.queries.earner_groups import EarnerGroup
from lms.certificates.queries.eligibility import Near
from lms.core.base.lists import ListRequest
from lms.core.base.roles import SYSTEM, Actor
from lms.core.database.session import db
from lms.core.time import clock
from lms.enrolment.models import Enrolment
from lms.mail.kinds import MailKind
from lms.mail.outbox import ALL_SERIES, OutboxMail
from lms.mail.sending import send_due
from lms.people.actions.mails import choose_mails
from lms.people.actions.merging import merge_people
from lms.people.actions.persons import change_profile, confirm_name
from lms.people.actions.privacy import erase_person
from lms.people.models import Person, PersonEmail
from tests.certificates.conftest import BEGAN, Programme
from tests.queries import count_statements

pytestmark = pytest.mark.databases
Make = Callable[..., Programme]
KIND = CertificateKind.PARTICIPATION


class Beside:
    """Lets another thread begin something just before the certificates of a batch are written, and waits a moment."""

    def __init__(self, app: APIFlask, monkeypatch: pytest.MonkeyPatch, act: Callable[[], object]) -> None:
        self.fault: BaseException | None = None
        write = bulk_issue.write

        def run() -> None:
            try:
                with app.app_context():
                    act()
            except BaseException as error:  # told to the test, which fails
                self.fault = error

        self.thread = threading.Thread(target=run)

        def paused(*given: object) -> None:
            if not self.thread.ident:
                self.thread.start()
                self.thread.join(0.3)  # on both databases it waits for the batch to end
            write(*given)  # type: ignore[arg-type]

        monkeypatch.setattr(bulk_issue, "write", paused)

    def end(self) -> None:
        """When the other has done its work too."""
        self.thread.join(20)
        assert not self.thread.is_alive()
        assert self.fault is None


@pytest.fixture(autouse=True)
def _not_long_afterwards(monkeypatch: pytest.MonkeyPatch, at: datetime) -> None:
    """Holders of certificates that are entered long after their day get no e-mail."""
    monkeypatch.setattr(clock, "now", lambda: at)


def rows() -> list[tuple[str, CertificateState]]:
    db.session.rollback()
    query = select(Certificate.name, Certificate.state).order_by(Certificate.id)
    return [(name, state) for name, state in db.session.execute(query)]


def test_a_name_corrected_while_it_is_issued_is_superseded(
    app: APIFlask, programme: Make, administrator: Actor, at: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = programme({"Ada Obi": "aaa"})
    change = {"full_name": "Ada Obie"}
    beside = Beside(app, monkeypatch, lambda: change_profile(made.public["Ada Obi"], change, by=administrator, at=at))
    with app.app_context():
        awards.issue_certificates(made.series_id, by=SYSTEM, at=at)
        beside.end()
        assert rows() == [("Ada Obi", CertificateState.SUPERSEDED), ("Ada Obie", CertificateState.VALID)]


def test_two_merged_while_both_are_issued_keep_one(
    app: APIFlask, programme: Make, administrator: Actor, at: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = programme({"Ada": "aaa", "Ada O.": "aaa"})
    pair = made.public["Ada"], made.public["Ada O."]
    beside = Beside(app, monkeypatch, lambda: merge_people(*pair, reason="The same person", by=administrator, at=at))
    with app.app_context():
        awards.issue_certificates(made.series_id, by=SYSTEM, at=at)
        beside.end()
        assert sorted(state for _name, state in rows()) == [CertificateState.SUPERSEDED, CertificateState.VALID]


def test_one_erased_while_it_is_issued_has_it_withdrawn(
    app: APIFlask, programme: Make, administrator: Actor, at: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = programme({"Ada": "aaa"})

    def erase() -> None:
        erase_person(made.public["Ada"], confirmation="Ada", withdraw_certificates=True, by=administrator, at=at)

    beside = Beside(app, monkeypatch, erase)
    with app.app_context():
        awards.issue_certificates(made.series_id, by=SYSTEM, at=at)
        beside.end()
        assert rows() == [("", CertificateState.WITHDRAWN)]


def test_two_runs_at_once_issue_once(
    app: APIFlask, programme: Make, at: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = programme({"Ada": "aaa", "Bo": "aaa"})
    found: list[int] = []

    def other() -> None:
        found.append(awards.issue_certificates(made.series_id, by=SYSTEM, at=at + timedelta(hours=1))["issued"])

    beside = Beside(app, monkeypatch, other)
    with app.app_context():
        found.append(awards.issue_certificates(made.series_id, by=SYSTEM, at=at)["issued"])
        beside.end()
        assert sorted(found) == [0, 2]
        assert len(rows()) == 2


@pytest.mark.usefixtures("context")
def test_an_award_says_what_was_asked_and_its_certificate_is_signed(programme: Make, at: datetime) -> None:
    made = programme({"Ada": "aaa"}, present=60, min_lectures=2, min_minutes=120)
    awards.issue_certificates(made.series_id, by=SYSTEM, at=at)
    award = db.session.scalars(select(Award)).one()
    assert (award.needed, award.needed_minutes) == (2, 120)
    row = db.session.scalars(select(Certificate)).one()
    assert row.credential is not None
    assert row.credential.count(".") == 2
    assert None not in (row.status_list, row.status_index, row.signing_kid)


@pytest.mark.usefixtures("context")
def test_minutes_a_number_and_a_last_day_decide(programme: Make, at: datetime, administrator: Actor) -> None:
    people = {"Ada": "aaa", "Bo": "aa-", "Cy": "-aa", "Di": "a--"}
    made = programme(people, present=60, min_lectures=2, min_minutes=120, deadline=date(2026, 5, 27))
    found = eligibility.preview(made.slug, by=administrator, shown=EarnerGroup.MISSES)
    assert (found.requirement.lectures, found.requirement.needed, found.requirement.minutes) == (2, 2, 120)
    assert [(row.full_name, row.attended, row.minutes, row.lacks) for row in found.rows] == [
        ("Cy", 1, 60, Missing(1, 60)),
        ("Di", 1, 60, Missing(1, 60)),
    ]
    assert awards.issue_certificates(made.series_id, by=SYSTEM, at=at)["issued"] == 2
    stations = db.session.scalars(select(Certificate)).first()
    assert stations is not None
    assert len(stations.lectures) == 2


@pytest.mark.usefixtures("context")
def test_what_is_missing_is_said_to_the_minute(programme: Make, administrator: Actor) -> None:
    made = programme({"Ada": "ap-"}, percent=60)
    credit = db.session.scalars(select(Credit).where(Credit.outcome == Outcome.PARTIAL)).one()
    credit.present_ms = 50 * 60_000 + 1  # of 54 minutes needed
    db.session.commit()
    row = eligibility.preview(made.slug, by=administrator, shown=EarnerGroup.MISSES).rows[0]
    assert (row.lacks, row.near) == (Missing(1, 0), Near("Lecture 2", "4 min"))


@pytest.mark.usefixtures("context")
def test_a_name_not_confirmed_waits_where_the_policy_says_so(
    programme: Make, at: datetime, administrator: Actor
) -> None:
    made = programme({"Ada": "aaa", "Bo": "aaa"}, confirmed_names=True)
    confirm_name("Ada", None, by=made.holder("Ada"), at=at)
    found = eligibility.preview(made.slug, by=administrator, shown=EarnerGroup.BLOCKED)
    assert [(row.full_name, row.reason) for row in found.rows] == [("Bo", "The holder has not confirmed their name.")]
    result = awards.issue_certificates(made.series_id, by=SYSTEM, at=at)
    assert (result["issued"], [item["person"] for item in result["refused"]]) == (1, [made.public["Bo"]])
    # who writes the own name has looked at it; others' change takes that away
    change_profile(made.public["Bo"], {"full_name": "Bo Li"}, by=administrator, at=at)
    assert awards.issue_certificates(made.series_id, by=SYSTEM, at=at)["issued"] == 0
    change_profile(made.public["Bo"], {"full_name": "Bo Li"}, by=made.holder("Bo"), at=at)
    assert awards.issue_certificates(made.series_id, by=SYSTEM, at=at)["issued"] == 1


@pytest.mark.usefixtures("context")
def test_who_has_not_confirmed_is_reminded_once(programme: Make, at: datetime, administrator: Actor) -> None:
    made = programme({"Ada": "aaa", "Bo": "aaa", "Cy": "a--"})
    for name in ("Ada", "Cy"):
        address = f"{name.lower()}@x.example"
        db.session.add(PersonEmail(person_id=made.people[name], address=address, key=address))
    db.session.commit()
    series = find_series(made.slug)
    assert series is not None
    series.translations = {"fr": {"title": "Cycle traduit"}}
    db.session.get_one(Person, made.people["Ada"]).locale = "fr"
    db.session.commit()
    assert awards.remind_unconfirmed(made.slug, by=administrator, at=at) == 1
    assert awards.remind_unconfirmed(made.slug, by=administrator, at=at + timedelta(days=9)) == 0
    mail = db.session.scalars(select(OutboxMail)).one()
    assert (mail.address, mail.template, mail.payload["full_name"]) == ("ada@x.example", "confirm_name", "Ada")
    assert mail.payload["title"] == "Cycle traduit"


@pytest.mark.usefixtures("context")
def test_who_is_issued_a_certificate_is_told_once_with_its_number(programme: Make, at: datetime) -> None:
    made = programme({"Ada": "aaa", "Bo": "aaa", "Cy": "a--"})
    for name in ("Ada", "Cy"):
        address = f"{name.lower()}@x.example"
        db.session.add(PersonEmail(person_id=made.people[name], address=address, key=address))
    db.session.commit()
    for day in range(2):
        awards.issue_certificates(made.series_id, by=SYSTEM, at=at + timedelta(days=day))
    mail = db.session.scalars(select(OutboxMail)).one()
    number = db.session.scalars(select(Certificate.number).where(Certificate.name == "Ada")).one()
    [ready] = mail.payload["certificates"]
    assert (mail.address, mail.kind, ready["number"]) == ("ada@x.example", "certificate", numbers.write(number))
    assert mail.series_id == made.series_id


def with_address(person_id: int, address: str) -> None:
    db.session.add(PersonEmail(person_id=person_id, address=address, key=address))
    db.session.commit()


def into_series(made: Programme, other: Programme, name: str) -> None:
    """Has the person of one programme be the one who attended another."""
    kept, gone = made.people[name], other.people[f"{name} {other.slug}"]
    for row in (Credit, Enrolment):
        db.session.execute(update(row).where(row.person_id == gone).values(person_id=kept))
    db.session.commit()


@pytest.mark.usefixtures("context")
def test_who_earned_several_certificates_is_told_in_one_mail(programme: Make, at: datetime) -> None:
    made = programme({"Ada": "aaa", "Bo": "aaa"})
    for name in ("Ada", "Bo"):
        with_address(made.people[name], f"{name.lower()}@x.example")
    more = [programme({f"Ada {slug}": "aaa"}, slug=slug, title=slug.title()) for slug in ("green", "customs", "rules")]
    for other in more:
        into_series(made, other, "Ada")
    choose_mails(made.people["Ada"], {MailKind.CERTIFICATE: False}, by=SYSTEM, at=at, series_id=more[1].series_id)
    for one in (made, *more):
        awards.issue_certificates(one.series_id, by=SYSTEM, at=at)
    told = {mail.address: mail for mail in db.session.scalars(select(OutboxMail))}
    assert set(told) == {"ada@x.example", "bo@x.example"}
    titles = ["Livestream commerce from a village", "Green", "Rules"]
    assert [one["title"] for one in told["ada@x.example"].payload["certificates"]] == titles, "but of what is declined"
    assert (told["ada@x.example"].series_id, told["bo@x.example"].series_id) == (ALL_SERIES, made.series_id)
    issued = {numbers.write(number) for number in db.session.scalars(select(Certificate.number))}
    assert {one["number"] for one in told["ada@x.example"].payload["certificates"]} < issued


@pytest.mark.usefixtures("context")
def test_a_certificate_is_told_of_in_a_mail_of_its_own_once_the_first_one_is_taken(
    programme: Make, at: datetime
) -> None:
    made = programme({"Ada": "aaa"})
    with_address(made.people["Ada"], "ada@x.example")
    other = programme({"Ada green": "aaa"}, slug="green", title="Green")
    into_series(made, other, "Ada")
    awards.issue_certificates(made.series_id, by=SYSTEM, at=at)
    due = db.session.scalars(select(OutboxMail.due_at)).one()
    assert send_due(lambda _mail: None, at=due - timedelta(seconds=1)) == 0
    sent: list[OutboxMail] = []

    def fail(mail: OutboxMail) -> None:
        sent.append(mail)
        raise OSError

    send_due(fail, at=due)
    assert len(sent) == 1, "a worker has it: nobody knows whether it left"
    awards.issue_certificates(other.series_id, by=SYSTEM, at=at)
    mails = db.session.scalars(select(OutboxMail).order_by(OutboxMail.id)).all()
    assert [[one["title"] for one in mail.payload["certificates"]] for mail in mails] == [
        ["Livestream commerce from a village"],
        ["Green"],
    ]


@pytest.mark.usefixtures("context")
def test_a_mail_names_only_certificates_that_are_valid_when_it_leaves_by_their_number_of_then(
    programme: Make, at: datetime, administrator: Actor
) -> None:
    made = programme({"Ada": "aaa"})
    with_address(made.people["Ada"], "ada@x.example")
    others = [programme({f"Ada {slug}": "aaa"}, slug=slug, title=slug.title()) for slug in ("green", "customs")]
    for one in (made, *others):
        if one is not made:
            into_series(made, one, "Ada")
        awards.issue_certificates(one.series_id, by=SYSTEM, at=at)
    number = db.session.scalars(select(Certificate.number).where(Certificate.series_title == "Green")).one()
    changes.revoke(number, reason="Issued by mistake", by=administrator, at=at)
    change_profile(made.public["Ada"], {"full_name": "Ada Lovelace"}, by=administrator, at=at)
    sent: list[Any] = []
    send_due(lambda mail: sent.append(mail.payload["certificates"]), at=at + GATHERED)
    [ready] = sent
    valid = select(Certificate.number).where(Certificate.state == CertificateState.VALID)
    assert {one["number"] for one in ready} == {numbers.write(number) for number in db.session.scalars(valid)}
    assert [one["title"] for one in ready] == ["Livestream commerce from a village", "Customs"]


@pytest.mark.usefixtures("context")
def test_mails_about_certificates_take_as_many_statements_for_many_people_as_for_few(
    programme: Make, at: datetime
) -> None:
    def statements(people: int, slug: str) -> int:
        first = programme({f"{slug} {number}": "aaa" for number in range(people)}, slug=slug)
        names = [f"{slug} {number}" for number in range(people)]
        second = programme({f"{name} {slug}-2": "aaa" for name in names}, slug=f"{slug}-2")
        for name in names:
            with_address(first.people[name], f"{name.replace(' ', '')}@x.example")
            into_series(first, second, name)
        awards.issue_certificates(first.series_id, by=SYSTEM, at=at)
        return count_statements(lambda: awards.issue_certificates(second.series_id, by=SYSTEM, at=at))

    statements(1, "a")
    assert statements(2, "b") == statements(20, "c")
    assert {len(mail.payload["certificates"]) for mail in db.session.scalars(select(OutboxMail))} == {2}


@pytest.mark.usefixtures("context")
def test_nobody_is_told_of_a_certificate_that_was_entered_long_afterwards(programme: Make, at: datetime) -> None:
    made = programme({"Ada": "aaa"})
    db.session.add(PersonEmail(person_id=made.people["Ada"], address="ada@x.example", key="ada@x.example"))
    db.session.commit()
    assert awards.issue_certificates(made.series_id, by=SYSTEM, at=at - timedelta(days=40))["issued"] == 1
    assert db.session.scalars(select(OutboxMail)).all() == []


@pytest.mark.usefixtures("context")
def test_groups_are_paged_and_given_as_a_file(
    programme: Make, administrator: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = programme({"Ada": "aaa", "Émile": "aaa", "Zoë": "aaa"})
    monkeypatch.setattr(eligibility, "_CHUNK", 2)
    first, last = (
        eligibility.preview(made.slug, by=administrator, request=ListRequest(page=page, size=2)) for page in (1, 9)
    )
    assert (first.pages, [row.full_name for row in first.rows]) == (2, ["Ada", "Émile"])
    assert (last.page, [row.full_name for row in last.rows]) == (2, ["Zoë"])
    lines = list(eligibility.table(made.slug, EarnerGroup.EARNED, by=administrator))
    assert [line[0] for line in lines] == ["Ada", "Émile", "Zoë"]
    assert db.session.scalar(select(func.count(Person.id)).where(Person.created_at == BEGAN)) == 4


def test_people_are_filtered_and_sorted_on_the_page_and_in_the_file(programme: Any, make: Any, client: Any) -> None:
    made = programme({"Ada": "aaa", "Émile": "aaa", "Zoë": "aap"})
    with make.app.app_context():
        db.session.get_one(Person, made.people["Émile"]).organisation = "Asociación"
        db.session.commit()
        make.sign_in(client, make.person("Zhou", roles=["administrator"]))
    path = f"/series/{made.slug}/certificates"

    def names(query: str) -> list[str]:
        return re.findall(
            r'<tr data-person="[^"]+">\s*<th scope="row"><a[^>]*><bdi>(\w+)</bdi>', client.get(path + query).text
        )

    assert names("?show=earned&q=ad") == ["Ada"]
    assert names("?show=earned&country=PE") == []
    assert names("?show=earned&organisation=ASOCIACION") == ["Émile"]
    assert names("?show=misses&organisation=Asociación") == []
    assert '<option value="Asociación">Asociación</option>' in client.get(path).text
    assert names("?show=earned&sort=-name")[-1] == "Ada"
    assert "Nothing found" in client.get(path + "?show=earned&q=nobody").text
    page = client.get(path + "?show=earned&q=ad").text.replace("&#38;", "&amp;")
    lines = client.get(path + ".csv?show=earned&q=ad")
    assert f'filename="{made.slug}-earned-search.csv"' in lines.headers["Content-Disposition"]
    assert [line.split(",")[0] for line in lines.text.splitlines()[1:]] == ["Ada"]
    lines = client.get(path + ".csv?show=earned&organisation=asociacion")
    assert f'filename="{made.slug}-earned-organisation.csv"' in lines.headers["Content-Disposition"]
    assert [line.split(",")[0] for line in lines.text.splitlines()[1:]] == ["Émile"]
    assert client.get(path + ".xlsx?show=earned").data[:2] == b"PK"
    assert re.search(re.escape(path) + r"\.xlsx\?(show=earned&amp;q=ad|q=ad&amp;show=earned)", page)

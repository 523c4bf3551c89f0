"""Scheduled reports: once a period whoever does it, for those who may see them, from what was frozen."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from typing import Any

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient
from python_calamine import CalamineWorkbook
from sqlalchemy import select, update
from sqlalchemy.exc import OperationalError

from lms.catalogue.models import Series
from lms.core.database.session import db
from lms.mail import rendering
from lms.mail.outbox import OutboxMail
from lms.mail.sending import send_due
from lms.people.models import Account, RoleGrant
from lms.reports import jobs as job
from lms.reports.actions import saved, sending
from lms.reports.jobs import send_scheduled
from lms.reports.models import ReportRun, UnsubscribeLink
from lms.reports.periods import Rhythm
from lms.reports.queries.saved import failing_saved, get_saved, list_readers, list_sendings
from tests.factories import Make
from tests.languages import offering
from tests.reports.world import World

SAVED_AT = datetime(2024, 6, 30, 12, 0, tzinfo=UTC)
DUE = datetime(2024, 7, 1, 0, 0, tzinfo=UTC)
"""Eight o'clock in Shanghai."""
ASKS = {"figure": "participants", "rows": "country", "period": "last_quarter"}


class Desk:
    """A report of an administrator's, sent each quarter to the owner and a reporter."""

    def __init__(self, app: APIFlask, make: Make, world: World, asks: dict[str, str] = ASKS) -> None:
        self.app, self.world = app, world
        self.series = world.series("one")
        self.lecture = world.lecture(self.series, datetime(2024, 5, 6, 4, tzinfo=UTC))
        world.attend(self.lecture, *(world.person(code) for code in ["KE"] * 3 + ["UG"]))
        later = world.lecture(self.series, datetime(2024, 7, 1, 4, tzinfo=UTC))
        world.attend(later, world.person("FR"))
        self.owner = make.person("Owner One", roles=["administrator"], email="owner@example.org", at=SAVED_AT)
        self.reader = make.person(
            "Reader Two", roles=["reporter"], email="reader@example.org", locale="fr", at=SAVED_AT
        )
        with app.app_context():
            self.by = make.actor(self.owner)
            self.report = saved.save_report("The quarter", asks, by=self.by, at=SAVED_AT)

    def schedule(self, rhythm: Rhythm = Rhythm.QUARTERLY, hour: int = 8, at: datetime = SAVED_AT) -> None:
        to = "owner@example.org reader@example.org"
        with self.app.app_context():
            saved.schedule_report(self.report, rhythm, hour, to, by=self.by, at=at)

    def send(self, at: datetime = DUE) -> int:
        with self.app.app_context():
            return send_scheduled(at=at)

    def mails(self) -> list[OutboxMail]:
        with self.app.app_context():
            return list(db.session.scalars(select(OutboxMail).order_by(OutboxMail.id)))

    def runs(self) -> list[tuple[str, int, int, str | None]]:
        with self.app.app_context():
            rows = db.session.scalars(select(ReportRun).order_by(ReportRun.day))
            return [(row.day.isoformat(), len(row.mails), row.left_out, row.failure) for row in rows]

    def message(self, index: int = 0) -> EmailMessage:
        with self.app.app_context():
            return rendering.render(self.mails()[index], self.app.extensions["lms.config"])


@pytest.fixture(autouse=True)
def _french(app: APIFlask) -> Iterator[None]:
    """A reader reads French."""
    with offering(app, "fr"):
        yield


@pytest.fixture
def desk(app: APIFlask, make: Make, world: World) -> Desk:
    made = Desk(app, make, world)
    made.schedule()
    return made


@pytest.mark.databases
def test_once_a_period_however_often_the_worker_looks(desk: Desk) -> None:
    assert desk.send(DUE - timedelta(seconds=1)) == 0
    assert [desk.send(DUE + timedelta(minutes=minutes)) for minutes in (0, 1, 90 * 24 * 60)] == [1, 0, 0]
    assert [(mail.address, mail.locale) for mail in desk.mails()] == [
        ("owner@example.org", "en"), ("reader@example.org", "fr"),
    ]  # fmt: skip
    assert desk.runs() == [("2024-07-01", 2, 0, None)]
    assert desk.send(datetime(2024, 10, 1, 0, 0, tzinfo=UTC)) == 1
    assert [run[0] for run in desk.runs()] == ["2024-07-01", "2024-10-01"]


def test_what_was_due_while_the_worker_was_down_is_sent_once_the_latest_only(desk: Desk) -> None:
    desk.schedule(Rhythm.DAILY)
    assert desk.send(DUE + timedelta(days=5, hours=3)) == 1
    assert [run[0] for run in desk.runs()] == ["2024-07-06"]
    assert [mail.expires_at for mail in desk.mails()] == [DUE + timedelta(days=6)] * 2


def test_what_was_due_before_it_was_scheduled_is_not_sent(desk: Desk) -> None:
    desk.schedule(Rhythm.WEEKLY, at=DUE + timedelta(hours=1))
    assert desk.send(DUE + timedelta(hours=2)) == 0
    desk.schedule(Rhythm.WEEKLY, at=DUE + timedelta(days=7, minutes=-1))  # the same again: nothing begins anew
    assert desk.send(DUE + timedelta(days=7)) == 1


def test_the_mail_has_the_figures_as_frozen_and_no_person(desk: Desk) -> None:
    desk.send()
    desk.world.attend(desk.lecture, desk.world.person("FR"))
    message = desk.message()
    body = message.get_body(("plain",)).get_content()  # type: ignore[union-attr]
    assert message["Subject"] == "The quarter: 1 April 2024 to 30 June 2024"
    assert "4 participants from 2 countries in 1 session, 1 April 2024 to 30 June 2024" in body
    assert "Participants by Country:\n\n  Kenya: 3\n  Uganda: 1\n" in body
    assert "As at 1 July 2024, 08:00 in Beijing." in body
    assert "/admin/reports?figure=participants&rows=country&from=2024-04-01&to=2024-06-30" in body
    csv, xlsx = message.iter_attachments()
    name = "participants-by-country-2024-04-01-to-2024-06-30"
    assert [csv.get_filename(), xlsx.get_filename()] == [f"{name}.csv", f"{name}.xlsx"]
    lines = csv.get_content().removeprefix("\ufeff").splitlines()
    assert lines[0].startswith("country,country_name,sessions,participants,")
    assert [line[:12] for line in lines[1:]] == ["KE,Kenya,1,3", "UG,Uganda,1,"]
    sheet = CalamineWorkbook.from_filelike(io.BytesIO(xlsx.get_content())).get_sheet_by_index(0).to_python()
    assert [row[1] for row in sheet] == ["country_name", "Kenya", "Uganda"]
    assert "Person" not in body + csv.get_content()


def test_it_is_sent_through_the_outbox(desk: Desk, make: Make) -> None:
    desk.send()
    taken: list[EmailMessage] = []
    with desk.app.app_context():
        config = desk.app.extensions["lms.config"]
        send_due(lambda mail: taken.append(rendering.render(mail, config)), at=DUE)
        shown = list_sendings(get_saved(desk.report, by=desk.by))
        assert [(one.sent, one.waiting, one.reasons) for one in shown] == [(2, 0, [])]
    assert len(taken) == 2
    assert [mail.payload.get("secret") for mail in desk.mails()] == [None, None]


def test_a_mail_server_that_refuses_shows_on_the_page(desk: Desk, client: FlaskClient, make: Make) -> None:
    desk.send()

    def refuse(_mail: OutboxMail) -> None:
        raise OSError("the mailbox is full")

    with desk.app.app_context():
        send_due(refuse, at=DUE)
        assert failing_saved(by=desk.by)
    make.sign_in(client, desk.owner)
    page = client.get(f"/admin/reports/saved/{desk.report}").text
    assert "OSError: the mailbox is full" in page
    assert "Not sent" in client.get("/admin/reports").text


@pytest.mark.databases(differs=True)
def test_two_workers_at_once_send_once(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    gate, keep_run = threading.Barrier(2), job.keep_run

    def together(*given: Any, **more: Any) -> bool:
        gate.wait(20)
        return keep_run(*given, **more)

    monkeypatch.setattr(job, "keep_run", together)
    done: list[int] = []
    threads = [threading.Thread(target=lambda: done.append(desk.send())) for _n in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(done) == [0, 1]
    assert desk.runs() == [("2024-07-01", 2, 0, None)]
    assert len(desk.mails()) == 2


@pytest.mark.databases
def test_a_worker_that_dies_before_the_commit_left_nothing(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def die(*_given: Any, **_more: Any) -> None:
        raise SystemExit(137)

    with monkeypatch.context() as patched:
        patched.setattr(sending, "ReportRun", die)
        with pytest.raises(SystemExit):
            desk.send()
    assert (desk.mails(), desk.runs()) == ([], [])
    assert [desk.send(DUE + timedelta(hours=1)), desk.send(DUE + timedelta(hours=1))] == [1, 0]
    assert len(desk.mails()) == 2


def test_while_the_database_is_away_nothing_is_kept(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_given: Any, **_more: Any) -> None:
        raise OperationalError("SELECT", {}, OSError())

    with monkeypatch.context() as patched:
        patched.setattr(job, "count_frozen", away)
        assert desk.send() == 0
    assert desk.runs() == []
    assert desk.send() == 1


def test_a_reader_who_lost_the_role_gets_nothing(desk: Desk) -> None:
    revoked = update(RoleGrant).where(RoleGrant.person_id == desk.reader.id).values(revoked_at=DUE - timedelta(days=1))
    desk.world.execute(revoked)
    desk.send()
    assert [mail.address for mail in desk.mails()] == ["owner@example.org"]
    assert desk.runs() == [("2024-07-01", 1, 1, None)]


def test_staff_whose_roles_rest_get_nothing(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desk.app.extensions["lms.config"], "staff_needs_second_factor", True)
    desk.send()
    assert desk.mails() == []
    assert desk.runs() == [("2024-07-01", 0, 0, "The owner of this report can no longer see it.")]


def test_an_owner_who_lost_the_role_or_the_account_has_nothing_counted(desk: Desk) -> None:
    desk.world.execute(update(Account).where(Account.person_id == desk.owner.id).values(disabled_at=SAVED_AT))
    desk.send()
    assert desk.mails() == []
    assert [run[3] for run in desk.runs()] == ["The owner of this report can no longer see it."]


def test_the_right_of_the_owner_decides_what_is_counted(app: APIFlask, make: Make, world: World) -> None:
    speaker = make.person("Speaker", roles=[("focal_point", "KE")], email="speaker@example.org", at=SAVED_AT)
    make.person("Other", roles=[("focal_point", "UG")], email="other@example.org", at=SAVED_AT)
    desk = Desk(app, make, world)
    with app.app_context():
        by = make.actor(speaker)
        report_id = saved.save_report("Kenya", {**ASKS, "country": "KE"}, by=by, at=SAVED_AT)
        for address in ("other@example.org", "nobody@example.org"):
            with pytest.raises(saved.Invalid):
                saved.schedule_report(report_id, Rhythm.QUARTERLY, 8, address, by=by, at=SAVED_AT)
        saved.schedule_report(report_id, Rhythm.QUARTERLY, 8, "speaker@example.org", by=by, at=SAVED_AT)
    assert desk.send() == 1
    assert "3 participants from 1 country" in desk.message().get_body(("plain",)).get_content()  # type: ignore[union-attr]


def test_what_cannot_be_counted_says_why_and_is_tried_again_when_saved(
    app: APIFlask, client: FlaskClient, make: Make, world: World
) -> None:
    desk = Desk(app, make, world, {**ASKS, "series": "one"})
    desk.schedule()
    world.execute(update(Series).values(slug="another"))
    assert [desk.send(), desk.send()] == [1, 0]
    assert desk.runs() == [("2024-07-01", 0, 0, "Unknown series “one”.")]
    make.sign_in(client, desk.owner)
    assert "Unknown series “one”." in client.get(f"/admin/reports/saved/{desk.report}").text
    world.execute(update(Series).values(slug="one"))
    assert desk.send() == 0
    desk.schedule(at=DUE + timedelta(hours=1))
    assert desk.send(DUE + timedelta(hours=2)) == 1
    assert desk.runs() == [("2024-07-01", 2, 0, None)]


def test_a_bug_in_one_report_keeps_no_other_waiting(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    with desk.app.app_context():
        second = saved.save_report("Second", {**ASKS, "rows": "year"}, by=desk.by, at=SAVED_AT)
        saved.schedule_report(second, Rhythm.QUARTERLY, 8, "owner@example.org", by=desk.by, at=SAVED_AT)
    count_frozen = job.count_frozen

    def broken(name: str, slice_: Any, dimensions: Any, **more: Any) -> Any:
        if dimensions == ("country",):
            raise KeyError("secret detail")
        return count_frozen(name, slice_, dimensions, **more)

    monkeypatch.setattr(job, "count_frozen", broken)
    assert desk.send() == 2
    assert sorted(run[3] or "" for run in desk.runs()) == ["", "KeyError"]


def test_one_that_was_stopped_or_removed_meanwhile_is_not_sent(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    keep_run = job.keep_run

    def stop_first(*given: Any, **more: Any) -> bool:
        saved.stop_schedule(desk.report, by=desk.by, at=DUE)
        return keep_run(*given, **more)

    monkeypatch.setattr(job, "keep_run", stop_first)
    assert (desk.send(), desk.mails()) == (0, [])


@pytest.mark.databases
def test_who_unsubscribed_gets_no_more_and_only_by_oneself_again(desk: Desk, client: FlaskClient) -> None:
    desk.send()
    message, secret = desk.message(1), desk.mails()[1].payload["secret"]
    url = f"http://localhost/unsubscribe/{secret}"
    assert message["List-Unsubscribe"] == f"<{url}>"
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert url in message.get_body(("plain",)).get_content()  # type: ignore[union-attr]
    with desk.app.app_context():
        hashes = set(db.session.scalars(select(UnsubscribeLink.secret_hash)))
    assert len(hashes) == 2
    assert secret not in hashes

    page = client.get(f"/unsubscribe/{secret}")  # a mail program that looks at links changes nothing
    assert "Unsubscribe" in page.text
    assert page.headers["Referrer-Policy"] == "strict-origin"
    assert "reader@" not in page.text
    with desk.app.app_context():
        assert [one.unsubscribed_at for one in list_readers(get_saved(desk.report, by=desk.by))] == [None, None]
    one_click = {"List-Unsubscribe": "One-Click"}
    answers = [client.post(f"/unsubscribe/{secret}", data=one_click) for _n in range(2)]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert "You have unsubscribed from this report" in answers[1].text
    assert client.post("/unsubscribe/wrong", data=one_click).status_code == 404

    desk.send(datetime(2024, 10, 1, tzinfo=UTC))
    assert [mail.address for mail in desk.mails()][2:] == ["owner@example.org"]
    with pytest.raises(saved.Invalid, match="has unsubscribed"):
        desk.schedule(at=datetime(2024, 11, 1, tzinfo=UTC))
    client.post(f"/unsubscribe/{secret}", data={"again": "y"})
    desk.schedule(at=datetime(2024, 11, 1, tzinfo=UTC))
    desk.send(datetime(2025, 1, 1, tzinfo=UTC))
    assert [mail.address for mail in desk.mails()][3:] == ["owner@example.org", "reader@example.org"]


def test_each_reader_gets_the_names_of_the_own_language(desk: Desk) -> None:
    desk.send()
    csv = next(iter(desk.message(1).iter_attachments())).get_content()
    assert "UG,Ouganda," in csv
    assert "UG,Uganda," in next(iter(desk.message(0).iter_attachments())).get_content()

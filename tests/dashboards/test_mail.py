"""The administrators' page of all mail, one mail as its reader gets it, and previews of templates."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

import pytest
from flask.testing import FlaskClient

from lms.core.database.session import action, db
from lms.mail.bounce_mailbox import MailboxAddress, MailboxFault, claim, note_fault, note_read
from lms.mail.bounces import stopped_among
from lms.mail.kinds import KIND_OF
from lms.mail.outbox import MailState, OutboxMail, post_mail
from lms.mail.reasons import MailReason
from lms.mail.sending import send_due
from tests.dashboards.conftest import World
from tests.factories import PASSWORD
from tests.forms import token_in


@pytest.fixture
def administrator(world: World) -> FlaskClient:
    return world.signed_in(world.make.person("Zhou Anran", roles=["administrator"], password=PASSWORD))


def post(
    world: World,
    number: int,
    state: MailState,
    reason: MailReason | None = None,
    *,
    address: str | None = None,
    expires_at: datetime | None = None,
) -> int:
    @action
    def write() -> int:
        post_mail(
            "reset",
            address=address or f"n{number}@example.org",
            expires_at=expires_at,
            payload={"full_name": f"Reader {number}", "secret": "s3cr3t"},
            dedupe_key=f"page-{number}",
            at=world.at + timedelta(seconds=number),
        )
        mail = db.session.query(OutboxMail).filter_by(dedupe_key=f"page-{number}").one()
        mail.state, mail.reason = state, reason
        mail.error = "550 5.1.1 unknown" if reason else None
        mail.attempts = 3 if reason else 0
        return mail.id

    with world.make.app.app_context():
        return write()


def press(client: FlaskClient, path: str = "/admin/mail/again", **fields: object) -> str:
    return client.post(path, data={"csrf_token": token_in(client.get("/admin/mail").text), **fields}).text


def rows(page: str) -> list[str]:
    return re.findall(r'data-testid="mail" data-state="(\w+)"', page)


def figure(page: str, name: str) -> int:
    found = re.search(rf'data-testid="figure-{name}" data-value="(\d+)"', page)
    assert found is not None
    return int(found[1])


@pytest.mark.databases
def test_the_list_is_filtered_by_its_figures_and_says_why(world: World, administrator: FlaskClient) -> None:
    post(world, 1, MailState.SENT)
    post(world, 2, MailState.FAILED, MailReason.NO_SUCH_ADDRESS)
    post(world, 3, MailState.QUEUED, MailReason.MAILBOX_FULL)
    post(world, 4, MailState.QUEUED)
    page = administrator.get("/admin/mail").text
    assert (figure(page, "all"), figure(page, "sent"), figure(page, "failed"), figure(page, "queued")) == (4, 1, 2, 2)
    assert rows(page) == ["queued", "queued", "failed", "sent"]
    failed = administrator.get("/admin/mail?state=failed").text
    assert rows(failed) == ["queued", "failed"]
    assert "No such address" in failed
    assert "Failed, will be tried again" in failed
    assert rows(administrator.get("/admin/mail?reason=mailbox_full").text) == ["queued"]
    assert rows(administrator.get("/admin/mail?q=N2@EXAMPLE").text) == ["failed"]
    assert rows(administrator.get("/admin/mail?kind=reminder").text) == []


@pytest.mark.databases
def test_failed_ones_are_tried_again_after_a_question_and_sent_ones_never(
    world: World, administrator: FlaskClient
) -> None:
    sent = post(world, 1, MailState.SENT)
    failed = post(world, 2, MailState.FAILED, MailReason.NO_SUCH_ADDRESS)
    assert "Try again: 1 e-mail" in press(administrator, people=[str(sent), str(failed), "x"])

    def attempts() -> list[tuple[str, int]]:
        with world.make.app.app_context():
            return [(mail.state, mail.attempts) for mail in db.session.query(OutboxMail).order_by(OutboxMail.id)]

    assert attempts() == [("sent", 0), ("failed", 3)], "the question changes nothing"
    for _twice in range(2):
        press(administrator, people=[str(sent), str(failed)], confirm="1")
        assert attempts() == [("sent", 0), ("queued", 0)]
    post(world, 3, MailState.FAILED, MailReason.TEMPLATE)
    press(administrator, "/admin/mail/again?state=failed", all="1", confirm="1")
    assert attempts() == [("sent", 0), ("queued", 0), ("queued", 0)]


def states(world: World) -> list[str]:
    with world.make.app.app_context():
        return [mail.state for mail in db.session.query(OutboxMail).order_by(OutboxMail.id)]


@pytest.mark.databases
def test_what_waits_or_failed_is_not_sent_after_a_question_until_it_is_released(
    world: World, administrator: FlaskClient
) -> None:
    mails = [
        post(world, 1, MailState.SENT),
        post(world, 2, MailState.QUEUED),
        post(world, 3, MailState.QUEUED, MailReason.MAILBOX_FULL),
        post(world, 4, MailState.FAILED, MailReason.TEMPLATE),
        post(world, 5, MailState.FAILED, MailReason.NO_SUCH_ADDRESS),
    ]
    ticked = [str(one) for one in mails]
    before = ["sent", "queued", "queued", "failed", "failed"]
    asked = press(administrator, "/admin/mail/withhold", people=ticked)
    assert "Do not send: 3 e-mails" in asked
    assert "Reset your password: <b>3</b>" in asked
    assert states(world) == before, "the question changes nothing"
    for _twice in range(2):
        press(administrator, "/admin/mail/withhold", people=ticked, confirm="1")
        assert states(world) == ["sent", "stopped", "stopped", "stopped", "failed"]
    with world.make.app.app_context():
        assert send_due(lambda mail: None, at=world.at + timedelta(hours=1)) == 0
    listed = administrator.get("/admin/mail?reason=withheld").text
    assert rows(listed) == ["stopped", "stopped", "stopped"]
    assert "Send after all" in listed
    assert "Send after all: 3 e-mails" in press(administrator, "/admin/mail/release?reason=withheld", all="1")
    press(administrator, "/admin/mail/release", people=ticked, confirm="1")
    assert states(world) == ["sent", "queued", "queued", "queued", "failed"]
    with world.make.app.app_context():
        assert {mail.payload["secret"] for mail in db.session.query(OutboxMail)} == {"s3cr3t"}, "its link still works"


def test_what_is_too_late_or_was_stopped_otherwise_stays_stopped(world: World, administrator: FlaskClient) -> None:
    late = post(world, 1, MailState.STOPPED, MailReason.WITHHELD, expires_at=world.at - timedelta(minutes=1))
    other = post(world, 2, MailState.STOPPED, MailReason.STOPPED)
    said = press(administrator, "/admin/mail/release", people=[str(late), str(other)], confirm="1")
    assert "Redirecting" in said
    assert "can still be sent" in administrator.get("/admin/mail").text
    assert states(world) == ["stopped", "stopped"]


def test_all_that_wait_are_withheld_by_a_filter(world: World, administrator: FlaskClient) -> None:
    post(world, 1, MailState.QUEUED)
    post(world, 2, MailState.QUEUED, MailReason.MAILBOX_FULL)
    press(administrator, "/admin/mail/withhold?reason=mailbox_full", all="1", confirm="1")
    assert states(world) == ["queued", "stopped"]


def test_one_mail_is_withheld_on_its_page(world: World, administrator: FlaskClient) -> None:
    waiting, sent = post(world, 1, MailState.QUEUED), post(world, 2, MailState.SENT)
    assert 'formaction="/admin/mail/withhold"' in administrator.get(f"/admin/mail/{waiting}").text
    assert "formaction" not in administrator.get(f"/admin/mail/{sent}").text
    press(administrator, "/admin/mail/withhold", people=str(waiting), confirm="1")
    assert 'formaction="/admin/mail/release"' in administrator.get(f"/admin/mail/{waiting}").text


@pytest.mark.databases
def test_stopped_addresses_are_listed_and_written_to_again(world: World, administrator: FlaskClient) -> None:
    for number in range(4):
        post(world, number, MailState.UNDELIVERED, MailReason.NO_SUCH_ADDRESS, address="ada@example.org")
        post(world, 10 + number, MailState.FAILED, MailReason.NO_SUCH_ADDRESS, address="eve@example.org")
    for number in range(2):
        post(world, 20 + number, MailState.UNDELIVERED, MailReason.NO_SUCH_ADDRESS, address="bob@example.org")
    assert figure(administrator.get("/admin/mail").text, "addresses") == 2
    page = administrator.get("/admin/mail/addresses").text
    assert page.count('data-testid="address"') == 2
    assert "bob@example.org" not in page
    assert administrator.get("/admin/mail/addresses?q=EVE").text.count('data-testid="address"') == 1
    for order in ("address", "-address", "mails", "-last"):
        assert administrator.get(f"/admin/mail/addresses?sort={order}").text.count('data-testid="address"') == 2
    (ada,) = re.findall(r'name="people" value="(\d+)" form="bulk"><span class="hide">Select ada@', page)
    again = "/admin/mail/addresses/again"
    assert "Write to 1 address again?" in press(administrator, again, people=[ada])
    assert figure(administrator.get("/admin/mail").text, "addresses") == 2, "the question changes nothing"
    press(administrator, again, people=[ada, "x"], confirm="1")
    with world.make.app.app_context():
        assert stopped_among(["ada@example.org", "eve@example.org"]) == {"eve@example.org"}
    press(administrator, again, all="1", confirm="1")
    assert "No address is stopped" in administrator.get("/admin/mail/addresses").text
    assert "is stopped. Nothing was changed." in follow(administrator, again, all="1", confirm="1")


def follow(client: FlaskClient, path: str, **fields: object) -> str:
    press(client, path, **fields)
    return client.get("/admin/mail").text


def test_a_mailbox_that_cannot_be_read_is_said_without_its_password(
    world: World, administrator: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = "imaps://bounces:s3cr3t@mail.example/INBOX"
    assert 'data-testid="mailbox"' not in administrator.get("/admin/mail").text
    monkeypatch.setattr(world.make.app.extensions["lms.config"], "bounce_url", address)
    assert 'data-testid="mailbox"' not in administrator.get("/admin/mail").text
    name = MailboxAddress.of(address).digest
    with world.make.app.app_context():
        claim(name, at=world.at)
        note_fault(name, MailboxFault.SIGN_IN, "LOGIN failed", at=world.at)
    page = administrator.get("/admin/mail").text
    assert "The mail server refuses the user or the password." in page
    assert "LOGIN failed" in page
    assert "s3cr3t" not in page
    with world.make.app.app_context():
        note_read(name, is_all=True, at=world.at)
    page = administrator.get("/admin/mail").text
    assert 'data-testid="mailbox"' not in page
    assert "Returned e-mails were last read" in page


def test_a_mail_is_shown_without_its_secret(world: World, administrator: FlaskClient) -> None:
    waiting = post(world, 1, MailState.QUEUED)
    page = administrator.get(f"/admin/mail/{waiting}").text
    assert "s3cr3t" not in page
    assert "Dear Reader 1," in page
    assert 'class="btn btn-go">Choose a new password</a>' in page
    assert "/reset/••••••" in page
    assert administrator.get("/admin/mail/999999").status_code == 404


def test_an_erased_mail_is_listed_and_cannot_be_shown(world: World, administrator: FlaskClient) -> None:
    erased = post(world, 1, MailState.FAILED, MailReason.TEMPLATE)
    with world.make.app.app_context():
        db.session.query(OutboxMail).update({"address": "", "payload": {}})
        db.session.commit()
    assert "Erased" in administrator.get("/admin/mail").text
    assert "This e-mail cannot be shown." in administrator.get(f"/admin/mail/{erased}").text


def test_each_template_is_named_and_previewed(world: World, administrator: FlaskClient) -> None:
    """A template that lacks a value fails here, before anybody gets it."""
    listed = administrator.get("/admin/mail/templates").text
    for template in KIND_OF:
        answer = administrator.get(f"/admin/mail/templates/{template}")
        assert answer.status_code == 200, template
        assert 'data-testid="html"' in answer.text
        assert f"/admin/mail/templates/{template}" in listed
        assert f">{template.replace('_', ' ')}</a>" not in listed, "it has a name"
    assert administrator.get("/admin/mail/templates/nothing").status_code == 404

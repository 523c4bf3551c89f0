"""The administrators' page of all mail, one mail as its reader gets it, and previews of templates."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from flask.testing import FlaskClient

from lms.core.db import action, db
from lms.core.mail_kinds import KIND_OF
from lms.core.mail_reasons import MailReason
from lms.core.outbox import MailState, OutboxMail, post_mail
from tests.dashboards.conftest import World
from tests.factories import PASSWORD


@pytest.fixture
def administrator(world: World) -> FlaskClient:
    return world.signed_in(world.make.person("Zhou Anran", roles=["administrator"], password=PASSWORD))


def post(world: World, number: int, state: MailState, reason: MailReason | None = None) -> int:
    @action
    def write() -> int:
        post_mail(
            "reset",
            address=f"n{number}@example.org",
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
    token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', client.get("/admin/mail").text)
    assert token is not None
    return client.post(path, data={"csrf_token": token[1], **fields}).text


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
    assert "Try 1 e-mail again?" in press(administrator, people=[str(sent), str(failed), "x"])

    def states() -> list[tuple[str, int]]:
        with world.make.app.app_context():
            return [(mail.state, mail.attempts) for mail in db.session.query(OutboxMail).order_by(OutboxMail.id)]

    assert states() == [("sent", 0), ("failed", 3)], "the question changes nothing"
    for _twice in range(2):
        press(administrator, people=[str(sent), str(failed)], confirm="1")
        assert states() == [("sent", 0), ("queued", 0)]
    post(world, 3, MailState.FAILED, MailReason.TEMPLATE)
    press(administrator, "/admin/mail/again?state=failed", all="1", confirm="1")
    assert states() == [("sent", 0), ("queued", 0), ("queued", 0)]


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

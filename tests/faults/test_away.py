"""Mail or storage is away: what somebody does succeeds, and what waited goes out once afterwards."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Message
from apiflask import APIFlask
from flask.testing import FlaskClient
from sqlalchemy import select

from lms.core.database.session import db
from lms.core.time import clock
from lms.mail import rendering, sending
from lms.mail.outbox import OutboxMail
from tests.certificates.revisions import first_revision
from tests.contracts.world import World, build, report, upload
from tests.factories import Make
from tests.ports import free_port


class Kept(Message):
    def __init__(self) -> None:
        super().__init__()
        self.to: Counter[str] = Counter()

    def handle_message(self, message: Any) -> None:
        self.to[message["To"]] += 1


@pytest.mark.databases
def test_while_mail_is_away_actions_succeed_and_afterwards_each_goes_out_once(
    app: APIFlask, client: FlaskClient, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = app.extensions["lms.config"]
    monkeypatch.setattr(config, "mail_url", f"smtp://127.0.0.1:{free_port()}")
    headers = make.headers(make.person(email="admin@x.example", roles=["administrator"]))
    series = make.series(slug="s")
    soon = clock.now() + timedelta(days=2)
    lecture = make.lecture(series, starts_at=soon, local_start=soon.replace(tzinfo=None))
    people = [f"n{number}@away.example" for number in range(5)]

    def drain() -> int:
        with app.app_context(), rendering.sender(app) as send:
            return sending.send_due(send, at=moment)

    for email in people:
        sent = {"email": email, "full_name": "Ana", "country": "KE"}
        assert client.post("/api/v1/series/s/enrolments", json=sent, headers=headers).status_code == 201
    cancel = f"/api/v1/lectures/{lecture.id}/cancel"
    assert client.post(cancel, json={"reason": "The speaker is ill."}, headers=headers).status_code == 200
    moment = clock.now()
    assert drain() > 0
    with app.app_context():
        waiting = list(db.session.execute(select(OutboxMail.address, OutboxMail.sent_at, OutboxMail.error)))
    expected = Counter(address for address, _sent, _error in waiting)
    assert set(people) <= set(expected)
    assert all(sent is None and error.startswith("ConnectionRefusedError") for _to, sent, error in waiting)
    mailbox = Kept()
    controller = Controller(mailbox, hostname="127.0.0.1", port=free_port())
    controller.start()
    try:
        config.mail_url = f"smtp://127.0.0.1:{controller.port}"
        moment += timedelta(hours=1)
        while drain():
            pass
        moment += timedelta(days=3)
        assert drain() == 0
    finally:
        controller.stop()
    assert mailbox.to == expected


# Storage


@pytest.fixture
def world(tmp_path: Path) -> World:
    return build(tmp_path)


@pytest.fixture
def away(world: World) -> Iterator[Path]:
    """The folder of files is no folder any more, until a test puts it back."""
    folder = world.app.extensions["lms.config"].folder / "files"
    aside = folder.with_name("aside")
    if folder.exists():
        folder.rename(aside)
    folder.write_bytes(b"")
    yield folder
    if folder.is_file():
        folder.unlink()


def test_while_storage_is_away_what_needs_none_succeeds_and_the_rest_says_so(world: World, away: Path) -> None:
    place = world.places["mine"]
    held = place.lectures["held"]
    pdf = f"/certificates/{place.number}.pdf"
    first, second = (world.call("trainee", "GET", pdf, None) for _turn in range(2))
    assert (first.status_code, first.mimetype) == (200, "application/pdf")
    assert first_revision(first.data) == first_revision(second.data)
    before = world.version()
    staged = world.call("administrator", "POST", f"/lectures/{held}/attendance/import", {"file": upload(report(place))})
    assert (staged.status_code, staged.headers["Retry-After"]) == (503, "60")
    assert "Nothing was changed" in staged.text
    assert world.version() == before
    sent = {"file": upload(report(place))}
    answer = world.call("administrator", "POST", f"/api/v1/lectures/{held}/attendance-imports", sent)
    assert answer.status_code == 200  # one step: nothing is kept aside
    away.unlink()
    staged = world.call("administrator", "POST", f"/lectures/{held}/attendance/import", {"file": upload(report(place))})
    assert staged.status_code == 200
    assert first_revision(world.call("trainee", "GET", pdf, None).data) == first_revision(first.data)
    assert list(away.rglob("*.pdf"))

"""What tests of people's pages share."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient
from sqlalchemy import select

from lms.core.database.session import db
from lms.mail.outbox import OutboxMail
from tests.forms import token_in


@pytest.fixture
def post(client: FlaskClient) -> Callable[..., object]:
    """Sends a form as a browser does: gets the page first, takes its token."""

    def send(path: str, page: str | None = None, **fields: str) -> object:
        shown = client.get(page or path)
        return client.post(path, data={"csrf_token": token_in(shown.text), **fields})

    return send


@pytest.fixture
def mails(app: APIFlask) -> Callable[[], list[OutboxMail]]:
    """The mails in the outbox that are sent to somebody, oldest first."""

    def read() -> list[OutboxMail]:
        with app.app_context():
            rows = list(db.session.scalars(select(OutboxMail).where(OutboxMail.address != "").order_by(OutboxMail.id)))
            db.session.expunge_all()
            return rows

    return read

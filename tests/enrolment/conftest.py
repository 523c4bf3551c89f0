"""People who act, series and lectures as the actions make them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from lms.catalogue.actions.lectures import schedule_lecture
from lms.catalogue.actions.series import create_series
from lms.catalogue.inputs import LectureInput, SeriesInput
from lms.catalogue.models import Lecture, Series
from lms.core.base.roles import SYSTEM, Actor, Role
from lms.core.database.session import db
from lms.mail.outbox import OutboxMail
from lms.people.models import Person
from tests.factories import Make
from tests.forms import token_in

Sent = Callable[[], list[tuple[str, str]]]


class Cast:
    """Each call makes one thing at `at`, within an app context; people come back as actors."""

    def __init__(self, make: Make, at: datetime) -> None:
        self.make, self.at, self.count = make, at, 0

    def person(self, name: str | None = None, *, country: str | None = "KE", **given: object) -> Actor:
        """Somebody with the address <name>@people.test."""
        self.count += 1
        name = name or f"Person {self.count}"
        address = f"{name.replace(' ', '.').casefold()}@people.test"
        return self.make.actor(full_name=name, email=address, country=country, **given)

    def staff(self, role: Role, name: str, *, country: str | None = None) -> Actor:
        """Somebody with a role; a focal point speaks for `country`."""
        return self.person(name, country=country or "CN", roles=[(role, country)])

    def series(self, slug: str = "customs", **fields: object) -> Series:
        """A public series, open to everybody unless said otherwise."""
        draft = SeriesInput(**{"slug": slug, "title": slug.title(), **fields})  # type: ignore[arg-type]
        return create_series(draft, by=SYSTEM, at=self.at)

    def lecture(self, slug: str = "customs", *, days: int = 7, title: str | None = None) -> Lecture:
        """A lecture so many days from now, at nine in Nairobi."""
        start = (self.at + timedelta(days=days)).replace(hour=9, minute=0, second=0, microsecond=0, tzinfo=None)
        self.count += 1
        draft = LectureInput(title=title or f"Lecture {self.count}", time_zone="Africa/Nairobi", starts_at=start)
        return schedule_lecture(slug, draft, by=SYSTEM, at=self.at)


@pytest.fixture
def cast(make: Make, at: datetime) -> Cast:
    """Who and what plays a part."""
    return Cast(make, at)


@pytest.fixture
def sent(app: APIFlask) -> Sent:
    """All mails posted so far, as (template, address), in their order."""

    def read() -> list[tuple[str, str]]:
        rows = db.session.execute(select(OutboxMail.template, OutboxMail.address).order_by(OutboxMail.id))
        return [(template, address) for template, address in rows]

    return read


class Reader:
    """A browser in which somebody is signed in."""

    def __init__(self, client: FlaskClient, make: Make, person: Person) -> None:
        self.client, self.person = client, person
        make.sign_in(client, person)

    def token(self) -> str:
        return token_in(self.client.get("/account").text)

    def get(self, path: str) -> TestResponse:
        return self.client.get(path)

    def post(self, path: str, **form: Any) -> TestResponse:
        return self.client.post(path, data={"csrf_token": self.token(), **form})

    def said(self) -> list[str]:
        """What the next page says on top, read from the session."""
        with self.client.session_transaction() as session:
            return [message for _kind, message in session.pop("_flashes", [])]


@pytest.fixture
def reader(app: APIFlask, make: Make) -> Any:
    def read_as(name: str, role: str | tuple[str, str] | None = None, country: str = "KE") -> Reader:
        email = f"{name.casefold()}@people.test"
        person = make.person(name, email, country=country, roles=[role] if role else [])
        return Reader(app.test_client(), make, person)

    return read_as

"""People who nominate and decide, a series, and nominees as rows."""

from __future__ import annotations

import itertools
from datetime import datetime

import pytest
from sqlalchemy import select

from lms.catalogue.models import Series
from lms.core.base.roles import Actor, Role
from lms.core.database.session import action, db
from lms.enrolment.models import CountryQuota
from lms.mail.outbox import OutboxMail
from lms.nominations.actions.invitations import TEMPLATE
from lms.people.people_files import PersonRow
from lms.people.queries.countries import get_country
from tests.enrolment.conftest import Cast, cast, sent

__all__ = ["cast", "sent"]


@pytest.fixture
def series(cast: Cast) -> Series:
    """A public series with one lecture to come."""
    made = cast.series(admission="nomination")
    cast.lecture()
    return made


@pytest.fixture
def kenya() -> int:
    """The id of Kenya."""
    return get_country("KE").id


@pytest.fixture
def focal(cast: Cast) -> Actor:
    """The focal point of Kenya."""
    return cast.staff(Role.FOCAL_POINT, "Peter Mutua", country="KE")


@pytest.fixture
def admin(cast: Cast) -> Actor:
    """An administrator."""
    return cast.staff(Role.ADMINISTRATOR, "Zhou Anran")


_LINES = itertools.count(2)


def row(name: str, **given: object) -> PersonRow:
    """A row that nominates somebody with the address <name>@people.test."""
    address = str(given.pop("email", f"{name.replace(' ', '.').casefold()}@people.test"))
    return PersonRow(next(_LINES), address, address.casefold(), name, **given)  # type: ignore[arg-type]


def secret_of(address: str) -> str:
    """The secret of the latest invitation that was sent to an address."""
    query = select(OutboxMail).where(OutboxMail.template == TEMPLATE, OutboxMail.address == address)
    mail = db.session.scalars(query.order_by(OutboxMail.id.desc())).first()
    assert mail is not None
    return str(mail.payload["secret"])


@action
def keep(series: Series, country_id: int, number: int, *, until: datetime, capacity: int = 10) -> None:
    """Seats of a series that are kept for a country. An action: on SQLite, what has read in a transaction cannot write
    once somebody else has written."""
    series.capacity, series.reserved = capacity, number
    db.session.add(CountryQuota(series_id=series.id, country_id=country_id, seats=number, kept_until=until))

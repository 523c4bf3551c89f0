"""A statement that fails says what went wrong without the data of anyone."""

from __future__ import annotations

from datetime import datetime

import pytest
import structlog
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, IntegrityError

from lms.core.base import logs
from lms.core.database.session import action, db
from lms.people.models import PersonEmail
from tests.factories import Make

pytestmark = [pytest.mark.databases(differs=True), pytest.mark.usefixtures("context")]
ADDRESS = "ana.diaz@ministry.example"


@action
def add_address(person_id: int, at: datetime) -> None:
    db.session.execute(
        PersonEmail.__table__.insert(),
        {"person_id": person_id, "address": ADDRESS, "key": ADDRESS, "is_primary": False},
    )


@action
def read_as_number(value: str) -> None:
    kind = "bigint" if db.engine.dialect.name == "postgresql" else "no_such_function"
    query = f"SELECT CAST(:value AS {kind})" if kind == "bigint" else f"SELECT {kind}(:value)"
    db.session.execute(text(query), {"value": value})


def test_an_error_of_the_database_names_the_constraint_and_no_data(
    make: Make, at: datetime, capfd: pytest.CaptureFixture[str]
) -> None:
    logs.configure("INFO")
    person = make.person(email=ADDRESS)
    with pytest.raises(IntegrityError) as failure:
        add_address(person.id, at)
    structlog.get_logger("tests").error("failed", exc_info=failure.value)
    logged = capfd.readouterr().err
    for shown in (str(failure.value), repr(failure.value.orig), logged):
        assert "person_email" in shown
        assert "ana.diaz" not in shown


def test_an_error_that_quotes_a_value_keeps_only_its_kind(capfd: pytest.CaptureFixture[str]) -> None:
    logs.configure("INFO")
    with pytest.raises(DBAPIError) as failure:
        read_as_number(ADDRESS)
    structlog.get_logger("tests").error("failed", exc_info=failure.value)
    logged = capfd.readouterr().err
    assert "Error" in logged
    for shown in (str(failure.value), repr(failure.value.orig), logged):
        assert "ana.diaz" not in shown

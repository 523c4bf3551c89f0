"""Light: what a first visit brings over the wire, with everything the page itself asks for (docs: the look)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from lms.catalogue.models import CertificateKind
from lms.certificates.models import Award, Certificate
from lms.certificates.numbers import generate, write
from lms.core.base.roles import SYSTEM
from lms.core.database.session import action, db
from lms.core.time import clock
from lms.people.models import Person
from lms.reports.actions.opening_balances import OpeningDraft, add_opening_row, create_opening_set
from tests.factories import Make

MOST_BYTES = 60_000
MOST_BYTES_AFTER = 15_000
MOST_REQUESTS = 10
LECTURES = 30
"""More than a series of the demonstration has, so that the page has something to carry."""

_ASSET = re.compile(r'<(?:link|script|img)\b[^>]*?(?:href|src)="(/[^"]+)"')


def weight(answer: TestResponse) -> int:
    """Bytes of an answer as HTTP/1.1 sends it: status line, headers, body."""
    return len(answer.data) + sum(len(name) + len(value) + 4 for name, value in answer.headers.items()) + 20


def visit(client: FlaskClient, path: str) -> tuple[int, set[str]]:
    """The weight of a page with all it asks for, and what it asks for."""
    page = client.get(path, headers={"Accept-Encoding": "gzip"})
    assert page.status_code == 200, path
    text = client.get(path).text
    assets = {one for one in _ASSET.findall(text) if one.startswith("/static/")}
    assert any(one.endswith(".css") for one in assets), path
    total = weight(page)
    for asset in assets:
        answer = client.get(asset, headers={"Accept-Encoding": "gzip"})
        assert answer.status_code == 200, asset
        assert "immutable" in answer.headers["Cache-Control"], asset  # a second visit asks for none of it
        total += weight(answer)
    return total, assets


@dataclass(frozen=True)
class Programme:
    """A series with many lectures, and somebody enrolled in it."""

    live: int
    coming: int
    trainee: Person
    number: str


@pytest.fixture
def programme(app: APIFlask, make: Make) -> Programme:
    teacher = make.person("Grace Wanjiru Kariuki", roles=["instructor"])
    series = make.series("heavy", "Cross-border e-commerce for small exporters", instructors=[teacher])
    for number in range(LECTURES):
        make.lecture(
            series,
            f"Lecture {number} of a series whose titles are as long as titles are",
            local_start=datetime(2030, 1, 1, 10) + timedelta(days=number),  # noqa: DTZ001  local time, zone beside it
            instructors=[teacher],
        )
    began = clock.now() - timedelta(minutes=10)
    live = make.lecture(series, "Live", starts_at=began, actual_start=began, state="live", instructors=[teacher])
    soon = clock.now() + timedelta(minutes=20)
    coming = make.lecture(series, "Soon", starts_at=soon, instructors=[teacher])
    for number in range(20):
        make.series(f"other-{number}", f"Another series {number}")
    trainee = make.person("Achieng Odhiambo")
    make.enrolment(series, trainee)
    series_id, person_id = series.id, trainee.id
    with app.app_context():
        number = _certificate(series_id, person_id)
    return Programme(live.id, coming.id, trainee, write(number))


@action
def _certificate(series_id: int, person_id: int) -> str:
    at, number = clock.now(), generate()
    award = Award(series_id=series_id, person_id=person_id, kind=CertificateKind.PARTICIPATION, awarded_at=at)
    stations = [{"title": f"Lecture {number}", "day": "2026-01-01", "attended": True} for number in range(LECTURES)]
    db.session.add(
        Certificate(award=award, number=number, name="Achieng Odhiambo", series_title="Cross-border e-commerce",
                    lectures=stations, hours_ms=90_000_000, issued_on=at.date(), issued_at=at)
    )  # fmt: skip
    return number


OPEN = (
    "/",
    "/series",
    "/series/heavy",
    "/lectures/{live}",
    "/verify",
    "/verify/{number}",
    "/help",
    "/privacy",
    "/check-in",
    "/api/v1/docs",
    "/api/v1/docs/certificates",
)
STRANGER = ("/sign-in", "/register", "/forgot", "/impact", "/definitions", "/reports")
OWN = (
    "/me",
    "/lectures/{live}/room",
    "/lectures/{coming}/room",
    "/certificates/{number}",
    "/account",
    "/account/second-factor",
    "/account/erase",
    "/series/heavy/withdraw",
)
STAFF = (
    "/admin/reports",
    "/admin/opening",
    "/admin/opening/{opening}",
    "/countries",
    "/countries/KE",
    "/lectures/{held}/report",
)
"""Read on a ministry's slow line too. `/reports` is anybody's."""


def too_heavy(client: FlaskClient, addresses: Iterable[str]) -> dict[str, tuple[int, int, int]]:
    """The pages that bring too much: bytes at the first visit and at the second, and requests."""
    heavy = {}
    for address in addresses:
        total, assets = visit(client, address)
        again = weight(client.get(address, headers={"Accept-Encoding": "gzip"}))
        if total > MOST_BYTES or again > MOST_BYTES_AFTER or 1 + len(assets) > MOST_REQUESTS:
            heavy[address] = (total, again, 1 + len(assets))
    return heavy


@pytest.mark.parametrize(("paths", "signed_in"), [((*OPEN, *STRANGER), False), ((*OPEN, *OWN), True)])
def test_pages_are_light_at_first_and_lighter_again(
    client: FlaskClient, make: Make, programme: Programme, paths: tuple[str, ...], signed_in: bool
) -> None:
    if signed_in:
        make.sign_in(client, programme.trainee)
    addresses = (path.format(live=programme.live, coming=programme.coming, number=programme.number) for path in paths)
    assert too_heavy(client, addresses) == {}


def test_the_player_is_loaded_when_there_is_something_to_play(
    client: FlaskClient, make: Make, programme: Programme
) -> None:
    make.sign_in(client, programme.trainee)
    for lecture in (programme.live, programme.coming):
        _total, assets = visit(client, f"/lectures/{lecture}/room")
        assert any("/watch." in asset for asset in assets)
        assert not any("/player." in asset for asset in assets)


@pytest.fixture
def opening(app: APIFlask) -> str:
    """A set of opening balances with a page full of rows."""
    at = clock.now()
    with app.app_context():
        made = create_opening_set("Before", "The annual report", None, by=SYSTEM, at=at)
        for number in range(LECTURES):
            draft = OpeningDraft(f"An early lecture {number}", date(2020, 3, 4), "", "KE", number)
            add_opening_row(made, draft, by=SYSTEM, at=at)
    return made


def test_pages_of_figures_are_light(client: FlaskClient, make: Make, programme: Programme, opening: str) -> None:
    began = clock.now() - timedelta(days=3)
    series = make.series("held", "A series that was held")
    held = make.lecture(
        series, "Held", starts_at=began, actual_start=began, actual_end=began + timedelta(minutes=90), state="held"
    )
    make.sign_in(client, make.person(roles=["administrator"]))
    assert too_heavy(client, (path.format(held=held.id, opening=opening) for path in STAFF)) == {}


def test_a_page_that_is_too_heavy_is_named(
    client: FlaskClient, programme: Programme, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.contracts.test_weight.MOST_REQUESTS", 1)
    assert list(too_heavy(client, ["/", "/help"])) == ["/", "/help"]

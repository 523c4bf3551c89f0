"""What a certificate shows stays as it was at the issue, whatever is changed afterwards."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from urllib.parse import quote_plus

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient
from sqlalchemy import select, update

from lms.catalogue.models import Series
from lms.certificates import numbers
from lms.certificates.actions import awards, changes
from lms.certificates.badges import baking, vc_jwt
from lms.certificates.models import Certificate
from lms.certificates.pdf import store, typesetting
from lms.certificates.queries import certificates, holder_downloads, render_jobs
from lms.config import Config
from lms.core.base.roles import SYSTEM
from lms.core.database.session import db
from lms.people.models import BEGINNING, Country, Person, PersonCountry
from tests.certificates.conftest import Programme
from tests.certificates.revisions import first_revision, languages_of

Make = Callable[..., Programme]
COLUMNS = ("organiser", "language", "country", "base_url")


@pytest.fixture
def issued(app: APIFlask, context: None, programme: Make, at: datetime) -> Programme:
    made = programme({("Wang Fang", "王芳"): "aaa", "Ada": "aa-"})
    japan = db.session.scalar(select(Country.id).where(Country.code == "JP"))
    db.session.add(PersonCountry(person_id=made.people["Wang Fang"], country_id=japan, since=BEGINNING))
    db.session.commit()
    awards.issue_certificates(made.series_id, by=SYSTEM, at=at)
    return made


def rows() -> list[Certificate]:
    query = select(Certificate).order_by(Certificate.id).execution_options(populate_existing=True)
    return list(db.session.scalars(query))


def papers() -> list[bytes]:
    """What is stated on each certificate, byte for byte."""
    orders = render_jobs.render_jobs_of(rows())
    return [first_revision(store.made(order, store.render_context())) for order in orders]


@pytest.fixture
def change_everything(app: APIFlask, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """The organiser gets another name and address; the series another language, the holder another country."""

    def change() -> None:
        given = app.extensions["lms.config"].environment()
        new = {"LMS_ORGANISER": "Bureau of Commerce", "LMS_BASE_URL": "https://new.example"}
        monkeypatch.setitem(app.extensions, "lms.config", Config.load(given | new))
        db.session.execute(update(Series).values(language="fr", title="Another"))
        db.session.execute(update(PersonCountry).values(country_id=None))
        db.session.commit()

    return change


@pytest.mark.databases
def test_a_later_rendering_is_the_same_to_the_byte(issued: Programme, change_everything: Callable[[], None]) -> None:
    before = papers()
    assert [row.country for row in rows()] == ["JP", None]
    [order, _other] = render_jobs.render_jobs_of(rows())
    assert "ja" in languages_of(store.made(order, store.render_context()))
    change_everything()
    assert papers() == before


SIGNED = {"LMS_SIGNATORY": "Zhou Anran", "LMS_SIGNATORY_OFFICE": "Director of Training"}


def test_the_signatory_of_the_day_of_issue_stays(
    app: APIFlask, context: None, programme: Make, at: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = programme({"Ada": "aaa"})
    config = app.extensions["lms.config"]
    monkeypatch.setitem(app.extensions, "lms.config", Config.load(config.environment() | SIGNED))
    awards.issue_certificates(made.series_id, by=SYSTEM, at=at)
    signed = papers()
    [order] = render_jobs.render_jobs_of(rows())
    shown = typesetting._content(order.award)
    assert (shown["signatory"], shown["words"]["office"]) == ("Zhou Anran", "Director of Training")
    monkeypatch.setitem(app.extensions, "lms.config", config)
    assert papers() == signed
    db.session.execute(update(Certificate).values(signatory=None, signatory_office=None))
    db.session.commit()
    assert papers() != signed


def test_without_a_signatory_nothing_is_stored_and_none_is_printed(issued: Programme) -> None:
    assert {(row.signatory, row.signatory_office) for row in rows()} == {(None, None)}
    for order in render_jobs.render_jobs_of(rows()):
        shown = typesetting._content(order.award)
        assert (shown["signatory"], shown["words"]["office"]) == ("", "")


def test_a_certificate_that_replaces_another_keeps_who_gave_it(
    app: APIFlask, issued: Programme, at: datetime, change_everything: Callable[[], None]
) -> None:
    organiser = app.extensions["lms.config"].organiser
    change_everything()
    db.session.execute(update(Person).where(Person.full_name == "Ada").values(full_name="Ada Obi"))
    db.session.commit()
    changes.supersede(issued.people["Ada"], by=SYSTEM, at=at + timedelta(days=1))
    new = rows()[-1]
    assert (new.name, new.organiser, new.language, new.base_url) == ("Ada Obi", organiser, "en", "https://new.example")
    claims = vc_jwt.unproved(new.credential or "")[1]
    assert claims["issuer"] == {
        "id": "https://new.example",
        "type": ["Profile"],
        "name": organiser,
        "url": "https://new.example",
    }


def test_the_picture_of_a_badge_keeps_who_gave_it(issued: Programme, change_everything: Callable[[], None]) -> None:
    holder = issued.holder("Ada")
    number = numbers.write(rows()[1].number)
    before = holder_downloads.get_baked_badge(number, by=holder)
    change_everything()
    assert holder_downloads.get_baked_badge(number, by=holder) == before
    assert baking.unbake(before) == rows()[1].credential


def test_the_page_of_a_number_names_who_issued_it(
    app: APIFlask, client: FlaskClient, issued: Programme, change_everything: Callable[[], None]
) -> None:
    number, organiser = numbers.write(rows()[1].number), app.extensions["lms.config"].organiser
    change_everything()
    db.session.remove()
    page = client.get(f"/verify/{number}").text
    assert f"by the {organiser}" in page
    shown = certificates.get_certificate(number, by=SYSTEM)
    assert f"organizationName={quote_plus(organiser)}" in holder_downloads.linkedin_address(shown)


def test_of_an_erased_holder_the_country_goes_with_the_name(issued: Programme, at: datetime) -> None:
    changes.erase_holder(issued.people["Wang Fang"], withdraw_certificates=True, by=SYSTEM, at=at)
    assert (rows()[0].name, rows()[0].country) == ("", None)

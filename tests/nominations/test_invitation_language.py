"""The language in which a nominee is invited: chosen by the focal point, or that of the country."""

from __future__ import annotations

import io
import re
from datetime import datetime, timedelta
from typing import Any

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient
from sqlalchemy import select

from lms.catalogue.models import Series
from lms.core.base.roles import SYSTEM, Actor, Role
from lms.core.database.session import action, db
from lms.core.time import clock
from lms.mail.outbox import OutboxMail
from lms.nominations.actions.answering import Acceptance, accept
from lms.nominations.actions.invitations import TEMPLATE, remind
from lms.nominations.actions.nominating import nominate
from lms.nominations.models import Nomination
from lms.nominations.rules import REMIND_EVERY
from lms.people.actions.persons import change_profile
from lms.people.models import PersonEmail
from lms.people.queries.countries import get_country
from lms.people.queries.persons import find_person_by_email
from tests.enrolment.conftest import Cast
from tests.factories import Make
from tests.languages import offering
from tests.nominations.conftest import row, secret_of
from tests.nominations.test_nominating_page import PATH, Desk

WAMBUI = "wambui.kamau@people.test"


def languages_of_mails() -> list[str]:
    query = select(OutboxMail.locale).where(OutboxMail.template == TEMPLATE).order_by(OutboxMail.id)
    return list(db.session.scalars(query))


def language_of_person(address: str) -> str | None:
    person = find_person_by_email(address)
    return person.locale if person is not None else None


def test_the_invitation_its_reminder_and_the_account_are_in_the_language_chosen(
    context: None, series: Series, kenya: int, focal: Actor, at: datetime
) -> None:
    nominate(series.id, [row("Wambui Kamau", language="ar")], country_id=kenya, by=focal, at=at)
    later = at + REMIND_EVERY
    assert remind(series.id, kenya, by=focal, at=later) == (1, 0)
    assert languages_of_mails() == ["ar", "ar"]
    accept(secret_of(WAMBUI), Acceptance("Wambui Kamau", None, "KE", consent=True), at=later)
    assert language_of_person(WAMBUI) == "ar"
    place = db.session.scalars(select(OutboxMail).where(OutboxMail.template == "enrolment_enrolled")).one()
    assert place.locale == "ar"


def test_without_a_choice_it_is_that_of_the_country(context: None, series: Series, cast: Cast, at: datetime) -> None:
    focal = cast.staff(Role.FOCAL_POINT, "Awa Diop", country="SN")
    senegal = get_country("SN").id
    nominate(series.id, [row("Moussa Ba"), row("Fatou Sy", language="en")], country_id=senegal, by=focal, at=at)
    assert languages_of_mails() == ["fr", "en"]
    accept(secret_of("moussa.ba@people.test"), Acceptance("Moussa Ba", None, "SN", consent=True, language="es"), at=at)
    assert language_of_person("moussa.ba@people.test") == "es", "the nominee reads the page in it"


@action
def _take_back_address(person_id: int) -> None:
    db.session.scalars(select(PersonEmail).where(PersonEmail.person_id == person_id)).one().verified_at = None


def test_who_has_an_account_is_written_to_in_its_language(
    context: None, series: Series, kenya: int, focal: Actor, cast: Cast, make: Make, at: datetime
) -> None:
    imported, member = make.person("Rose Maina", "rose@people.test"), make.person("Juma Otieno", "juma@people.test")
    _take_back_address(imported.id)
    change_profile(member.public_id, {"locale": "pt"}, by=SYSTEM, at=at)
    rows = [
        row(name, email=email, language="zh")
        for name, email in (("Rose", "rose@people.test"), ("Juma", "juma@people.test"))
    ]
    nominate(series.id, rows, country_id=kenya, by=focal, at=at)
    assert languages_of_mails() == ["zh", "pt"]


def test_a_language_that_is_no_longer_offered_gives_way_to_that_of_the_country(
    app: APIFlask, context: None, series: Series, cast: Cast, at: datetime
) -> None:
    focal = cast.staff(Role.FOCAL_POINT, "Awa Diop", country="SN")
    senegal = get_country("SN").id
    nominate(series.id, [row("Moussa Ba", language="ar")], country_id=senegal, by=focal, at=at)
    with offering(app, "fr"):
        remind(series.id, senegal, by=focal, at=at + REMIND_EVERY)
    assert languages_of_mails() == ["ar", "fr"]


@pytest.fixture
def desk(app: APIFlask, make: Make) -> Desk:
    """A focal point's desk."""
    return Desk(app, make)


def chosen(desk: Desk) -> list[str | None]:
    with desk.app.app_context():
        return list(db.session.scalars(select(Nomination.language).order_by(Nomination.id)))


def test_the_form_offers_the_languages_of_the_site(desk: Desk) -> None:
    page = desk.client.get(PATH).text
    options = re.findall(r'<option[^>]*value="(\w*)">', page[page.index('id="language"') :])
    assert options == ["", "ar", "zh", "en", "fr", "pt", "ru", "es"]
    assert ">Automatic: English<" in page
    assert desk.post(language="fr").status_code == 303
    assert desk.post(email="otieno@people.test", language="").status_code == 303
    assert chosen(desk) == ["fr", None]
    with desk.app.app_context():
        assert languages_of_mails() == ["fr", "en"]
        shown = db.session.scalars(select(Nomination.public_id).order_by(Nomination.id)).all()
    pages = [desk.client.get(f"/country/nominations/{public_id}").text for public_id in shown]
    assert ["Language of the invitation</dt><dd>French" in page for page in pages] == [True, False]


def test_an_unknown_language_is_refused_and_a_draft_can_be_changed(desk: Desk) -> None:
    refused = desk.post("draft", language="tlh")
    assert refused.status_code == 422
    assert "Unknown language “tlh”. Use one of: en, fr, es, ru, ar, zh, pt." in refused.text
    desk.post("draft", language="ru")
    with desk.app.app_context():
        public_id = db.session.scalars(select(Nomination.public_id)).one()
    path = f"/country/nominations/{public_id}/edit"
    assert re.search(r'<option selected value="ru">', desk.client.get(path).text)
    given = {"email": "rose@people.test", "full_name": "Rose Wanjiru", "language": "es"}
    assert desk.send(path, **given).status_code == 303
    assert chosen(desk) == ["es"]


def test_a_site_in_one_language_offers_no_choice(desk: Desk) -> None:
    with offering(desk.app):
        assert 'name="language"' not in desk.client.get(PATH).text
        assert desk.post().status_code == 303
    assert chosen(desk) == [None]


def test_a_file_and_the_api_have_it_too(client: FlaskClient, make: Make) -> None:
    made = make.series("customs", title="Digital customs")
    make.lecture(made, starts_at=clock.now() + timedelta(days=9))
    head = {"Authorization": f"Bearer {make.token(make.person('Peter', roles=[('focal_point', 'KE')]))}"}
    path = "/api/v1/series/customs/nominations"

    def send(**given: Any) -> Any:
        return client.post(path, headers=head, **given)

    dina = {"email": "dina@people.test", "full_name": "Dina Fawzy"}
    refused = send(json={**dina, "language": "xx"})
    assert refused.status_code == 422
    assert refused.json["errors"] == [
        {"field": "language", "reason": "Unknown language “xx”. Use one of: en, fr, es, ru, ar, zh, pt."}
    ]
    assert send(json={**dina, "language": "ar"}).json["nomination"]["language"] == "ar"
    lines = ["email,full_name,language", "a@people.test,A B,FR", "b@people.test,B C,Русский", "c@people.test,C D,"]
    lines += ["d@people.test,D E,Portuguese (Brazil)", "e@people.test,E F,chinois"]
    answer = send(data={"file": (io.BytesIO("\n".join(lines).encode()), "n.csv"), "skip_bad_rows": "true"}).json
    assert answer["created"] == 4
    assert [(fault["row"], fault["reason"][:29]) for fault in answer["rejected"]] == [
        (5, "language: Unknown language “P")
    ]
    items = client.get(path, headers=head).json["items"]
    assert [item["language"] for item in items] == ["ar", "fr", "ru", None, "zh"]

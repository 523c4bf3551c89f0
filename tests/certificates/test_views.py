from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient
from sqlalchemy import select, update
from werkzeug.test import TestResponse

from lms.catalogue.models import CertificateKind, Series, SeriesInstructor
from lms.certificates import numbers, rules
from lms.certificates.actions import awards, changes
from lms.certificates.models import Certificate
from lms.certificates.queries.earner_groups import EarnerGroup, PeopleFilter
from lms.certificates.queries.eligibility import preview
from lms.core.background import jobs
from lms.core.base.roles import SYSTEM, Actor, Role
from lms.core.database.session import db
from lms.core.time import clock
from lms.enrolment.models import Enrolment
from lms.people.models import Person
from lms.web.request import identity
from tests.certificates.conftest import BEGAN, Programme
from tests.forms import token_in
from tests.rows import each_row

Make = Callable[..., Programme]
SignIn = Callable[[Actor], FlaskClient]


@pytest.fixture
def sign_in(app: APIFlask) -> Iterator[SignIn]:
    """A browser in which this actor is signed in."""
    known: dict[str, Actor] = {}
    kept = app.extensions.get("lms.identity")
    identity.register(app, session=known.get, bearer=lambda _token: None, write_use=lambda _app, _session: None)

    def enter(actor: Actor) -> FlaskClient:
        key = str(actor.person_id)
        known[key] = actor
        client = app.test_client()
        with client.session_transaction() as session:
            session["_user_id"] = key
        return client

    yield enter
    app.extensions["lms.identity"] = kept


@pytest.fixture
def made(app: APIFlask, programme: Make, at: datetime) -> Programme:
    series = programme(
        {("Fatima Benaly", "فاطمة"): "aaa", "Bo <b>": "aa-", "Cy": "a--", ("Di", "ⵣ"): "aaa", "Eve": "aaa"}
    )
    ids = [series.people[name] for name in ("Fatima Benaly", "Bo <b>")]
    with app.app_context():
        awards.issue_batch(series.series_id, CertificateKind.PARTICIPATION, ids, by=SYSTEM, at=at)
    return series


def number_of(app: APIFlask, name: str) -> str:
    with app.app_context():
        query = select(Certificate.number).where(Certificate.name == name).order_by(Certificate.id.desc())
        return numbers.write(db.session.scalars(query).first() or "")


def verdict(page: str) -> str:
    found = re.search(r'data-testid="verdict" data-state="(\w+)"', page)
    assert found is not None
    return found[1]


def test_the_form_leads_to_the_number(client: FlaskClient, app: APIFlask, made: Programme) -> None:
    assert client.get("/verify").status_code == 200
    empty = client.get("/verify?number=")
    assert empty.status_code == 422
    assert 'aria-invalid="true" aria-describedby="number-h number-e"' in empty.text
    number = number_of(app, "Fatima Benaly")
    answer = client.get("/verify", query_string={"number": f"  {number.lower().replace('-', '')} "})
    assert (answer.status_code, answer.headers["Location"]) == (302, f"/verify/{number}")
    answer = client.get("/verify", query_string={"number": "//evil.example/x"})
    assert (answer.status_code, answer.headers["Location"].startswith("/verify/")) == (302, True)


def test_a_valid_number_shows_the_public_part_only(client: FlaskClient, app: APIFlask, made: Programme) -> None:
    page = client.get(f"/verify/{number_of(app, 'Fatima Benaly')}").text
    assert verdict(page) == "valid"
    for shown in ("Fatima Benaly", "Livestream commerce from a village", "Certificate of participation", "4.5"):
        assert shown in page
    assert "2026" in page
    for hidden in ("فاطمة", "Lecture 1", made.public["Fatima Benaly"]):
        assert hidden not in page


def test_markup_in_a_name_stays_text(client: FlaskClient, app: APIFlask, made: Programme) -> None:
    page = client.get(f"/verify/{number_of(app, 'Bo <b>')}").text
    assert "Bo &lt;b&gt;" in page
    assert "Bo <b>" not in page


def test_each_state_says_its_own(
    client: FlaskClient, app: APIFlask, made: Programme, administrator: Actor, at: datetime
) -> None:
    old, other = number_of(app, "Fatima Benaly"), number_of(app, "Bo <b>")
    with app.app_context():
        db.session.get_one(Person, made.people["Fatima Benaly"]).full_name = "Fatima Benali"
        db.session.commit()
        changes.supersede(made.people["Fatima Benaly"], by=SYSTEM, at=at + timedelta(days=1))
        changes.revoke(other, reason="Had not attended", by=administrator, at=at)
    new = number_of(app, "Fatima Benali")
    page = client.get(f"/verify/{old}").text
    assert verdict(page) == "superseded"
    assert f'href="/verify/{new}"' in page
    assert verdict(client.get(f"/verify/{new}").text) == "valid"
    page = client.get(f"/verify/{other}").text
    assert verdict(page) == "revoked"
    assert "Had not attended" not in page
    with app.app_context():
        changes.withdraw(new, by=administrator, at=at)
    page = client.get(f"/verify/{new}").text
    assert verdict(page) == "withdrawn"
    assert "Fatima" not in page
    assert "Livestream" not in page


@each_row(
    "number, words",
    [
        ("SR-0000-0000-0000-0000-0", "never issued"),
        ("SR-0000-0000-0000-0000-1", "Check the number"),
        ("<x>", "check"),
    ],
)
def test_an_unknown_number_is_404_with_advice(client: FlaskClient, number: str, words: str) -> None:
    answer = client.get(f"/verify/{number}")
    assert answer.status_code == 404
    assert verdict(answer.text) == "unknown"
    assert words in answer.text
    assert "<x>" not in answer.text


def test_the_holder_downloads_and_withdraws(app: APIFlask, made: Programme, sign_in: SignIn) -> None:
    number = number_of(app, "Fatima Benaly")
    holder = sign_in(made.holder("Fatima Benaly"))
    page = holder.get(f"/certificates/{number}").text
    assert "فاطمة" in page
    assert "/revoke" not in page
    answer = holder.get(f"/certificates/{number}.pdf")
    assert (answer.status_code, answer.mimetype) == (200, "application/pdf")
    assert answer.headers["Cache-Control"] == "private, no-store"
    token = token_in(page)
    answer = holder.post(f"/certificates/{number}/withdraw", data={"csrf_token": token})
    assert answer.status_code == 422
    assert "Tick the box" in answer.text
    answer = holder.post(f"/certificates/{number}/withdraw", data={"csrf_token": token, "sure": "y"})
    assert (answer.status_code, answer.headers["Location"]) == (302, f"/certificates/{number}")
    assert verdict(holder.get(f"/certificates/{number}").text) == "withdrawn"
    assert holder.get(f"/certificates/{number}.pdf").status_code == 409


def test_a_stranger_gets_neither_page_nor_file(app: APIFlask, made: Programme, sign_in: SignIn) -> None:
    number = number_of(app, "Fatima Benaly")
    stranger = sign_in(made.holder("Cy"))
    assert stranger.get(f"/certificates/{number}").status_code == 403
    assert stranger.get(f"/certificates/{number}.pdf").status_code == 403
    token = token_in(stranger.get("/verify").text)
    assert stranger.post(f"/certificates/{number}/withdraw", data={"csrf_token": token, "sure": "y"}).status_code == 403
    assert stranger.post(f"/certificates/{number}/revoke", data={"csrf_token": token, "reason": "x"}).status_code == 403
    assert stranger.get("/series/livestream/certificates").status_code == 403
    anonymous = app.test_client()
    for path in (f"/certificates/{number}", f"/certificates/{number}.pdf", "/series/livestream/certificates"):
        answer = anonymous.get(path)
        assert answer.status_code == 302
        assert answer.headers["Location"].startswith("/sign-in")


def test_an_administrator_revokes_with_a_reason(
    app: APIFlask, made: Programme, sign_in: SignIn, administrator: Actor
) -> None:
    number = number_of(app, "Fatima Benaly")
    browser = sign_in(administrator)
    token = token_in(browser.get(f"/certificates/{number}").text)
    answer = browser.post(f"/certificates/{number}/revoke", data={"csrf_token": token, "reason": " "})
    assert answer.status_code == 422
    assert 'aria-invalid="true"' in answer.text
    answer = browser.post(f"/certificates/{number}/revoke", data={"csrf_token": token, "reason": "Not there"})
    assert answer.status_code == 302
    page = browser.get(f"/certificates/{number}").text
    assert verdict(page) == "revoked"
    assert "Not there" in page


def issue_shown(browser: FlaskClient, shown: int) -> TestResponse:
    page = browser.get("/series/livestream/certificates/confirm").text
    return browser.post("/series/livestream/certificates", data={"csrf_token": token_in(page), "certificates": shown})


def test_issuing_is_stopped_before_it_starts(
    app: APIFlask, made: Programme, sign_in: SignIn, administrator: Actor
) -> None:
    browser = sign_in(administrator)
    progress = issue_shown(browser, 1).headers["Location"]
    page = browser.get(progress).text
    assert 'data-testid="stop"' in page
    assert browser.post(f"{progress}/stop", data={"csrf_token": token_in(page)}).location == progress
    with app.app_context():
        jobs.run_due(at=clock.now() + rules.WAIT)
    page = browser.get(progress).text
    assert 'data-state="stopped"' in page
    assert "Issuing stopped: no certificate was issued" in page
    assert "Issue 1 certificate" in browser.get("/series/livestream/certificates").text
    assert issue_shown(browser, 1).headers["Location"] != progress


def test_verification_names_the_issuer_in_the_language_of_the_page(
    app: APIFlask, made: Programme, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = f"/verify/{number_of(app, 'Fatima Benaly')}"
    monkeypatch.setattr(app.extensions["lms.config"], "organiser_names", "fr: Ministère du commerce")
    assert "Ministère du commerce" in facts_of(client.get(f"{address}?lang=fr").text)
    assert "Ministère du commerce" not in facts_of(client.get(address).text)
    with app.app_context():
        db.session.execute(update(Certificate).values(organiser="Port Academy"))  # as it was named at the time
        db.session.commit()
    assert "Port Academy" in facts_of(client.get(f"{address}?lang=fr").text)


def facts_of(page: str) -> str:
    return page[page.index('<dl class="facts">') : page.index("</dl>")]


def test_issuing_from_the_page(app: APIFlask, made: Programme, sign_in: SignIn, administrator: Actor) -> None:
    browser = sign_in(administrator)
    page = browser.get("/series/livestream/certificates").text
    figures = dict(re.findall(r'data-testid="figure-([\w-]+)"\s+data-value="(\d+)"', page))
    assert figures == {
        "earned": "1",
        "just-miss": "1",
        "blocked": "1",
        "unconfirmed": "2",
        "already": "2",
        "not-earned": "1",
    }
    assert "U+2D63" in browser.get("/series/livestream/certificates?show=blocked").text
    assert browser.get("/series/livestream/certificates?show=everybody").status_code == 404
    assert "Issue 1 certificate" in page
    confirm = browser.post("/series/livestream/certificates", data={"csrf_token": token_in(page)}).headers["Location"]
    assert confirm == "/series/livestream/certificates/confirm"
    page = browser.get(confirm).text
    assert re.search(r'data-testid="certificates">1<', page)
    assert re.search(r'data-testid="mails">0<', page)
    assert "1 certificate will be issued" in page
    assert "1 of these names has not been confirmed" in page
    assert re.search(r'data-testid="people">\s*<li><a [^>]*><bdi>[^<]+</bdi></a></li>\s*</ul>', page)
    assert issue_shown(browser, 2).headers["Location"] == confirm
    assert "The number of certificates has changed from 2 to 1." in browser.get(confirm).text
    progress = issue_shown(browser, 1).headers["Location"]
    assert 'data-state="queued"' in browser.get(progress).text
    with app.app_context():
        assert jobs.run_due() == 0
        jobs.run_due(at=clock.now() + rules.WAIT)
    page = browser.get(progress).text
    assert 'data-state="done"' in page
    assert re.search(r'data-testid="issued">1<', page)
    assert ">Di</bdi>" in page
    assert "1 earned certificate is blocked" in browser.get("/series/livestream/certificates").text
    assert browser.get("/series/livestream/certificates/nothing").status_code == 404


def test_a_reporter_looks_and_does_not_issue(app: APIFlask, made: Programme, sign_in: SignIn) -> None:
    browser = sign_in(Actor(person_id=900, full_name="R", roles=frozenset({Role.REPORTER})))
    page = browser.get("/series/livestream/certificates")
    assert page.status_code == 200
    assert 'data-testid="issue"' not in page.text
    token = token_in(browser.get("/verify").text)
    assert browser.post("/series/livestream/certificates", data={"csrf_token": token}).status_code == 403


@pytest.fixture
def instructor(app: APIFlask, made: Programme) -> Actor:
    """Someone who gives the series; Eve has not shared her profile with its staff."""
    with app.app_context():
        person = Person(full_name="Ines", created_at=BEGAN)
        db.session.add(person)
        db.session.flush()
        person.canonical_id = person.id
        db.session.add(SeriesInstructor(series_id=made.series_id, person_id=person.id))
        db.session.execute(
            update(Enrolment).where(Enrolment.person_id == made.people["Eve"]).values(profile_shared_at=None)
        )
        db.session.commit()
        return Actor(person_id=person.id, full_name="Ines", roles=frozenset({Role.INSTRUCTOR}))


def test_an_instructor_reads_who_earns_in_the_own_series_without_names_that_are_not_shared(
    app: APIFlask, made: Programme, programme: Make, sign_in: SignIn, instructor: Actor
) -> None:
    programme({"Ada": "aaa"}, slug="another")
    browser = sign_in(instructor)
    page = browser.get("/series/livestream/certificates")
    assert page.status_code == 200
    assert 'data-testid="figure-earned"' in page.text
    assert "Eve" not in page.text
    assert 'data-testid="issue"' not in page.text
    page = browser.get("/series/livestream/certificates?show=have")
    assert "Fatima Benaly" in page.text
    assert number_of(app, "Fatima Benaly") not in page.text
    assert browser.get("/series/another/certificates").status_code == 403
    token = token_in(browser.get("/verify").text)
    assert browser.post("/series/livestream/certificates", data={"csrf_token": token}).status_code == 403
    assert "/series/livestream/certificates" in browser.get("/series/livestream").text
    with app.app_context():
        db.session.get_one(Person, made.people["Eve"]).organisation = "Customs"
        db.session.commit()
        wanted = PeopleFilter(organisation="customs")
        assert preview("livestream", by=instructor, shown=EarnerGroup.EARNED, filters=wanted).matching == 0
        assert preview("livestream", by=SYSTEM, shown=EarnerGroup.EARNED, filters=wanted).matching == 1
        rows = preview("livestream", by=instructor, shown=EarnerGroup.EARNED).rows
        assert [one.full_name for one in rows] == [""]  # who is not shared, and has no address here
        assert [one.full_name for one in preview("livestream", by=SYSTEM, shown=EarnerGroup.EARNED).rows] == ["Eve"]


def test_a_series_without_certificates_says_what_to_do(programme: Make, sign_in: SignIn, administrator: Actor) -> None:
    programme({"Ada": "aaa"}, kind=None)
    browser = sign_in(administrator)
    page = browser.get("/series/livestream/certificates").text
    assert "does not issue certificates" in page
    token = token_in(browser.get("/verify").text)
    answer = browser.post("/series/livestream/certificates", data={"csrf_token": token}, follow_redirects=True)
    assert "does not issue certificates" in answer.text


def test_the_verification_page_is_in_the_readers_time(client: FlaskClient, app: APIFlask, made: Programme) -> None:
    path = f"/verify/{number_of(app, 'Fatima Benaly')}"
    looked_up = r"Checked on\s+<time[^>]*>[^<]* in (\w+)</time>"
    assert re.findall(looked_up, client.get(path).text) == ["Beijing"]
    client.set_cookie("zone", "America/Lima")
    assert re.findall(looked_up, client.get(path).text) == ["Lima"]


def test_holders_see_the_title_of_the_series_that_they_read(app: APIFlask, made: Programme, sign_in: SignIn) -> None:
    def rename(title: str, french: str) -> None:
        with app.app_context():
            series = db.session.get_one(Series, made.series_id)
            series.title, series.translations = title, {"fr": {"title": french}}
            db.session.commit()

    def titles() -> list[str]:
        page = holder.get("/me?lang=fr").text
        cards = re.findall(r'<article class="cert.*?</article>', page, re.S)
        return [re.sub(r"<.*?>", "", heading) for card in cards for heading in re.findall(r"<h3>(.*?)</h3>", card)]

    holder = sign_in(made.holder("Fatima Benaly"))
    (signed,) = titles()
    rename(signed, "Cycle traduit")
    assert titles() == ["Cycle traduit"]
    rename("Renamed", "Cycle renommé")
    assert titles() == [signed]

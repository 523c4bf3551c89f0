"""Learning records: what they state is what /me shows, and what their number says for ever."""

from __future__ import annotations

import hashlib
import io
import re
from datetime import timedelta

import pikepdf
import pytest
from flask.testing import FlaskClient

from lms.catalogue.models import CertificateKind
from lms.catalogue.queries.policies import current_policy
from lms.certificates.actions import awards, changes
from lms.certificates.actions.records import MOST_A_DAY
from lms.certificates.models import LearningRecord
from lms.certificates.queries import certificates
from lms.certificates.queries.records import get_record, record_of
from lms.core.base.events import PersonErased, PersonExportAsked, StoredFilesAsked, publish
from lms.core.base.roles import SYSTEM, Actor, Role
from lms.core.database.session import action, db
from lms.core.storage import files
from lms.core.time import clock
from lms.people.models import Person
from tests.dashboards.conftest import World
from tests.paper import text_of
from tests.rows import each_row


def make_record(client: FlaskClient, path: str = "/me/record", **options: str) -> str:
    """Makes a record by its page and returns its number."""
    token = re.search(r'name="csrf_token" value="([^"]+)"', client.get(path).text)
    assert token is not None
    answer = client.post(path, data={"csrf_token": token[1]}, query_string=options)
    assert answer.status_code == 303
    page = client.get(path).text
    number = re.search(r'data-testid="record" data-number="([^"]+)"', page)
    assert number is not None, re.sub(r"<[^>]+>", " ", page)
    return number[1]


def issue(world: World) -> str:
    """Gives the trainee a certificate and returns its number."""
    with world.make.app.app_context():
        current_policy(world.series.id).min_lectures = 1
        db.session.commit()
        batch = awards.issue_batch(
            world.series.id, CertificateKind.PARTICIPATION, [world.trainee.id], by=SYSTEM, at=world.at
        )
        assert batch.issued == 1
        return certificates.list_of_person(world.trainee.id, by=SYSTEM)[0].number


def drop(client: FlaskClient, content: bytes) -> str:
    return client.post("/verify", data={"file": (io.BytesIO(content), "record.pdf")}).text


def state_of(page: str) -> str:
    found = re.search(r'data-testid="verdict" data-state="(\w+)"', page)
    assert found is not None
    return found[1]


@pytest.mark.databases
def test_a_record_is_signed_and_says_what_me_says(world: World) -> None:
    certificate = issue(world)
    client = world.signed_in(world.trainee)
    me = client.get("/me").text
    number = make_record(client)
    with world.make.app.app_context():
        content = get_record(number, by=SYSTEM).content
        assert content is not None
        (series,) = content.series
        # each lecture in the words of /me, and as it counts there
        shown = re.findall(
            r'data-testid="attendance-(\d+)" data-outcome="(\w+)".*?<td class="full">(.*?)</td>', me, re.S
        )
        recorded = [(str(one.lecture_id), one.outcome, one.explanation) for one in reversed(series.lectures)]
        assert recorded == shown
        (stated,) = series.certificates
        assert (stated.number, f"{stated.hours:g} hours") == (certificate, "1.5 hours")
    assert "1.5 hours · issued" in me
    assert certificate in me
    assert (content.attended, content.hours, series.held, content.certificates) == (1, 1.5, 2, 1)
    pdf = client.get(f"/records/{number}.pdf")
    assert pdf.headers["Content-Disposition"] == f'attachment; filename="{number}.pdf"'
    page = drop(world.make.app.test_client(), pdf.data)
    assert state_of(page) == "valid"
    for part in ("Achieng Odhiambo", "Learning record", number, "The file is genuine and unchanged."):
        assert part in page
    assert "What it is" not in page
    assert state_of(drop(client, pdf.data.replace(b"startxref", b"startxreg", 1))) == "altered"


def test_a_record_of_another_digest_is_not_the_one_made(world: World) -> None:
    """Somebody who had the key could sign a file with a known number: its digest is known too."""
    client = world.signed_in(world.trainee)
    number = make_record(client)
    pdf = client.get(f"/records/{number}.pdf").data
    with world.make.app.app_context():
        row = db.session.query(LearningRecord).one()
        assert row.digest == hashlib.sha256(pdf).hexdigest()
        row.digest = "0" * 64
        db.session.commit()
    assert state_of(drop(client, pdf)) == "altered"


def test_the_same_day_gives_the_same_record(world: World) -> None:
    client = world.signed_in(world.trainee)
    number = make_record(client)
    assert make_record(client) == number
    assert make_record(client, lang="fr") != number  # another language is another document


def test_records_a_day_are_bounded(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    client = world.signed_in(world.trainee)
    first = make_record(client)
    with world.make.app.app_context():
        row = db.session.query(LearningRecord).one()
        for place in range(MOST_A_DAY - 1):
            content = {**row.content, "name": f"Name {place}"} if row.content else None
            number = row.number[:-2] + str(place) + "X"
            db.session.add(
                LearningRecord(
                    number=number, person_id=row.person_id, made_at=row.made_at, content=content, digest="0" * 64
                )
            )
        db.session.commit()
    token = re.search(r'name="csrf_token" value="([^"]+)"', client.get("/me/record").text)
    answer = client.post("/me/record", data={"csrf_token": token and token[1]}, follow_redirects=True)
    assert "10 learning records were made within a day." in answer.text
    later = world.at + timedelta(days=1, seconds=1)
    monkeypatch.setattr(clock, "now", lambda: later)
    assert make_record(client) != first


@pytest.mark.databases
def test_its_number_says_what_has_changed_since(world: World) -> None:
    certificate = issue(world)
    client, stranger = world.signed_in(world.trainee), world.make.app.test_client()
    number = make_record(client)
    assert "Nothing that it states has changed since." in stranger.get(f"/verify/{number}").text
    world.be_there(world.held[1], world.trainee, (0, 80))
    with world.make.app.app_context():
        administrator = Actor(person_id=world.instructor.id, roles=frozenset({Role.ADMINISTRATOR}))
        changes.revoke(certificate, reason="By mistake", by=administrator, at=world.at)
        db.session.get_one(Person, world.trainee.id).full_name = "Achieng Obi"
        db.session.commit()
    page = stranger.get(f"/verify/{number}").text
    for change in (
        "The holder’s name has been corrected since.",
        "The attendance of 1 of its lectures has been corrected since.",
        f"Certificate {certificate} has been revoked since.",
    ):
        assert change in page
    assert "Achieng Odhiambo" in page
    assert "Achieng Obi" not in page
    answer = stranger.get(f"/api/v1/learning-records/{number}").json
    assert answer is not None
    assert (answer["state"], answer["lectures"], len(answer["changes"])) == ("valid", 1, 3)


@pytest.mark.databases
def test_an_erased_person_leaves_number_and_digest(world: World) -> None:
    client = world.signed_in(world.trainee)
    number = make_record(client)
    pdf = client.get(f"/records/{number}.pdf").data

    @action
    def erase() -> None:
        publish(PersonErased(person_id=world.trainee.id, withdraw_certificates=False, by=SYSTEM, at=world.at))

    with world.make.app.app_context():
        asked = StoredFilesAsked(by=SYSTEM, at=world.at)
        publish(asked)
        (key,) = [key for key in asked.needed if key.startswith("records/")]
        assert files.has(key)
        export = PersonExportAsked(person_id=world.trainee.id, by=SYSTEM, at=world.at)
        publish(export)
        assert export.parts["learning_records"][0]["number"] == number
        erase()
        assert not files.has(key)
        row = db.session.query(LearningRecord).one()
        assert (row.content, row.digest) == (None, hashlib.sha256(pdf).hexdigest())
    page = world.make.app.test_client().get(f"/verify/{number}").text
    assert state_of(page) == state_of(drop(client, pdf)) == "withdrawn"
    assert "Achieng" not in page


def test_it_is_for_the_person_and_administrators(world: World) -> None:
    number = make_record(world.signed_in(world.trainee))
    reporter = world.signed_in(world.make.person("Rosa", roles=["reporter"]))
    administrator = world.signed_in(world.make.person("Ana", roles=["administrator"]))
    address = f"/records/{number}.pdf"
    assert world.make.app.test_client().get(address).status_code == 302
    for other in (reporter, world.signed_in(world.instructor)):
        assert other.get(address).status_code == 404
        assert other.get(f"/admin/people/{world.trainee.public_id}/record").status_code == 403
    assert administrator.get(address).status_code == 200
    assert make_record(administrator, f"/admin/people/{world.trainee.public_id}/record") == number


@each_row("language", ["ar", "zh", "ru"])
def test_it_is_in_the_language_of_the_reader(world: World, language: str) -> None:
    world.make.person("Nobody")
    with world.make.app.app_context():
        db.session.get_one(Person, world.trainee.id).locale = language
        db.session.commit()
    number = make_record(world.signed_in(world.trainee))
    with world.make.app.app_context():
        stored = get_record(number, by=SYSTEM).content
        assert stored is not None
    pdf = world.signed_in(world.trainee).get(f"/records/{number}.pdf").data
    with pikepdf.open(io.BytesIO(pdf)) as opened:
        assert str(opened.Root.Lang).startswith(stored.language)
    assert stored.language in (language, "en")  # English where the fonts of the language are not installed


def test_a_name_that_no_font_draws_has_a_box_in_a_record(world: World) -> None:
    with world.make.app.app_context():
        db.session.get_one(Person, world.trainee.id).native_name = "\U00013000 Ada"
        db.session.commit()
    number = make_record(world.signed_in(world.trainee))
    text = text_of(world.signed_in(world.trainee).get(f"/records/{number}.pdf").data)
    assert "□ Ada" in text
    assert "replaces characters that no installed font has." in text


def test_nothing_is_no_record(world: World) -> None:
    newcomer = world.make.person("Sutrisno", country="ID")
    with world.make.app.app_context():
        by = Actor(person_id=newcomer.id, public_id=newcomer.public_id)
        assert record_of(newcomer.id, by=by).series == []
    assert "There is nothing to record yet." in world.signed_in(newcomer).get("/me/record").text

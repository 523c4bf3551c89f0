"""People who are enrolled or invited by others are asked the questions later: what previews and invitations say."""

from __future__ import annotations

import io

import pytest
from apiflask import APIFlask

from lms.core.base.roles import SYSTEM
from lms.core.database.session import db
from lms.core.time import clock
from lms.enrolment.queries.answers import LaterQuestions
from lms.enrolment.queries.preview import preview_enrolments
from lms.enrolment_questions.actions import answer, set_questions
from lms.mail.outbox import OutboxMail
from lms.nominations.actions.files import find_file, keep_file, preview_file
from lms.nominations.actions.nominating import nominate
from lms.people.people_files import stage_people
from tests.factories import EARLY, Make
from tests.forms import token_in
from tests.nominations.conftest import row

POST = {"key": "post", "kind": "text", "text": "Which border post?", "required": True}
KENYAN = {"key": "county", "kind": "text", "text": "Which county?", "countries": ["KE"]}
OFFICIAL = {"key": "since", "kind": "date", "text": "Since when?", "sectors": ["government"]}
WHY = {"key": "why", "kind": "text", "text": "Why?", "depends_on": "post"}
FILE = """email,full_name,country,sector
new@x.example,New Person,KE,government
far@x.example,Far Person,PE,business
known@x.example,Known Person,KE,business
in@x.example,In Person,KE,business
"""


@pytest.mark.databases
def test_the_preview_of_a_file_says_who_is_asked(app: APIFlask, make: Make) -> None:
    series = make.series("customs")
    known, inside = make.person("Known", "known@x.example"), make.person("In", "in@x.example")
    make.enrolment(series, inside)
    known_actor = make.actor(known)
    with app.app_context():
        staged = stage_people(FILE.encode())
        assert preview_enrolments(series.id, staged, by=SYSTEM).questions == LaterQuestions()
        set_questions("customs", [POST, KENYAN, OFFICIAL], by=SYSTEM, at=EARLY)
        assert preview_enrolments(series.id, staged, by=SYSTEM).questions == LaterQuestions(3, 1, 3)
        answer(db.session.merge(series), {"post": "Malaba"}, by=known_actor, at=EARLY)
        assert preview_enrolments(series.id, staged, by=SYSTEM).questions == LaterQuestions(2, 1, 3)
        set_questions("customs", [POST, WHY], by=SYSTEM, at=EARLY)
        assert preview_enrolments(series.id, staged, by=SYSTEM).questions == LaterQuestions(2, 1, 2)
        set_questions(None, [{**POST, "key": "who"}], by=SYSTEM, at=EARLY)  # at registration: asked on /me too
        assert preview_enrolments(series.id, staged, by=SYSTEM).questions == LaterQuestions(3, 1, 3)


def test_the_page_of_the_preview_says_it(app: APIFlask, make: Make) -> None:
    make.series("customs")
    with app.app_context():
        set_questions("customs", [POST, {**POST, "key": "b"}], by=SYSTEM, at=EARLY)
    client = app.test_client()
    make.sign_in(client, make.person("Ada", roles=["administrator"]))
    token = token_in(client.get("/account").text)
    sent = {"csrf_token": token, "file": (io.BytesIO(FILE.encode()), "people.csv")}
    client.post("/series/customs/enrolments/import", data=sent, content_type="multipart/form-data")
    page = client.get("/series/customs/enrolments/import/preview").text
    assert "4 people will be asked questions when they next sign in" in page
    assert "The organiser’s questions to each person: 2." in page


def test_nominees_are_told(app: APIFlask, make: Make) -> None:
    """The focal point in the preview of a file, and who is invited in the e-mail and on the page."""
    series = make.series("customs", admission="nomination")
    focal_point = make.actor(roles=[("focal_point", "KE")])
    kenya = next(iter(focal_point.country_ids))
    with app.app_context():
        set_questions("customs", [POST, KENYAN], by=SYSTEM, at=EARLY)
        content = FILE.replace("PE", "KE").encode()
        file_id = keep_file(
            db.session.merge(series), content, name="a.csv", country_id=kenya, by=focal_point, at=clock.now()
        )
        preview = preview_file(find_file(file_id, by=focal_point, at=clock.now()), by=focal_point, at=clock.now())
        assert (preview.questions.people, preview.questions.least, preview.questions.most) == (4, 2, 2)
        db.session.rollback()
        nominate(series.id, [row("Wambui Kamau")], country_id=kenya, by=focal_point, at=clock.now())
        payload = db.session.query(OutboxMail.payload).filter_by(template="nomination_invitation").scalar()
    assert payload["questions"] == [2, 2]
    page = app.test_client().get(f"/invitation/{payload['secret']}").text
    assert "If you accept, we will ask you 2 questions when you next sign in." in page

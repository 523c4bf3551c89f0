"""What anybody may read holds no personal data: everything public of a small demonstration is read and searched.

Every page that can be reached without signing in and every GET of the API, against every address in the database and
the full name of everybody but those who are named in public (instructors).
"""

from __future__ import annotations

import html
import re
from urllib.parse import SplitResult, urljoin, urlsplit

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient
from sqlalchemy import select

from lms.catalogue.models import Lecture, LectureInstructor, Series, SeriesInstructor
from lms.certificates.models import Certificate
from lms.certificates.numbers import write
from lms.core.database.session import db
from lms.demo.staff import ADMIN, INSTRUCTOR, KENYA, TRAINEE
from lms.people.models import Person, PersonEmail
from lms.reports.rules import DIMENSIONS
from tests.demo.sizes import DEMONSTRATION, PEOPLE

pytestmark = [DEMONSTRATION, pytest.mark.long(seconds=130)]

ADDRESS = re.compile(r"[\w.+%-]+@[\w.-]+\.\w+")
LINK = re.compile(r'(?:href|src|action)="([^"]+)"')
ENDLESS = {"/sign-in", "/series", "/zone", "/calendar"}
"""Of the endless ways to filter, to come back from signing in and to turn pages, the plain page is enough."""
ANNOUNCED = {ADMIN, INSTRUCTOR, KENYA, TRAINEE}
"""The accounts that the demonstration prints when it starts, and names in the examples of its API."""
WITH_A_NAME = re.compile(r"^/(api/v1/certificates|verify)/.")
"""The public part of a certificate names its holder, to whoever has the number."""


def starts(app: APIFlask) -> set[str]:
    """Where reading begins: every door without an argument, and every series, lecture and list of the API."""
    found = {rule.rule for rule in app.url_map.iter_rules() if "GET" in (rule.methods or ()) and not rule.arguments}
    with app.app_context():
        for slug in db.session.scalars(select(Series.slug)):
            for path in ("", "/lectures", "/enrolments", "/certificates"):
                found |= {f"/series/{slug}{path}", f"/api/v1/series/{slug}{path}"}
            found |= {f"/api/v1/totals?series={slug}", f"/api/v1/series?q={slug}"}
        for lecture, day in db.session.execute(select(Lecture.id, Lecture.starts_at)):
            found |= {f"/calendar?on={day:%Y-%m}-01", f"/calendar?view=week&on={day:%Y-%m}-01"} if day else set()
            found |= {f"/lectures/{lecture}", f"/lectures/{lecture}.ics", f"/lectures/{lecture}/roster"}
            found |= {f"/api/v1/lectures/{lecture}", f"/api/v1/lectures/{lecture}/attendance"}
        for person in db.session.scalars(select(Person.public_id).limit(20)):
            found |= {f"/api/v1/people/{person}", f"/admin/people/{person}"}
    found |= {f"/api/v1/totals?by={name}" for name in DIMENSIONS} | {f"/impact.csv?by={name}" for name in DIMENSIONS}
    return found | {"/api/v1/series?limit=200"}


def read_everything(app: APIFlask) -> dict[str, str]:
    """The text of every answer that an anonymous reader gets to, following links."""
    client: FlaskClient = app.test_client()
    waiting, answers = sorted(starts(app)), dict[str, str]()
    while waiting:
        path = waiting.pop()
        if path in answers:
            continue
        answer = client.get(path)
        assert answer.status_code < 500, path
        answers[path] = text = answer.data.decode(errors="replace")
        if answer.mimetype == "text/html":
            for link in LINK.findall(text):
                target = urlsplit(urljoin(f"http://localhost{path}", html.unescape(link)))
                if target.hostname in {"localhost", "127.0.0.1"} and not target.path.startswith("/static/"):
                    waiting.append(target.path if target.path in ENDLESS else _whole(target))
        if answer.location:
            waiting.append(urlsplit(answer.location).path)
    return answers


def _whole(target: SplitResult) -> str:
    return f"{target.path}?{target.query}" if target.query else target.path


def test_nothing_that_anybody_may_read_is_personal(built: APIFlask) -> None:
    with built.app_context():
        addresses = set(db.session.scalars(select(PersonEmail.key)))
        named = set(db.session.scalars(select(SeriesInstructor.person_id)))
        named |= set(db.session.scalars(select(LectureInstructor.person_id)))
        people = db.session.execute(select(Person.id, Person.full_name, Person.native_name)).all()
        public = {name for row in people if row.id in named for name in (row.full_name, row.native_name)}
        names = {name for row in people for name in (row.full_name, row.native_name) if name} - public
        secrets = set(db.session.scalars(select(Person.public_id)))
        numbers = [write(number) for number in db.session.scalars(select(Certificate.number).limit(3))]
    assert len(addresses) >= PEOPLE
    addresses -= ANNOUNCED
    assert len(names) >= PEOPLE / 2
    answers = read_everything(built)
    assert len(answers) > 200
    # One word of a name may be any word; looked for are whole names, of two words or more or in other scripts
    sought = {name for name in names if " " in name or not name.isascii()}
    lines = {"open": dict[str, str](), "with a name": dict[str, str]()}  # each line once, with a page that has it
    for path, text in answers.items():
        for own in [secret for secret in secrets if secret in path]:
            text = text.replace(own, "")
        for line in html.unescape(text).splitlines():
            lines["with a name" if WITH_A_NAME.match(path) else "open"].setdefault(line, path)
    for path_of in lines.values():
        for line, path in path_of.items():
            assert {found.casefold() for found in ADDRESS.findall(line)} & addresses == set(), path
    every_line = "\n".join(lines["open"])
    found = [needle for needle in sought | secrets if needle in every_line]
    assert {needle: path for needle in found for line, path in lines["open"].items() if needle in line} == {}
    for number in numbers:
        for path in (f"/verify/{number}", f"/api/v1/certificates/{number}"):
            plain = built.test_client().get(path).get_data(as_text=True)
            assert {found.casefold() for found in ADDRESS.findall(plain)} & addresses == set(), path
            assert [secret for secret in secrets if secret in plain] == [], path

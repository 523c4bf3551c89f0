"""A focal point learns nothing about people of other countries: each door answers as for somebody unknown.

The person of Uganda has an account, a place in the series, and a nomination by Uganda; the other address is nobody's.
Each door is asked about both by the focal point of Kenya, and answers word for word the same, with as many statements.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine, event

from lms.catalogue.models import Series
from lms.core.base.roles import SYSTEM
from lms.core.database.session import db
from lms.core.time import clock
from lms.nominations.actions.decision_batches import preview_decision
from lms.nominations.actions.nominating import nominate
from lms.nominations.models import Decision
from lms.people.people_files import PersonRow
from lms.people.queries.countries import get_country
from tests.factories import Make
from tests.forms import token_in
from tests.rows import each_row

KNOWN, UNKNOWN = "juma.bakari@people.test", "nobody.atall@people.test"
PATH = "/api/v1/series/customs/nominations"


@dataclass
class Scene:
    """The focal point of Kenya, what they call with, and the nomination and decision of Uganda."""

    client: FlaskClient
    bearer: dict[str, str]
    token: str
    foreign: str
    batch: str

    def api(self, method: str, path: str, **more: Any) -> Any:
        return self.client.open(path, method=method, headers=self.bearer, **more)


@pytest.fixture
def series(make: Make) -> Series:
    made = make.series("customs", title="Digital customs", capacity=50, nominations_need_approval=True)
    make.lecture(made, starts_at=clock.now() + timedelta(days=9))
    return made


@pytest.fixture
def scene(make: Make, client: FlaskClient, series: Series) -> Scene:
    person = make.person("Juma Bakari", KNOWN, country="UG", organisation="Revenue Authority", native_name="جمعة")
    make.enrolment(series, person)
    focal = make.person("Peter Mutua", roles=[("focal_point", "KE")])
    now = clock.now()
    with make.app.app_context():
        rows = [PersonRow(1, "jb@people.test", "jb@people.test", "Juma Bakari"), PersonRow(2, KNOWN, KNOWN, "Juma")]
        made = nominate(series.id, rows, country_id=get_country("UG").id, by=SYSTEM, at=now)
        batch = preview_decision(made.submitted, Decision.REJECT, by=SYSTEM, at=now).public_id
    make.sign_in(client, focal)
    token = token_in(client.get("/account").text)
    bearer = {"Authorization": f"Bearer {make.token(focal)}"}
    return Scene(client, bearer, token, made.submitted[0], batch)


@pytest.fixture
def count(make: Make) -> Iterator[Callable[[], int]]:
    """How many statements were sent since it was last asked."""
    seen: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_more: Any) -> None:
        seen.append(statement)

    with make.app.app_context():
        engine: Engine = db.engine
    event.listen(engine, "before_cursor_execute", note)

    def since() -> int:
        found = len(seen)
        seen.clear()
        return found

    yield since
    event.remove(engine, "before_cursor_execute", note)


def file_of(address: str, name: str) -> dict[str, Any]:
    content = f"email,full_name,country\n{address},{name},\n"
    return {"file": (io.BytesIO(content.encode()), "n.csv"), "skip_bad_rows": "true"}


def plain(text: str, address: str) -> str:
    """An answer without what was sent and what is drawn by lot."""
    text = text.replace(address, "ADDRESS").replace(address.split("@")[0], "BOX")
    text = re.sub(r'name="csrf_token"[^>]*value="[^"]*"', "", text)
    text = re.sub(r'"(id|created_at|submitted_at|invited_at)": ?"[^"]*"', "", text)
    return re.sub(r'"(invited|submitted)": ?\[[^\]]*\]', r'"\1"', text)


ASKED: dict[str, Callable[[Scene, str], Any]] = {
    "nominate": lambda scene, who: scene.api("POST", PATH, json={"email": who, "full_name": "Juma Bakari"}),
    "nominate by the address alone": lambda scene, who: scene.api("POST", PATH, json={"email": who}),
    "nominate in capitals": lambda scene, who: scene.api("POST", PATH, json={"email": who.upper(), "full_name": "J"}),
    "file": lambda scene, who: scene.api("POST", PATH, data=file_of(who, "Juma Bakari")),
    "file without a name": lambda scene, who: scene.api("POST", PATH, data=file_of(who, "")),
    "enrolments": lambda scene, who: scene.api("GET", f"/api/v1/series/customs/enrolments?q={who}"),
    "list of enrolments": lambda scene, who: scene.client.get(f"/series/customs/enrolments?q={who}"),
    "search": lambda scene, who: scene.client.get(f"/search?q={who}"),
}


@pytest.mark.parametrize("door", ASKED)
def test_a_door_answers_about_a_person_of_another_country_as_about_nobody(
    scene: Scene, count: Callable[[], int], door: str
) -> None:
    ask = ASKED[door]
    ask(scene, "warm.up@people.test")  # what is read once a process
    answers = {}
    for who in (UNKNOWN, KNOWN):
        count()
        answer = ask(scene, who)
        answers[who] = (answer.status_code, plain(answer.text, who if "capitals" not in door else who.upper()), count())
    assert answers[KNOWN] == answers[UNKNOWN]


def test_the_second_time_answers_the_same_too(scene: Scene, count: Callable[[], int]) -> None:
    answers = {}
    for who in (UNKNOWN, KNOWN):
        scene.api("POST", PATH, json={"email": who, "full_name": "Juma Bakari"})
        again = scene.api("POST", PATH, json={"email": who, "full_name": "Juma Bakari"})
        nomination = again.json["nomination"]["id"]
        count()
        shown = scene.api("GET", f"/api/v1/nominations/{nomination}")
        gone = scene.api("POST", f"/api/v1/nominations/{nomination}/withdraw")
        texts = [plain(one.text, who) for one in (again, shown, gone)]
        answers[who] = ([re.sub(r'"[a-z_]+_at": "[^"]*"', "", text) for text in texts], count())
    assert answers[KNOWN] == answers[UNKNOWN]


@each_row("what", ["", "/withdraw", "/remind"])
def test_a_nomination_of_another_country_is_answered_like_one_that_does_not_exist(
    scene: Scene, count: Callable[[], int], what: str
) -> None:
    method = "POST" if what else "GET"
    scene.api(method, f"/api/v1/nominations/warm-up-warm-up{what}")
    answers = []
    for public_id in ("there-is-none-ab", scene.foreign):
        count()
        answer = scene.api(method, f"/api/v1/nominations/{public_id}{what}")
        answers.append((answer.status_code, answer.text.replace(public_id, "ID"), count()))
    assert answers[0] == answers[1]
    assert answers[0][0] == 404


def test_lists_and_counts_hold_nothing_of_another_country(scene: Scene, count: Callable[[], int]) -> None:
    scene.api("GET", PATH)
    answers = []
    for asked in ("?country=XX", "?country=UG", "?country=UG&state=submitted", "?country=UG&cursor=0&limit=1"):
        count()
        answer = scene.api("GET", PATH + asked)
        answers.append((answer.status_code, answer.json, count()))
    assert answers == [(200, {"items": [], "next": None}, answers[0][2])] * 4
    assert scene.api("GET", PATH).json["items"] == []


def test_decisions_are_closed_to_focal_points_whatever_they_ask_about(scene: Scene, count: Callable[[], int]) -> None:
    bulk = [
        scene.api("POST", "/api/v1/nominations/decisions", json={"ids": [one], "decision": "approve"})
        for one in ("there-is-none-ab", scene.foreign)
    ]
    assert [one.status_code for one in bulk] == [403, 403]
    assert bulk[0].json["detail"] == bulk[1].json["detail"]
    token = {"csrf_token": scene.token}
    for path in ("", ".csv", ".xlsx", "/decisions", f"/decisions/{scene.batch}", "/decisions/there-is-none"):
        answer = scene.client.get(f"/admin/nominations{path}")
        assert answer.status_code == 403, path
        assert "Juma" not in answer.text
    for path in ("", f"/decisions/{scene.batch}", f"/decisions/{scene.batch}/undo"):
        sent = scene.client.post(f"/admin/nominations{path}", data={**token, "people": scene.foreign})
        assert sent.status_code == 403, path

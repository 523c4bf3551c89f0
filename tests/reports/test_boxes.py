"""A character that no installed font has stops no report, no record and no picture: a box is drawn for it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from flask.testing import FlaskClient

from lms.certificates.actions.records import make_record
from lms.certificates.queries.records import get_record_pdf
from lms.core.text.typesetting import box_of, drawable
from lms.core.time import clock
from tests.checks.conftest import NOW, Sittings
from tests.factories import Make
from tests.paper import text_of

SHIP, FAMILY = "\U0001f6a2", "\U0001f468\u200d\U0001f469\u200d\U0001f467"
NOTE = "replaces characters that no installed font has."


@pytest.fixture
def admin(make: Make, client: FlaskClient) -> FlaskClient:
    make.sign_in(client, make.person("Boss", roles=["administrator"]))
    return client


def test_reports_and_pictures_draw_a_box(make: Make, admin: FlaskClient) -> None:
    ended = clock.now() - timedelta(days=1)
    times = {"actual_start": ended - timedelta(hours=1), "actual_end": ended, "confirmed_at": ended}
    teacher = make.person(f"Lin {SHIP}", roles=["instructor"])
    series = make.series("ships", title=f"Ships {SHIP}", instructors=[teacher])
    lecture = make.lecture(series, f"Ports {FAMILY}", state="held", starts_at=ended, instructors=[teacher], **times)
    answers = {path: admin.get(path) for path in (f"/lectures/{lecture.id}/report.pdf", "/countries/KE.pdf")}
    assert {path: answer.status_code for path, answer in answers.items()} == dict.fromkeys(answers, 200)
    report = text_of(answers[f"/lectures/{lecture.id}/report.pdf"].data)
    assert "Ports □" in report
    assert "□\u200d" not in report
    assert NOTE in report
    for path in ("/series/ships/picture.png", f"/lectures/{lecture.id}/picture.png"):
        answer = admin.get(path)
        assert (answer.status_code, answer.mimetype) == (200, "image/png"), path


def test_an_emoji_in_the_title_of_a_check_stops_nobodys_record(make: Make, context: None) -> None:
    sittings = Sittings(make, title=f"Trade {SHIP}")
    sittings.take(sittings.check(title=f"Quiz {SHIP}"), sittings.ada)
    assert sittings.ada.person_id is not None
    number = make_record(sittings.ada.person_id, by=sittings.ada, at=NOW).number
    text = text_of(get_record_pdf(number, by=sittings.ada))
    assert "Quiz □" in text
    assert "Trade □" in text
    assert NOTE in text


def test_a_question_mark_stands_where_no_font_has_a_box() -> None:
    fonts = (frozenset(map(ord, "abc? ")),)
    assert box_of(fonts) == "?"
    assert drawable({"title": f"a{SHIP}", "rows": [("b", 1)]}, fonts) == ({"title": "a?", "rows": [["b", 1]]}, True)
    assert drawable("abc", fonts) == ("abc", False)

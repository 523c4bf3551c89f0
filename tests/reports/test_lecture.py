"""The report of one lecture: its numbers, to whom, and its files."""

from __future__ import annotations

import io
import json
import re
from datetime import UTC, date, datetime, timedelta

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient
from python_calamine import CalamineWorkbook
from sqlalchemy import insert, update

from lms.attendance.models.credits import Outcome
from lms.attendance.models.evidence import Presence, Source
from lms.catalogue.models import Lecture, LectureState, Series, SeriesInstructor
from lms.core.base.errors import Forbidden, NotFound
from lms.core.base.roles import SYSTEM, Role
from lms.core.time import clock
from lms.discussion.models import LectureQuestion, Poll, PollAnswer, PollState, QuestionState, QuestionVote
from lms.enrolment.models import Enrolment
from lms.reports.queries.figures import count
from lms.reports.queries.lecture import Discussion, get_lecture_report
from lms.reports.rules import Slice
from tests.factories import Make
from tests.languages import offering
from tests.paper import sheets_of
from tests.queries import count_statements
from tests.reports.world import World
from tests.rows import each_row

NOON = datetime(2024, 5, 6, 4, 0, tzinfo=UTC)
AT = datetime(2026, 11, 24, 22, 0, tzinfo=UTC)


def see(world: World, lecture: int, person: int, first: float, last: float, source: Source = Source.LIVE) -> None:
    """Presence from one minute of the lecture to another."""
    begin = clock.to_ms(NOON)
    world.insert(
        Presence, lecture_id=lecture, person_id=person, source=source, joined_ms=begin + int(first * 60_000),
        left_ms=begin + int(last * 60_000), evidence=f"{next(world.numbers)}",
    )  # fmt: skip


@pytest.fixture
def lecture(world: World) -> int:
    """Ninety minutes: of KE one who stayed, one who rejoined, one who never came; of UG one who left early and one by
    replay; of FR one who moved there later and was excused. One of KE has a certificate, one a revoked one."""
    series = world.series("one")
    held = world.lecture(series, NOON)
    stayed, rejoined, absent = (world.person("KE") for _n in range(3))
    early, replayed = (world.person("UG") for _n in range(2))
    excused = world.person("UG", moved={date(2025, 1, 1): "FR"})
    people = [stayed, rejoined, absent, early, replayed, excused]
    world.enrol(series, *people, at=NOON - timedelta(days=3))
    world.execute(update(Enrolment).values(enrolled_at=NOON - timedelta(days=3)))
    see(world, held, stayed, -5, 90)
    see(world, held, rejoined, 3, 40)
    see(world, held, rejoined, 50, 89.5)
    see(world, held, early, 0.5, 20)
    see(world, held, replayed, 0, 60, Source.REPLAY)
    world.attend(held, stayed, rejoined, minutes=80)
    world.attend(held, replayed, minutes=60, source=Source.REPLAY)
    world.attend(held, early, minutes=19, outcome=Outcome.PARTIAL)
    world.attend(held, excused, minutes=0, outcome=Outcome.EXCUSED, source=Source.MANUAL)
    world.award(series, stayed, NOON)
    return held


def test_its_titles_are_in_the_readers_language(
    app: APIFlask, client: FlaskClient, make: Make, world: World, lecture: int
) -> None:
    world.execute(update(Lecture).values(translations={"fr": {"title": "Conférence traduite"}}))
    world.execute(update(Series).values(translations={"fr": {"title": "Cycle traduit"}}))
    make.sign_in(client, make.person(roles=[Role.REPORTER], country=None))
    with offering(app, "fr"):
        french = client.get(f"/lectures/{lecture}/report?lang=fr").text
        assert "Conférence traduite" in french.partition("</h1>")[0]
        assert "Cycle traduit" in french
        rows = client.get("/admin/reports/opened/sessions?lang=fr").text
        assert "Conférence traduite" in rows
    assert "traduit" not in client.get(f"/lectures/{lecture}/report").text


def test_from_registered_to_certified(app: APIFlask, lecture: int) -> None:
    with app.app_context():
        report = get_lecture_report(lecture, by=SYSTEM, at=AT)
        assert report is not None
        assert (report.registered, report.came, report.attended, report.certified) == (6, 4, 3, 1)
        assert report.excused == 1
        assert report.attended == count(Slice(series="one"), by=SYSTEM, at=AT).totals.attendances
        assert report.sources == {Source.LIVE: 2, Source.REPLAY: 1}
        assert [(one.code, one.registered, one.came, one.attended) for one in report.countries] == [
            ("KE", 3, 2, 2),
            ("UG", 3, 2, 1),
        ]
        course = report.course
        assert len(course.minutes) == 90
        assert (course.minutes[0], course.minutes[1], course.minutes[10], course.minutes[45]) == (2, 2, 3, 1)
        assert (course.highest, course.highest_ms) == (3, 180_000)
        assert sorted(course.rejoins) == [0, 0, 1], "the replay is no presence in the room"


def discuss(world: World, lecture: int) -> None:
    """Two questions of which one is answered, one merged and one hidden; an open poll and a draft."""
    first, second = 1, 2
    for number, state, into in ((11, "answered", None), (12, "open", None), (13, "open", 12), (14, "hidden", None)):
        world.insert(
            LectureQuestion, id=number, lecture_id=lecture, person_id=first, text="" if number == 12 else "Why?",
            is_anonymous=False, state=QuestionState(state), asked_at=NOON, answer="", reason="", merged_into_id=into,
        )  # fmt: skip
    for question, person in ((11, first), (11, second), (12, second), (13, first), (13, second), (14, first)):
        world.insert(QuestionVote, question_id=question, person_id=person)
    for number, state in ((21, "open"), (22, "draft")):
        world.insert(
            Poll, id=number, lecture_id=lecture, text="How?", options=["A", "B"], is_several=False, is_shown=False,
            state=PollState(state), made_at=NOON,
        )  # fmt: skip
    for person in (first, second):
        world.insert(PollAnswer, poll_id=21, person_id=person, choices=1, answered_ms=0)


def test_questions_and_polls_are_counted_merged_ones_once(app: APIFlask, world: World, lecture: int) -> None:
    discuss(world, lecture)
    with app.app_context():
        report = get_lecture_report(lecture, by=SYSTEM, at=AT)
        assert report is not None
        assert report.discussion == Discussion(questions=2, questions_answered=1, votes=4, polls=1, poll_answers=2)
    world.merge(main=1, merged=2)
    with app.app_context():
        report = get_lecture_report(lecture, by=SYSTEM, at=AT)
        assert report is not None
        assert report.discussion == Discussion(questions=2, questions_answered=1, votes=2, polls=1, poll_answers=1)


def test_questions_and_polls_are_on_the_page_in_files_and_in_the_api(
    client: FlaskClient, make: Make, world: World, lecture: int
) -> None:
    reporter = make.person(roles=[Role.REPORTER], country=None)
    make.sign_in(client, reporter)
    assert 'id="discussion"' not in client.get(f"/lectures/{lecture}/report").text
    discuss(world, lecture)
    page = client.get(f"/lectures/{lecture}/report").text
    assert "Votes for questions" in page
    assert "#discussion" in page
    figures = json.loads(client.get(f"/lectures/{lecture}/report.json").text)
    assert [figures["totals"][name] for name in ("questions", "votes", "polls")] == [2, 4, 1]
    path = f"/api/v1/lectures/{lecture}/report"
    answer = client.get(path, headers=make.headers(reporter)).json
    assert answer["discussion"]["poll_answers"] == 2
    assert (answer["registered"], answer["came"], answer["attended"], answer["certified"]) == (6, 4, 3, 1)
    focal = make.person(roles=[Role.FOCAL_POINT], country="KE")
    assert client.get(path, headers=make.headers(focal)).json["discussion"] is None


def test_who_came_without_times_makes_the_rows_add_up(app: APIFlask, world: World, lecture: int) -> None:
    added, removed = world.person("KE"), world.person("KE")
    world.enrol(1, added, removed, at=NOON - timedelta(days=3))
    world.execute(update(Enrolment).values(enrolled_at=NOON - timedelta(days=3)))
    see(world, lecture, removed, 0, 90)
    world.attend(lecture, added, minutes=0, source=Source.MANUAL)
    world.attend(lecture, removed, minutes=0, outcome=Outcome.ABSENT, source=Source.MANUAL)
    with app.app_context():
        report = get_lecture_report(lecture, by=SYSTEM, at=AT)
    assert report is not None
    assert report.untimed == {Source.REPLAY: 1, Source.MANUAL: 1}
    assert report.uncounted == 1
    assert report.course.people + sum(report.untimed.values()) - report.uncounted == report.came


def test_merged_people_are_one(app: APIFlask, world: World, lecture: int) -> None:
    with app.app_context():
        before = get_lecture_report(lecture, by=SYSTEM, at=AT)
    world.merge(main=1, merged=2)
    with app.app_context():
        report = get_lecture_report(lecture, by=SYSTEM, at=AT)
    assert before is not None
    assert report is not None
    assert (report.registered, report.attended) == (before.registered - 1, before.attended - 1)


def test_a_focal_point_sees_the_own_people_only(app: APIFlask, make: Make, world: World, lecture: int) -> None:
    focal = make.actor(roles=[(Role.FOCAL_POINT, "UG")], country=None)
    with app.app_context():
        report = get_lecture_report(lecture, by=focal, at=AT)
        assert report is not None
        assert (report.registered, report.came, report.attended, report.certified) == (3, 2, 1, 0)
        assert [one.code for one in report.countries] == ["UG"]
        assert report.only == ["Uganda"]
        assert report.course.people == 1
        abroad = get_lecture_report(lecture, by=make.actor(roles=[(Role.FOCAL_POINT, "FR")], country=None), at=AT)
        assert abroad is not None
        assert abroad.registered == 0, "who moved to France later was not of France on the day"


def test_who_may_read_it(app: APIFlask, make: Make, world: World, lecture: int) -> None:
    teacher = make.person(roles=[Role.INSTRUCTOR], country=None)
    world.execute(insert(SeriesInstructor).values(series_id=1, person_id=teacher.id))
    hidden = world.lecture(world.series(draft=True), NOON)
    with app.app_context():
        for reader in (make.actor(teacher), make.actor(roles=[Role.REPORTER]), make.administrator()):
            report = get_lecture_report(lecture, by=reader, at=AT)
            assert report is not None
            assert report.registered == 6
        for stranger in (make.actor(), make.actor(roles=[Role.INSTRUCTOR])):
            with pytest.raises(Forbidden):
                get_lecture_report(lecture, by=stranger, at=AT)
        with pytest.raises(NotFound):
            get_lecture_report(hidden, by=make.actor(roles=[(Role.FOCAL_POINT, "KE")]), at=AT)


@each_row(
    "state, sentence",
    [
        ("scheduled", "This lecture has not been held yet"),
        ("cancelled", "This lecture was cancelled"),
        ("live", "This lecture is live"),
        ("unknown", "No one has recorded whether this lecture was held"),
    ],
)
def test_without_a_report_the_page_says_why(
    client: FlaskClient, make: Make, world: World, state: str, sentence: str
) -> None:
    known = LectureState.SCHEDULED if state == "unknown" else LectureState(state)
    lecture_id = world.lecture(world.series(), NOON, state=known)
    world.execute(update(Lecture).values(held_unknown=state == "unknown"))
    make.sign_in(client, make.person(roles=[Role.REPORTER], country=None))
    assert sentence in client.get(f"/lectures/{lecture_id}/report").text
    assert client.get(f"/lectures/{lecture_id}/report.pdf").status_code == 409


def test_a_lecture_with_nobody_has_a_report(client: FlaskClient, make: Make, world: World) -> None:
    empty = world.lecture(world.series(), NOON)
    make.sign_in(client, make.person(roles=[Role.REPORTER], country=None))
    page = client.get(f"/lectures/{empty}/report").text
    assert "No one was enrolled for this lecture" in page
    assert "No presence was recorded." in page
    world.enrol(1, world.person("KE"), at=NOON - timedelta(days=3))
    world.execute(update(Enrolment).values(enrolled_at=NOON - timedelta(days=3)))
    page = client.get(f"/lectures/{empty}/report").text
    assert "No attendance is recorded yet" in page
    assert "Import the report of the meeting, or add attendance on the roster." in page
    for kind in ("pdf", "xlsx", "csv", "json"):
        assert client.get(f"/lectures/{empty}/report.{kind}").status_code == 200


def test_the_page_and_its_files(client: FlaskClient, make: Make, lecture: int) -> None:
    make.sign_in(client, make.person(roles=[Role.REPORTER], country=None))
    text = " ".join(client.get(f"/lectures/{lecture}/report").text.split())
    assert "<h1>3 of 6 people enrolled attended (50%)</h1>" in text
    assert "Held on 6 May 2024, 12:00 to 13:30 (Beijing time): 90 minutes." in text
    assert "1 person joined but was present for less than 54 of 90 minutes." in text
    assert "1 fewer" not in text, "one person is not worth a sentence"
    assert "Most at once: 3 at 12:03. On average: 2, 62 minutes per person. Beijing time." in text
    for anchor in ("funnel", "countries", "sources", "late", "early", "rejoins"):
        part = text[text.index(f'<section class="part" id="{anchor}">') :]
        assert part.index("<table") < part.index("<svg") < part.index("</table>") < part.index("</section>"), anchor
    for table in re.findall(r"<table.*?</table>", text):
        rows = re.findall(r"<tr.*?</tr>", table)  # whose cells screen readers count without the bars
        cells = {len(re.findall(r"<t[hd](?![^>]*aria-hidden)[ >]", row)) for row in rows}
        assert len(cells) == 1, table
    assert text.index('id="curve"') < text.index('id="annex"') < text.index('id="minutes"')
    first, annex, *_rest = sheets_of(client.get(f"/lectures/{lecture}/report.pdf").data)
    assert "3 of 6 people enrolled attended (50%)" in first
    assert "Minute by minute" in first
    assert "Countries" in first
    assert annex.startswith("How they attended")
    document = json.loads(client.get(f"/lectures/{lecture}/report.json").text)
    assert document["totals"] == {
        "registered": 6, "came": 4, "attended": 3, "certified": 1, "highest": 3, "average": 2,
    }  # fmt: skip
    sections = document["sections"]
    assert len(sections["minutes"]["rows"]) == 90
    assert sections["late"]["rows"] == [["On time", 2, 50.0], ["1 to 5 minutes late", 1, 25.0],
                                     ["5 to 15 minutes late", 0, 0.0], ["15 to 30 minutes late", 0, 0.0],
                                     ["30 minutes late or more", 0, 0.0],
                                     ["Watched the recording", 1, 25.0]]  # fmt: skip
    assert sections["late"]["all"] == ["All", 4, 100.0]
    assert [row[1] for row in sections["early"]["rows"]] == [2, 0, 0, 0, 1, 1]
    assert [row[1] for row in sections["rejoins"]["rows"]] == [2, 1, 0, 0, 1]
    book = CalamineWorkbook.from_filelike(io.BytesIO(client.get(f"/lectures/{lecture}/report.xlsx").data))
    assert book.get_sheet_by_name("Minutes").to_python()[4] == ["12:03", 3.0, 3.0]


def test_many_who_leave_together_and_countries_at_night_are_named(
    client: FlaskClient, make: Make, world: World, lecture: int
) -> None:
    away = [world.person("PE") for _n in range(10)]
    world.enrol(1, *away, at=NOON - timedelta(days=3))
    world.execute(update(Enrolment).values(enrolled_at=NOON - timedelta(days=3)))
    for person in away[:6]:
        see(world, lecture, person, 0, 51)
        world.attend(lecture, person, minutes=51, outcome=Outcome.PARTIAL)
    make.sign_in(client, make.person(roles=[Role.REPORTER], country=None))
    text = " ".join(client.get(f"/lectures/{lecture}/report").text.split())
    assert "fewer people were present at 12:5" in text
    assert "It was night for 10 of the people who did not attend, most of them in Peru." in text
    assert "23:00, night" in text


def test_presence_is_read_in_as_many_statements_however_many_were_there(
    app: APIFlask, world: World, lecture: int
) -> None:
    def statements() -> int:
        with app.app_context():
            return count_statements(lambda: get_lecture_report(lecture, by=SYSTEM, at=AT))

    before = statements()
    for person in [world.person("KE") for _n in range(40)]:
        see(world, lecture, person, 1, 80)
        world.attend(lecture, person)
    assert statements() == before

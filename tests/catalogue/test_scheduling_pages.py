"""Pages that plan many lectures at once: what is previewed, what is asked, and that nothing is saved before."""

# ruff: noqa: DTZ001 (planned times are local, without offset)

from __future__ import annotations

import io
import re
from datetime import UTC, datetime

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient
from sqlalchemy import func, select

from lms.catalogue.models import Lecture, Series
from lms.catalogue.queries.lectures import list_lectures
from lms.catalogue.queries.series import get_series
from lms.core.database.session import db
from lms.core.storage import files
from lms.materials.actions import edit_file, remove_file, replace_file, upload_file
from lms.materials.models import Audience
from lms.materials.queries import count_files, get_files_to_edit
from lms.people.models import Person
from lms.speakers.actions import SpeakerInput, add_new_speaker, add_speaker
from lms.speakers.queries import list_speakers
from tests.documented_answers import CheckedClient
from tests.factories import Make
from tests.rows import each_row

pytestmark = pytest.mark.usefixtures("unprotected")

FIRST = datetime(2036, 1, 11, 14)  # a Friday
_COPY = {"title": "Trade, 2037", "slug": "trade-2037", "first": "2037-01-09", "instructors": "y", "rules": "y"}


@pytest.fixture
def ines(make: Make) -> Person:
    """An instructor."""
    return make.person("Ines", "ines@example.org", roles=["instructor"])


@pytest.fixture
def series(make: Make, ines: Person) -> Series:
    """A series of three Fridays in Shanghai."""
    series = make.series("trade-2036", "Trade, 2036", instructors=[ines])
    for week in range(3):
        make.lecture(series, f"Part {week + 1}", local_start=FIRST.replace(day=11 + 7 * week),
                     time_zone="Asia/Shanghai", instructors=[ines])  # fmt: skip
    return series


@pytest.fixture
def staff(client: FlaskClient, make: Make, ines: Person) -> FlaskClient:
    """Ines, signed in."""
    make.sign_in(client, ines)
    return client


def count_of(app: APIFlask, table: type[Lecture] | type[Series]) -> int:
    with app.app_context():
        return db.session.scalar(select(func.count()).select_from(table)) or 0


def options(text: str) -> list[str]:
    """The dates for which a decision is asked."""
    return re.findall(r'<select class="select" id="decide-([^"]+)"', text)


def test_a_copy_is_proposed_with_name_address_and_the_same_weekdays(staff: FlaskClient, series: Series) -> None:
    page = staff.get("/series/trade-2036/copy")
    assert page.status_code == 200
    assert 'value="Trade, 2037"' in page.text
    assert 'value="trade-2037"' in page.text
    assert 'value="2037-01-09"' in page.text
    assert [re.sub(r"\s+", " ", day) for day in re.findall(r'<b class="nobr">([^<]+)</b>', page.text)] == [
        "Fri 9 Jan 2037", "Fri 16 Jan 2037", "Fri 23 Jan 2037"]  # fmt: skip
    assert options(page.text) == []


def test_a_copy_asks_only_about_dates_with_a_problem_and_saves_nothing_before(
    app: APIFlask, staff: FlaskClient, make: Make, series: Series, ines: Person
) -> None:
    other = make.series("other", "Other")
    make.lecture(
        other, "In depth", local_start=datetime(2037, 1, 23, 15), time_zone="Asia/Shanghai", instructors=[ines]
    )
    page = staff.post("/series/trade-2036/copy", data=_COPY)
    assert (page.status_code, options(page.text)) == (200, ["2-2037-01-23T14:00"])
    assert "Ines gives “In depth”, 15:00–16:30" in page.text
    page = staff.post("/series/trade-2036/copy", data=_COPY | {"step": "save"})
    assert (page.status_code, 'aria-invalid="true"' in page.text) == (422, True)
    assert (count_of(app, Series), count_of(app, Lecture)) == (2, 4)
    sent = _COPY | {"step": "save", "decide-2-2037-01-23T14:00": "keep"}
    assert staff.post("/series/trade-2036/copy", data=sent).location == "/series/trade-2037/schedule"
    assert staff.post("/series/trade-2036/copy", data=sent).location == "/series/trade-2037/schedule"
    assert (count_of(app, Series), count_of(app, Lecture)) == (3, 7)


@pytest.mark.databases
def test_speakers_and_files_come_along_where_ticked(
    app: APIFlask, staff: FlaskClient, make: Make, series: Series, ines: Person
) -> None:
    by, at = make.actor(ines), datetime(2036, 1, 1, tzinfo=UTC)
    with app.app_context():
        first, second, third = (one.id for one in list_lectures(series.id, by=by))
        public_id = add_new_speaker(second, SpeakerInput("Saltanat Bekova"), by=by, at=at)
        add_speaker(first, public_id, by=by, at=at)
        zipped = b"PK\5\6" + bytes(18)
        file_id = upload_file(third, io.BytesIO(zipped), "form.zip", Audience.EVERYONE, by=by, at=at)
        edit_file(third, file_id, "Form CN 22", Audience.AFTERWARDS, by=by, at=at)
    page = " ".join(staff.get("/series/trade-2036/copy").text.split())
    assert "1 file, visible to the same people as before" in page
    assert re.search(r'id="speakers-h">1 person<', page) is not None
    for slug, ticks in (("with", {"speakers": "y", "files": "y"}), ("without", {})):
        sent = _COPY | {"step": "save", "slug": slug} | ticks
        assert staff.post("/series/trade-2036/copy", data=sent).status_code == 302
    with app.app_context():
        copies = [list_lectures(get_series(slug, by=by).id, by=by) for slug in ("with", "without")]
        assert [[len(list_speakers(one.id)) for one in lectures] for lectures in copies] == [[1, 1, 0], [0, 0, 0]]
        assert [count_files([one.id for one in lectures]) for lectures in copies] == [{copies[0][2].id: 1}, {}]
        (copied,) = get_files_to_edit(copies[0][2].id, by=by)[1]
        assert (copied.title, copied.audience, copied.downloads) == ("Form CN 22", Audience.AFTERWARDS, 0)
    address = f"/lectures/{copies[0][2].id}/files/{copied.public_id}"
    assert staff.get(address).data == zipped
    with app.app_context():
        stored = list((files.folder() / "materials").glob(f"{file_id}-*"))
        assert len(stored) == 1  # once, for both
        remove_file(third, file_id, by=by, at=at)
    assert staff.get(address).data == zipped
    with app.app_context():
        replace_file(copies[0][2].id, copied.public_id, io.BytesIO(zipped), "form.zip", by=by, at=at)
        assert list((files.folder() / "materials").glob(f"{copied.public_id}-*")) == []  # it has this content already
        remove_file(copies[0][2].id, copied.public_id, by=by, at=at)
        assert not stored[0].exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"slug": "other"}, "already a series"),
        ({"slug": "No Slug"}, "lower-case"),
        ({"title": ""}, "Enter the title"),
        ({"first": ""}, "Enter the day of the first lecture"),
        ({"first": "9999-12-31"}, "between 1990 and 2100"),
        ({"first": "soon"}, "Enter a date"),
    ],
)
def test_a_copy_that_cannot_be_says_why_and_keeps_what_was_typed(
    app: APIFlask, staff: FlaskClient, make: Make, series: Series, change: dict[str, str], message: str
) -> None:
    make.series("other", "Other")
    page = staff.post("/series/trade-2036/copy", data=_COPY | {"step": "save"} | change)
    assert page.status_code in {409, 422}
    assert message in page.text
    assert 'value="Trade, 2037"' in page.text or "title" in change
    assert count_of(app, Series) == 2


def test_all_to_come_are_moved_after_a_preview_and_moved_back(
    app: APIFlask, staff: CheckedClient, make: Make, series: Series
) -> None:
    make.enrolment(series, make.person())
    page = staff.get("/series/trade-2036/schedule")
    assert 'action="/series/trade-2036/move"' in page.text
    page = staff.get("/series/trade-2036/move?amount=2&unit=7&direction=1")
    assert "Move 3 lectures 14 days later?" in page.text
    assert "1 enrolled person gets an e-mail about each published lecture." in page.text
    sent = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', page.text))
    done = staff.post("/series/trade-2036/move", data=sent)
    assert done.location == "/series/trade-2036/schedule?moved=14"
    assert staff.post("/series/trade-2036/move", data=sent).status_code == 409
    back = re.search(r'href="([^"]+)">Move them back', staff.get(done.location).text)
    assert back is not None
    page = staff.get(back.group(1).replace("&amp;", "&"))
    assert "Move 3 lectures 14 days earlier?" in page.text
    sent = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', page.text))
    staff.post("/series/trade-2036/move", data=sent)
    with app.app_context():
        starts = db.session.scalars(select(Lecture.local_start).order_by(Lecture.id)).all()
    assert starts == [FIRST, FIRST.replace(day=18), FIRST.replace(day=25)]


@each_row("parameters", [{"amount": "0"}, {"amount": "x"}, {"amount": "500"}, {"amount": "9" * 20}, {"unit": "9"}])
def test_a_move_that_cannot_be_is_said_in_a_sentence(
    staff: FlaskClient, series: Series, parameters: dict[str, str]
) -> None:
    page = staff.get(
        "/series/trade-2036/move", query_string={"amount": "1", "unit": "1", "direction": "1"} | parameters
    )
    assert page.status_code == 422
    assert 'role="alert"' in page.text
    assert "Move 3 lectures" not in page.text


_REPEAT = {
    "title": "Open hour",
    "abstract": "Questions,\nand answers",
    "starts_at": "2037-01-09T14:00",
    "time_zone": "Asia/Shanghai",
    "duration_minutes": "60",
    "language": "en",
    "instructors": "ines@example.org",
    "materials-0-title": "Slides",
    "materials-0-url": "https://files.example/s.pdf",
    "repeat": "week",
    "times": "8",
}


def hidden(text: str) -> dict[str, str]:
    """What a page carries along out of sight."""
    fields = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', text)
    return {name: value for name, value in fields if name != "csrf_token"}


def test_a_repeated_lecture_shows_its_dates_and_saves_nothing_until_each_is_decided(
    app: APIFlask, staff: FlaskClient, make: Make, series: Series, ines: Person
) -> None:
    make.lecture(
        series, "In depth", local_start=datetime(2037, 1, 23, 14, 30), time_zone="Asia/Shanghai", instructors=[ines]
    )
    page = staff.post("/series/trade-2036/lectures/new", data=_REPEAT)
    assert page.status_code == 200
    assert "Schedule 8 lectures" in page.text
    assert hidden(page.text)["materials-0-title"] == "Slides"
    options_shown = options(page.text)
    assert options_shown == ["2-2037-01-23T14:00"]
    assert "This series has “In depth”, 14:30–16:00" in page.text
    planned = {name: _REPEAT[name] for name in ("starts_at", "time_zone", "duration_minutes", "repeat", "times")}
    sent = hidden(page.text) | planned | {"step": "save"}
    page = staff.post("/series/trade-2036/lectures/new", data=sent)
    assert (page.status_code, page.text.count('aria-invalid="true"')) == (422, 1)
    assert count_of(app, Lecture) == 4
    sent |= {f"decide-{options_shown[0]}": "skip"}
    for _again in range(2):
        assert staff.post("/series/trade-2036/lectures/new", data=sent).location == "/series/trade-2036/schedule"
    with app.app_context():
        made = db.session.scalars(select(Lecture).where(Lecture.title.startswith("Open hour"))).all()
        assert [(one.title, one.state.value) for one in made] == [
            (f"Open hour {number}", "draft") for number in range(1, 8)
        ]
        assert made[0].abstract == "Questions,\nand answers"
        assert made[0].materials == [{"title": "Slides", "url": "https://files.example/s.pdf"}]
        assert datetime(2037, 1, 23, 14) not in [one.local_start for one in made]


@each_row(
    "change, at",
    [
        ({"times": "61"}, "times"),
        ({"times": "x"}, "times"),
        ({"times": ""}, "times"),
        ({"repeat": "hour"}, "repeat"),
        ({"instructors": "nobody@example.org"}, "instructor_name"),
        ({"starts_at": ""}, "starts_at"),
        ({"title": ""}, "title"),
    ],
)
def test_a_repeat_that_cannot_be_says_why_beside_its_field(
    app: APIFlask, staff: FlaskClient, series: Series, change: dict[str, str], at: str
) -> None:
    page = staff.post("/series/trade-2036/lectures/new", data=_REPEAT | {"step": "save"} | change)
    assert page.status_code == 422
    assert re.search(rf'<(?:input|select|textarea)[^>]*aria-invalid="true"[^>]*name="{at}"', page.text)
    assert count_of(app, Lecture) == 3


def test_a_copied_lecture_begins_with_what_the_other_says(
    staff: FlaskClient, make: Make, series: Series, ines: Person
) -> None:
    there = make.lecture(series, "Again", local_start=datetime(2037, 3, 2, 9), abstract="Why", instructors=[ines],
                         recording_url="https://video.example/1", time_zone="Africa/Nairobi")  # fmt: skip
    page = staff.get(f"/series/trade-2036/lectures/new?copy={there.id}")
    assert 'value="Again"' in page.text
    assert 'value="2037-03-09T09:00"' in page.text
    assert "ines@example.org" in page.text
    assert "video.example" not in page.text
    theirs = make.lecture(make.series("theirs", "Theirs"), "Not mine")
    assert staff.get(f"/series/trade-2036/lectures/new?copy={theirs.id}").status_code == 403
    assert staff.get("/series/trade-2036/lectures/new?copy=99999").status_code == 404


def test_a_series_without_a_web_address_gets_one_from_its_title(app: APIFlask, staff: FlaskClient, make: Make) -> None:
    make.series("green-trade-2037", "Green trade")
    sent = {"title": "Green trade, 2037", "slug": "", "language": "en", "visibility": "draft", "admission": "open",
            "policy-min_percent": "60", "policy-min_lectures_percent": "60",
            "policy-replay_days": "28", "policy-walk_ins": "enrol",
            "policy-certificate": ""}  # fmt: skip
    assert staff.post("/series/new", data=sent).location == "/series/green-trade-2037-2/lectures/new"
    assert staff.post("/series/new", data=sent | {"title": "贸易"}).status_code == 422


def test_drafts_change_places_by_buttons_once_a_press(
    app: APIFlask, staff: FlaskClient, make: Make, series: Series, ines: Person
) -> None:
    drafts = make.series("drafts", "Drafts", visibility="draft", instructors=[ines])
    for week in range(3):
        make.lecture(drafts, f"Draft {week + 1}", local_start=FIRST.replace(day=11 + 7 * week), state="draft",
                     time_zone="Asia/Shanghai")  # fmt: skip
    steps = re.findall(r'action="(/lectures/\d+/swap[^"]+)"', staff.get("/series/drafts/schedule").text)
    assert len(steps) == 4  # the first has no way up, the last none down
    down = steps[0].replace("&amp;", "&")
    assert staff.post(down).location == "/series/drafts/schedule"
    assert staff.post(down).status_code == 409
    with app.app_context():
        query = select(Lecture.title).where(Lecture.series_id == drafts.id).order_by(Lecture.starts_at)
        assert db.session.scalars(query).all() == ["Draft 2", "Draft 1", "Draft 3"]
    assert "/swap" not in staff.get("/series/trade-2036/schedule").text  # published: people would have to be told

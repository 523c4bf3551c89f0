"""Speakers: one profile for all lectures, edited by their staff, read by everybody who sees the lecture."""

from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient
from PIL import Image
from sqlalchemy import func, select

from lms.catalogue.models import Lecture, LectureState, Series
from lms.core.base.errors import Forbidden, Invalid, NotFound, Refused
from lms.core.base.roles import ANONYMOUS, Actor
from lms.core.database.session import db
from lms.core.storage import files
from lms.core.time import clock
from lms.people.models import Person
from lms.speakers import actions, queries
from lms.speakers.actions import SpeakerInput
from lms.speakers.models import Speaker
from tests.factories import Make
from tests.rows import each_row

SALTANAT = SpeakerInput("Saltanat Bekova", "Салтанат Бекова", "Head of e-commerce, State Customs Service", "Line one.")


def jpeg(size: tuple[int, int] = (900, 300)) -> bytes:
    out = io.BytesIO()
    exif = Image.Exif()
    exif[0x010E] = "taken at home"
    Image.new("RGB", size, "teal").save(out, "JPEG", exif=exif)
    return out.getvalue()


@pytest.fixture
def ines(make: Make) -> Person:
    return make.person("Ines", roles=["instructor"], job_title="Adviser", organisation="Port of Santos")


@pytest.fixture
def series(make: Make, ines: Person) -> Series:
    return make.series("trade", "Trade", instructors=[ines])


@pytest.fixture
def lecture(make: Make, series: Series, ines: Person) -> Lecture:
    return make.lecture(series, "Opening", instructors=[ines])


@pytest.fixture
def staff(make: Make, ines: Person) -> Actor:
    return make.actor(ines)


def names(lecture: Lecture) -> list[str]:
    return [one.full_name for one in queries.list_speakers(lecture.id)]


@pytest.mark.databases
@pytest.mark.usefixtures("context")
class TestList:
    @pytest.mark.databases
    def test_one_profile_for_all_lectures(self, make: Make, series: Series, lecture: Lecture, staff: Actor) -> None:
        at = clock.now()
        second = make.lecture(series, "Second")
        speaker = actions.add_new_speaker(lecture.id, SALTANAT, by=staff, at=at)
        assert actions.add_new_speaker(lecture.id, SALTANAT, by=staff, at=at) == speaker
        for _twice in range(2):
            actions.add_speaker(second.id, speaker, by=staff, at=at)
        assert (names(lecture), names(second)) == (["Saltanat Bekova"], ["Saltanat Bekova"])
        draft = SpeakerInput("Saltanat  Bekova-Ismailova", about="a\r\nb")
        actions.edit_speaker(second.id, speaker, draft, by=staff, at=at)
        assert names(lecture) == ["Saltanat Bekova-Ismailova"]
        for _twice in range(2):
            actions.remove_speaker(lecture.id, speaker, by=staff, at=at)
        assert (names(lecture), names(second)) == ([], ["Saltanat Bekova-Ismailova"])

    @pytest.mark.databases(differs=True)
    def test_found_by_any_part_of_a_name_in_either_script(
        self, make: Make, series: Series, lecture: Lecture, staff: Actor
    ) -> None:
        at = clock.now()
        second = make.lecture(series, "Second")
        actions.add_new_speaker(lecture.id, SALTANAT, by=staff, at=at)
        actions.add_new_speaker(lecture.id, SpeakerInput("Émile Zöller"), by=staff, at=at)
        names = {q: [one.full_name for one in queries.find_speakers(q, without=second.id)] for q in
                 ("bek", "БЕКОВА", "zoller", "emile", "%", "_", " ", "x" * 10_000)}  # fmt: skip
        assert names == {
            "bek": ["Saltanat Bekova"], "БЕКОВА": ["Saltanat Bekova"], "zoller": ["Émile Zöller"],
            "emile": ["Émile Zöller"], "%": [], "_": [], " ": [], "x" * 10_000: [],
        }  # fmt: skip
        assert queries.find_speakers("bek", without=lecture.id) == []

    def test_is_ordered(self, lecture: Lecture, staff: Actor) -> None:
        at = clock.now()
        _a, _b, third = (actions.add_new_speaker(lecture.id, SpeakerInput(name), by=staff, at=at) for name in "ABC")
        for _twice in range(2):
            actions.move_speaker(lecture.id, third, 1, by=staff, at=at)
            assert names(lecture) == ["C", "A", "B"]

    @pytest.mark.databases
    def test_faults_are_said_by_field_and_nothing_is_kept(self, lecture: Lecture, staff: Actor) -> None:
        draft = SpeakerInput("\u200b", position="x" * 201, about="y" * 601)
        with pytest.raises(Invalid) as raised:
            actions.add_new_speaker(lecture.id, draft, by=staff, at=clock.now())
        assert [fault.field for fault in raised.value.faults] == ["position", "full_name", "about"]
        assert db.session.scalar(select(func.count()).select_from(Speaker)) == 0

    def test_a_list_has_an_end(self, lecture: Lecture, staff: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(actions, "MAX_SPEAKERS", 1)
        actions.add_new_speaker(lecture.id, SpeakerInput("A"), by=staff, at=clock.now())
        with pytest.raises(Refused, match="can have 1 speakers"):
            actions.add_new_speaker(lecture.id, SpeakerInput("B"), by=staff, at=clock.now())

    def test_only_staff_of_a_lecture_edits_its_speakers(self, make: Make, lecture: Lecture, staff: Actor) -> None:
        at = clock.now()
        speaker = actions.add_new_speaker(lecture.id, SALTANAT, by=staff, at=at)
        other = make.person(roles=["instructor"])
        theirs = make.lecture(make.series("other", instructors=[other]), "Theirs")
        stranger = make.actor(other)
        for refused in (
            lambda: actions.add_speaker(lecture.id, speaker, by=stranger, at=at),
            lambda: actions.edit_speaker(lecture.id, speaker, SALTANAT, by=stranger, at=at),
            lambda: actions.remove_speaker(lecture.id, speaker, by=stranger, at=at),
            lambda: actions.delete_speaker(speaker, by=staff, at=at),
        ):
            with pytest.raises(Forbidden):
                refused()
        with pytest.raises(NotFound):  # not of their own lecture, so not theirs to edit
            actions.edit_speaker(theirs.id, speaker, SALTANAT, by=stranger, at=at)

    def test_a_profile_changes_only_for_staff_of_all_its_lectures(
        self, make: Make, lecture: Lecture, staff: Actor
    ) -> None:
        at = clock.now()
        speaker = actions.add_new_speaker(lecture.id, SALTANAT, by=staff, at=at)
        other = make.person(roles=["instructor"])
        theirs = make.lecture(make.series("other", instructors=[other], visibility="draft"), "Theirs", state="draft")
        stranger, administrator = make.actor(other), make.actor(make.person(roles=["administrator"]))
        actions.add_speaker(theirs.id, speaker, by=stranger, at=at)
        draft = SpeakerInput("Saltanat Bekova", position="Spammer")
        for by, listed in ((stranger, theirs), (staff, lecture)):
            with pytest.raises(Refused, match="lectures of other people"):
                actions.edit_speaker(listed.id, speaker, draft, by=by, at=at)
        assert [row.position for row in queries.list_speakers(lecture.id)] == [SALTANAT.position]
        actions.edit_speaker(theirs.id, speaker, draft, by=administrator, at=at)
        assert [row.position for row in queries.list_speakers(lecture.id)] == ["Spammer"]
        actions.remove_speaker(theirs.id, speaker, by=stranger, at=at)
        actions.edit_speaker(lecture.id, speaker, SALTANAT, by=staff, at=at)
        assert [row.position for row in queries.list_speakers(lecture.id)] == [SALTANAT.position]


@pytest.mark.databases(differs=True)
def test_two_people_add_the_same_speaker_at_once(app: APIFlask, make: Make, lecture: Lecture, ines: Person) -> None:
    staff = make.actor(ines)

    def add(_number: int) -> str:
        with app.app_context():
            return actions.add_new_speaker(lecture.id, SALTANAT, by=staff, at=clock.now())

    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(add, range(4)))) == 1
    with app.app_context():
        assert names(lecture) == ["Saltanat Bekova"]


@pytest.mark.usefixtures("unprotected")
class TestPages:
    def test_a_picture_is_made_small_and_says_nothing_else(
        self, app: APIFlask, client: FlaskClient, make: Make, lecture: Lecture, ines: Person
    ) -> None:
        make.sign_in(client, ines)
        form = {"full_name": "Saltanat Bekova", "about": "Line one.", "picture": (io.BytesIO(jpeg()), "me.jpg")}
        assert client.post(f"/lectures/{lecture.id}/speakers/new", data=form).status_code == 303
        with app.app_context():
            speaker = queries.list_speakers(lecture.id)[0]
        stranger = app.test_client()
        page = stranger.get(f"/lectures/{lecture.id}").text
        assert ("Saltanat Bekova" in page, "Line one." in page) == (True, True)
        answer = stranger.get(f"/speakers/{speaker.public_id}/picture")
        assert (answer.status_code, answer.mimetype) == (200, "image/jpeg")
        with Image.open(io.BytesIO(answer.data)) as portrait:
            assert (portrait.size, len(portrait.getexif())) == ((256, 256), 0)
        again = stranger.get(
            f"/speakers/{speaker.public_id}/picture", headers={"If-None-Match": answer.headers["ETag"]}
        )
        assert again.status_code == 304

    @each_row(
        "content",
        [b"<svg/>", b"MZ" + bytes(100), jpeg()[:200], b"x" * 10_000_001],
    )
    def test_what_is_no_picture_is_refused_at_its_field(
        self, app: APIFlask, client: FlaskClient, make: Make, lecture: Lecture, ines: Person, content: bytes
    ) -> None:
        make.sign_in(client, ines)
        form = {"full_name": "Saltanat Bekova", "picture": (io.BytesIO(content), "me.jpg")}
        answer = client.post(f"/lectures/{lecture.id}/speakers/new", data=form)
        assert (answer.status_code, "#picture" in answer.text, "Saltanat Bekova" in answer.text) == (422, True, True)
        with app.app_context():
            assert names(lecture) == []

    def test_a_picture_is_seen_with_a_lecture(self, app: APIFlask, make: Make, series: Series, staff: Actor) -> None:
        draft = make.lecture(series, "Later", state=LectureState.DRAFT)
        with app.app_context():
            portrait = actions.read_portrait(io.BytesIO(jpeg()))
            speaker = actions.add_new_speaker(draft.id, SALTANAT, portrait=portrait, by=staff, at=clock.now())
            with pytest.raises(NotFound):
                queries.get_picture_of(speaker, by=ANONYMOUS)
            queries.get_picture_of(speaker, by=staff)

    def test_who_gives_the_lecture_is_added_in_one_press(
        self, client: FlaskClient, make: Make, lecture: Lecture, ines: Person
    ) -> None:
        make.sign_in(client, ines)
        assert "Ines gives this lecture" in client.get(f"/lectures/{lecture.id}/speakers").text
        client.post(f"/lectures/{lecture.id}/speakers", data={"lecturer": ines.public_id})
        page = client.get(f"/lectures/{lecture.id}/speakers").text
        assert ("1 speaker" in page, "Adviser, Port of Santos" in page, "gives this lecture" in page) == (
            True, True, False,
        )  # fmt: skip

    def test_deleting_takes_the_picture_too(
        self, app: APIFlask, client: FlaskClient, make: Make, lecture: Lecture, staff: Actor
    ) -> None:
        with app.app_context():
            portrait = actions.read_portrait(io.BytesIO(jpeg()))
            speaker = actions.add_new_speaker(lecture.id, SALTANAT, portrait=portrait, by=staff, at=clock.now())
            row = queries.find_speaker(speaker)
            assert row is not None
            key = row.picture_key or ""
            assert files.has(key)
        make.sign_in(client, make.person(roles=["administrator"]))
        assert "from 1 lecture" in client.get(f"/speakers/{speaker}/delete").text
        for _twice in range(2):
            assert client.post(f"/speakers/{speaker}/delete").status_code == 303
        with app.app_context():
            assert (names(lecture), files.has(key)) == ([], False)

    def test_a_profile_of_others_lectures_offers_no_editing(
        self, app: APIFlask, client: FlaskClient, make: Make, lecture: Lecture, ines: Person
    ) -> None:
        other = make.person(roles=["instructor"])
        theirs = make.lecture(make.series("other", instructors=[other]), "Theirs")
        with app.app_context():
            speaker = actions.add_new_speaker(lecture.id, SALTANAT, by=make.actor(ines), at=clock.now())
        make.sign_in(client, ines)
        address = f"/lectures/{lecture.id}/speakers/{speaker}/edit"
        assert address in client.get(f"/lectures/{lecture.id}/speakers").text
        with app.app_context():
            actions.add_speaker(theirs.id, speaker, by=make.actor(other), at=clock.now())
        page = client.get(f"/lectures/{lecture.id}/speakers").text
        assert address not in page
        assert "an administrator can change the profile" in page
        assert client.get(address).status_code == 403


@pytest.mark.usefixtures("unprotected")
def test_the_page_of_languages_states_what_is_known_of_the_main_text(
    app: APIFlask, client: FlaskClient, make: Make, lecture: Lecture, ines: Person, staff: Actor
) -> None:
    at = clock.now()
    with app.app_context():
        draft = SpeakerInput("Li Na", position="Trainer", about="Teaches customs officers.")
        public_id = actions.add_new_speaker(lecture.id, draft, by=staff, at=at)
        actions.translate_speaker(lecture.id, public_id, "fr", {"position": "Formatrice"}, by=staff, at=at)
    make.sign_in(client, ines)
    path = f"/lectures/{lecture.id}/speakers/{public_id}/languages"
    page = client.get(path).text
    assert '<option selected value="">Not stated</option>' in page, "no language is stated for the reader"
    assert "<p><bdi>Trainer</bdi></p>" in page
    assert "<p><bdi>Teaches customs officers.</bdi></p>" in page
    assert 'data-testid="outdated"' not in page
    refused = client.post(path, data={"form": "main", "main-text_language": ""})
    assert refused.status_code == 422
    assert "Choose an option from the list." in refused.text
    with app.app_context():
        actions.edit_speaker(lecture.id, public_id, replace(draft, position="Head of training"), by=staff, at=at)
    assert "The main text changed after this was translated." in client.get(path).text
    assert client.post(path, data={"form": "main", "main-text_language": "en"}).status_code == 303
    page = client.get(path).text
    assert "The text in English changed after this was translated." in page
    assert 'value="">Not stated' not in page

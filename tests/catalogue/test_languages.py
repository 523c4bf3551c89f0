"""Titles and descriptions in several languages: what readers get, what staff write, and who may."""

# ruff: noqa: DTZ001 (planned times are local, without offset)

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, datetime
from typing import Any

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient
from sqlalchemy import select, update

from lms.catalogue.actions.lectures import edit_lecture, schedule_lecture
from lms.catalogue.actions.scheduling import copy_series
from lms.catalogue.actions.series import edit_series
from lms.catalogue.actions.translations import translate_lecture, translate_series
from lms.catalogue.calendar import lecture_calendar, publisher
from lms.catalogue.inputs import LectureInput, SeriesCopy
from lms.catalogue.models import Lecture, Series
from lms.catalogue.queries.lectures import find_lecture
from lms.catalogue.queries.series import find_series
from lms.core.base.errors import Forbidden, Invalid
from lms.core.base.roles import SYSTEM
from lms.core.database.session import action, db
from lms.core.text.translations import TextOf, outdated_fields
from lms.core.time import clock
from lms.people.mail_rows import mail_to
from lms.people.models import Person
from lms.people.queries.persons import Contact
from lms.web.pages.locale import speaking
from tests.factories import Make
from tests.languages import offering
from tests.rows import each_row

pytestmark = pytest.mark.usefixtures("unprotected")

Act = Callable[..., None]
Within = Callable[[Callable[[], Any]], Any]
ARABIC = {"title": "قواعد المنشأ", "description": "كيف تُثبت المنشأ."}


@pytest.fixture
def within(app: APIFlask) -> Within:
    """Does something in a context of its own, so that pages asked for afterwards find none."""

    def run(work: Callable[[], Any]) -> Any:
        with app.app_context():
            return work()

    return run


@pytest.fixture
def translate(within: Within) -> Act:
    """Writes the texts of a series or lecture in a language."""

    def write(of: str | int, language: str, texts: dict[str, str], by: Any = SYSTEM) -> None:
        action: Any = translate_series if isinstance(of, str) else translate_lecture
        within(lambda: action(of, language, texts, by=by, at=clock.now()))

    return write


@pytest.fixture
def edit(within: Within) -> Act:
    """Changes the series."""
    return lambda **changes: within(lambda: edit_series("origin", changes, by=SYSTEM, at=clock.now()))


@pytest.fixture
def stored(within: Within) -> Callable[[], Any]:
    """The series as it is stored."""
    return lambda: within(lambda: find_series("origin"))


@pytest.fixture
def ines(make: Make) -> Person:
    return make.person("Ines", "ines@example.org", roles=["instructor"])


@pytest.fixture
def series(make: Make, ines: Person, translate: Act) -> Series:
    series = make.series("origin", "Rules of origin", description="How to prove origin.", instructors=[ines])
    translate("origin", "ar", ARABIC)
    translate("origin", "fr", {"title": "Règles d’origine"})
    return series


@pytest.fixture
def lecture(make: Make, series: Series, ines: Person) -> Lecture:
    return make.lecture(series, "Opening", instructors=[ines])


def test_readers_get_their_language_and_otherwise_the_main_text(
    app: APIFlask, client: FlaskClient, series: Series
) -> None:
    with offering(app, "ar", "fr"):
        arabic, french = (client.get(f"/series/origin?lang={code}").text for code in ("ar", "fr"))
        english = client.get("/series/origin").text
    assert "<h1><bdi>قواعد المنشأ</bdi></h1>" in arabic
    assert "<title>قواعد المنشأ – Serai</title>" in arabic
    assert "<bdi>كيف تُثبت المنشأ.</bdi>" in arabic
    assert "<h1><bdi>Règles d’origine</bdi></h1>" in french
    assert '<p class="lede"><bdi lang="en">How to prove origin.</bdi></p>' in french
    assert "<h1><bdi>Rules of origin</bdi></h1>" in english


def test_a_text_in_another_direction_says_so(
    app: APIFlask, client: FlaskClient, series: Series, translate: Act, edit: Act
) -> None:
    edit(text_language="fa")
    with offering(app, "ar"):
        assert '<h1><bdi lang="fa" dir="rtl">Rules of origin</bdi></h1>' in client.get("/series/origin").text
        translate("origin", "ar", {})
        assert '<h1><bdi lang="fa">Rules of origin</bdi></h1>' in client.get("/series/origin?lang=ar").text


def test_lists_and_the_route_show_the_readers_language(
    app: APIFlask, client: FlaskClient, lecture: Lecture, translate: Act
) -> None:
    translate(lecture.id, "ar", {"title": "الافتتاح", "abstract": "لماذا"})
    with offering(app, "ar"):
        assert "قواعد المنشأ" in client.get("/series?lang=ar").text
        assert "الافتتاح" in client.get("/series/origin?lang=ar").text
        page = client.get(f"/lectures/{lecture.id}?lang=ar").text
    assert "<h1><bdi>الافتتاح</bdi></h1>" in page
    assert "<p>لماذا</p>" in page


def test_a_kept_page_is_of_its_language_and_of_now(
    app: APIFlask, client: FlaskClient, series: Series, translate: Act
) -> None:
    with offering(app, "ar"):
        for title in ("قواعد المنشأ", "منشأ السلع"):
            translate("origin", "ar", {"title": title})
            client.get("/series/origin?lang=ar")
            assert f"<h1><bdi>{title}</bdi></h1>" in client.get("/series/origin?lang=ar").text
            assert "<h1><bdi>Rules of origin</bdi></h1>" in client.get("/series/origin").text


def test_a_series_says_in_which_languages_it_is_described(client: FlaskClient, series: Series, translate: Act) -> None:
    described = "<dt>Described in</dt><dd>English, Arabic, French</dd>"
    assert described in client.get("/series/origin").text
    for code in ("ar", "fr"):
        translate("origin", code, {})
    assert "Described in" not in client.get("/series/origin").text


def test_staff_add_change_and_remove_a_language(
    make: Make, client: FlaskClient, ines: Person, series: Series, lecture: Lecture, stored: Callable[[], Any]
) -> None:
    make.sign_in(client, ines)
    page = client.get("/series/origin/languages").text
    assert f'data-testid="missing-{lecture.id}"' in page
    assert "Arabic, French</td>" in page
    sent = {"form": "new", "new-language": "zh", "new-title": "原产地规则", "new-description": ""}
    assert client.post("/series/origin/languages", data=sent).status_code == 303
    assert client.post("/series/origin/languages", data={"form": "fr", "remove": "1"}).status_code == 303
    changed = {"form": "ar", "ar-title": "المنشأ", "ar-description": ""}
    assert client.post("/series/origin/languages", data=changed).status_code == 303
    assert client.post("/series/origin/languages", data={"form": "main", "main-text_language": "pt"}).status_code == 303
    row = stored()
    assert row.translations == {"ar": {"title": "المنشأ"}, "zh": {"title": "原产地规则"}}
    assert row.text_language == "pt"


@each_row(
    "sent, sentence",
    [
        ({"form": "new", "new-language": "es"}, "Enter something here."),
        ({"form": "new", "new-language": "en", "new-title": "Origin"}, "Choose an option from the list."),
        ({"form": "new", "new-language": "es", "new-title": "x" * 201}, "Use at most 200 characters."),
        ({"form": "main", "main-text_language": "zz"}, "Choose an option from the list."),
    ],
)
def test_what_is_wrong_is_said_and_what_was_typed_stays(
    make: Make, client: FlaskClient, ines: Person, series: Series, sent: dict[str, str], sentence: str
) -> None:
    make.sign_in(client, ines)
    answer = client.post("/series/origin/languages", data=sent)
    assert (answer.status_code, sentence in answer.text) == (422, True)
    assert sent.get("new-title", "") in answer.text
    assert client.post("/series/origin/languages", data={"form": "xx"}).status_code == 400


def test_the_main_form_leaves_the_languages_alone(
    make: Make, client: FlaskClient, ines: Person, series: Series, edit: Act, stored: Callable[[], Any]
) -> None:
    make.sign_in(client, ines)
    edit(text_language="en")
    form = {"title": "Rules of origin", "slug": "origin", "language": "fr", "visibility": "public", "admission": "open"}
    policy = {"policy-min_percent": "60", "policy-min_lectures_percent": "60", "policy-replay_days": "28"}
    more = {"policy-walk_ins": "enrol", "policy-certificate": "participation", "instructors": "ines@example.org"}
    assert client.post("/series/origin/edit", data={**form, **policy, **more}).status_code == 302
    row = stored()
    assert (row.language, row.text_language, sorted(row.translations)) == ("fr", "en", ["ar", "fr"])


def test_only_its_staff_translate_and_not_into_its_own_language(
    make: Make, series: Series, lecture: Lecture, translate: Act, edit: Act
) -> None:
    other = make.actor(make.person("Omar", "omar@example.org", roles=["instructor"]))
    with pytest.raises(Forbidden):
        translate("origin", "es", {"title": "Origen"}, by=other)
    with pytest.raises(Forbidden):
        translate(lecture.id, "es", {"title": "Apertura"}, by=other)
    with pytest.raises(Invalid) as error:
        translate("origin", "en", {"title": "Origin"})
    assert [fault.field for fault in error.value.faults] == ["language"]
    with pytest.raises(Invalid) as error:
        edit(translations={"fr": {"title": "x" * 201}})
    assert [fault.field for fault in error.value.faults] == ["translations.fr.title"]


def test_a_change_of_the_main_language_keeps_its_translation_out_of_sight(
    series: Series, edit: Act, stored: Callable[[], Any]
) -> None:
    edit(language="fr")
    edit(title="Origine")
    assert stored().translations["fr"] == {"title": "Règles d’origine"}


def test_a_new_lecture_is_written_in_the_language_of_its_series(
    make: Make, series: Series, edit: Act, within: Within
) -> None:
    edit(language="zh", text_language="en")
    draft = LectureInput(
        title="Second", time_zone="UTC", starts_at=datetime(2030, 1, 1, 9, 0), translations={"zh": {"title": "第二讲"}}
    )

    def schedule() -> tuple[int, str, str | None]:
        lecture = schedule_lecture("origin", draft, by=SYSTEM, at=clock.now())
        return lecture.id, lecture.language, lecture.text_language

    made = within(schedule)
    assert made[1:] == ("zh", "en")
    assert within(schedule) == made


def test_calendars_say_it_in_the_readers_language(app: APIFlask, lecture: Lecture, translate: Act) -> None:
    translate(lecture.id, "ar", {"title": "الافتتاح"})
    with offering(app, "ar"), app.test_request_context("/"):
        row = find_lecture(lecture.id)
        assert row is not None
        with speaking("ar", None):
            file = lecture_calendar(row, by=publisher(), at=clock.now()).content.decode()
        english = lecture_calendar(row, by=publisher(), at=clock.now()).content.decode()
    assert "SUMMARY:الافتتاح" in file
    assert "قواعد المنشأ" in file
    assert "SUMMARY:Opening" in english


def test_an_email_has_the_title_in_its_readers_language(app: APIFlask, series: Series, within: Within) -> None:
    def payload(locale: str) -> Any:
        contact = Contact("t@example.org", locale, "UTC", "Tariq")
        words = {"title": TextOf(find_series("origin")), "all": [{"title": TextOf(find_series("origin"))}], "n": 1}
        return mail_to(1, contact, "x", words, dedupe_key="x", at=clock.now())["payload"]

    with offering(app, "ar"):
        arabic, russian = within(lambda: payload("ar")), within(lambda: payload("ru"))
    name, title = "Tariq", "قواعد المنشأ"
    assert arabic == {"full_name": name, "title": title, "all": [{"title": title}], "n": 1}
    assert russian["title"] == "Rules of origin"


OUTDATED = re.compile(r'data-testid="outdated">\s*<p>([^<]*)</p>.*?name="(\w+)-(\w+)"', re.DOTALL)


def test_a_translation_that_is_older_than_its_text_says_so(
    client: FlaskClient, make: Make, ines: Person, series: Series, translate: Act, edit: Act
) -> None:
    make.sign_in(client, ines)

    def outdated() -> list[tuple[str, str]]:
        page = client.get("/series/origin/languages").text
        return [(code, field) for _message, code, field in OUTDATED.findall(page)]

    assert outdated() == []
    edit(title="Rules of origin, revised")
    page = client.get("/series/origin/languages").text
    assert OUTDATED.findall(page) == [
        ("The text in English changed after this was translated.", "ar", "title"),
        ("The text in English changed after this was translated.", "fr", "title"),
    ]
    assert page.count('data-testid="texts-fr" open') == 1
    translate("origin", "fr", {"title": "Règles d’origine"})
    assert outdated() == [("ar", "title")], "saved again, it is confirmed"
    edit(description="How to prove it.", translations={"ar": {**ARABIC, "title": "قواعد"}, "fr": {"title": "Règles"}})
    assert outdated() == [("ar", "description")], "the API changed the other texts too"
    edit(description="How to prove origin.")
    assert outdated() == [], "it is the text that was translated"


def test_what_was_translated_before_is_not_called_old(
    client: FlaskClient, make: Make, within: Within, series: Series, ines: Person, edit: Act
) -> None:
    within(lambda: _forget_sources(series.id))
    edit(title="Rules of origin, revised")
    make.sign_in(client, ines)
    assert 'data-testid="outdated"' not in client.get("/series/origin/languages").text


@action
def _forget_sources(series_id: int) -> None:
    db.session.execute(update(Series).where(Series.id == series_id).values(translated_from={}))


def test_a_lecture_says_so_too_and_a_copy_keeps_it(
    client: FlaskClient, make: Make, ines: Person, lecture: Lecture, translate: Act, within: Within
) -> None:
    translate(lecture.id, "fr", {"title": "Ouverture", "abstract": "Pourquoi"})
    within(lambda: edit_lecture(lecture.id, {"title": "Welcome"}, by=SYSTEM, at=clock.now()))
    make.sign_in(client, ines)
    page = client.get(f"/lectures/{lecture.id}/languages").text
    assert [found[1:] for found in OUTDATED.findall(page)] == [("fr", "title")]
    assert "No text in Arabic<br>Older than the main text: French" in client.get("/series/origin/languages").text
    copy = SeriesCopy(slug="again", title="Rules of origin", first=date(2027, 2, 1))
    within(lambda: copy_series("origin", copy, by=SYSTEM, at=clock.now()))
    new = within(lambda: [row for row in db.session.scalars(select(Lecture)) if row.id != lecture.id])
    assert [outdated_fields(row, "fr") for row in new] == [{"title"}]


def test_lists_of_languages_and_numbers_of_minutes_are_written_as_the_reader_does(
    app: APIFlask, client: FlaskClient, make: Make, series: Series, lecture: Lecture, ines: Person, within: Within
) -> None:
    make.sign_in(client, ines)
    page = client.get("/series/origin/languages?lang=ar").text
    assert "العربية، الفرنسية" in page
    assert "اللغات: " in client.get(f"/lectures/{lecture.id}/languages?lang=ar").text
    assert "Langues\xa0: " in client.get(f"/lectures/{lecture.id}/languages?lang=fr").text
    written = []
    for minutes in (2, 5, 90):
        within(
            lambda minutes=minutes: edit_lecture(lecture.id, {"duration_minutes": minutes}, by=SYSTEM, at=clock.now())
        )
        page = client.get(f"/lectures/{lecture.id}?lang=ar").text
        written += re.findall(r"<dt>المدة</dt><dd>([^<]*)</dd>", page)
    assert written == ["دقيقتان", "5 دقائق", "90 دقيقةً"]


def test_a_language_has_one_spelling(make: Make, edit: Act, translate: Act, stored: Callable[[], Any]) -> None:
    make.series("origin")
    for code in ("zh-hant", "zh-Hant", "zh-HANT"):
        translate("origin", code, {"title": f"原產地規則 {code}"})
    assert stored().translations == {"zh-Hant": {"title": "原產地規則 zh-HANT"}}
    assert set(stored().translated_from) == {"zh-Hant"}
    edit(language="pt-br")
    assert stored().language == "pt-BR"
    with pytest.raises(Invalid) as wrong:
        edit(translations={"zh-hant": {"title": "a"}, "zh-Hant": {"title": "b"}})
    assert [fault.reason for fault in wrong.value.faults] == ["“zh-Hant” is there twice."] * 2

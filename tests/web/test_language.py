"""The language and the direction of pages: asked for once in the address, or kept in a cookie for a visitor."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient
from markupsafe import Markup
from sqlalchemy import update

from lms.core.database.session import db
from lms.core.text.i18n import LANGUAGES, _, find_translated, language_tag, offered_languages
from lms.people.models import Person
from lms.people.queries.persons import contact_of
from lms.web.forms.forms import sorted_choices
from lms.web.pages.locale import speaking
from lms.web.pages.time import day
from tests.factories import Make
from tests.forms import token_in
from tests.languages import offering
from tests.rows import each_row


def root(client: FlaskClient, path: str) -> str:
    """The page's `lang` and `dir`."""
    match = re.search(r'<html lang="([^"]*)" dir="([^"]*)">', client.get(path).text)
    assert match is not None
    return " ".join(match.groups())


@pytest.fixture
def arabic(app: APIFlask) -> Iterator[None]:
    """Pages are translated into Arabic."""
    with offering(app, "ar"):
        yield


@pytest.mark.usefixtures("arabic")
def test_a_language_in_the_address_holds_for_one_page(client: FlaskClient) -> None:
    assert root(client, "/series?lang=ar") == "ar rtl"
    assert root(client, "/series") == "en ltr"


def test_chinese_says_in_which_characters_it_is_written(app: APIFlask, client: FlaskClient) -> None:
    """Fonts, voices and readers of traditional characters tell zh-Hans from zh-Hant; addresses and cookies keep zh."""
    with offering(app, "zh"):
        page = client.get("/?lang=zh").text
        assert root(client, "/?lang=zh") == "zh-Hans ltr"
        assert 'hreflang="zh-Hans" href="http://localhost/?lang=zh"' in page
        assert '<button type="submit" name="lang" value="zh" lang="zh-Hans"' in page
        assert root(client, "/impact/embed?lang=zh") == "zh-Hans ltr"
    assert "\u200b" not in page.partition("</head>")[0], "of where a heading breaks, searches know nothing"


@pytest.mark.usefixtures("arabic")
def test_a_kept_language_stays_with_its_direction_when_links_are_followed(client: FlaskClient) -> None:
    client.post("/language", data={"lang": "ar"})
    assert [root(client, path) for path in ("/", "/series", "/impact", "/verify", "/sign-in")] == ["ar rtl"] * 5
    client.post("/language", data={"lang": "en"})
    assert root(client, "/series") == "en ltr"


CHOICE = re.compile(r'<details class="pick" name="mast">.*?</details>', re.DOTALL)


def test_the_header_offers_each_language_in_its_own_name(app: APIFlask, client: FlaskClient) -> None:
    with offering(app):
        assert CHOICE.search(client.get("/series").text) is None  # of one language there is no choice
    with offering(app, "fr", "ar"):
        (choice,) = CHOICE.findall(client.get("/series?q=tea&lang=ar").text)
        assert '<summary><span lang="ar">العربية</span>' in choice
        buttons = re.findall(
            r'<button type="submit" name="lang" value="(\w+)" lang="\1"( aria-current="true")?>([^<]+)', choice
        )
        assert buttons == [("en", "", "English"), ("fr", "", "Français"), ("ar", ' aria-current="true"', "العربية")]
        assert 'name="next" value="/series?q=tea"' in choice
        answer = client.post("/language", data={"lang": "fr", "next": "/series?q=tea"})
        assert answer.location == "/series?q=tea"
        assert root(client, "/series") == "fr ltr"


OTHERS = re.compile(r'<form[^>]*data-testid="other-languages">.*?</form>', re.DOTALL)


def test_the_home_page_offers_strangers_the_other_languages(app: APIFlask, client: FlaskClient, make: Make) -> None:
    with offering(app):
        assert OTHERS.search(client.get("/").text) is None
    with offering(app, "fr", "ar"):
        wished = client.get("/", headers={"Accept-Language": "fr"})
        (form,) = OTHERS.findall(wished.text)
        names = re.findall(r'name="lang" value="(\w+)" lang="\1">([^<]+)', form)
        assert names == [("en", "English"), ("ar", "العربية")]
        assert 'action="/language"' in form
        client.post("/language", data={"lang": "fr"})
        chosen = client.get("/")
        assert chosen.get_etag() == wished.get_etag(), "the same page, whether chosen or wished for"
        make.sign_in(client, make.person())
        assert OTHERS.search(client.get("/").text) is None, "the account says it"


def test_the_header_offers_the_same_on_pages_about_languages(app: APIFlask, client: FlaskClient, make: Make) -> None:
    make.sign_in(client, make.person(roles=["administrator"], country=None))
    with offering(app, "ar"):
        (choice,) = CHOICE.findall(client.get("/admin/countries/new").text)
    assert re.findall(r'name="lang" value="([^"]+)"', choice) == ["en", "ar"]


def test_the_header_changes_the_language_of_somebody_signed_in(app: APIFlask, client: FlaskClient, make: Make) -> None:
    person = make.person("Amina", locale="en")
    make.sign_in(client, person)
    with offering(app, "ar"):
        (choice,) = CHOICE.findall(client.get("/me").text)
        token = token_in(choice)
        assert 'action="/account/language"' in choice
        sent = {"csrf_token": token, "next": "/me"}
        assert client.post("/account/language", data={**sent, "lang": "ar"}).location == "/me"
        assert root(client, "/me") == "ar rtl"
        assert client.post("/account/language", data={**sent, "lang": "xx"}).status_code == 422
    with app.app_context():
        changed = db.session.get_one(Person, person.id)
        assert (changed.locale, changed.name_confirmed_at) == ("ar", None)


def test_what_is_no_language_is_not_kept(client: FlaskClient) -> None:
    assert client.post("/language", data={"lang": "xx"}).status_code == 422
    client.set_cookie("lang", "xx")
    assert root(client, "/") == "en ltr"


@each_row("path", ["/series", "/series?q=coffee&amp;state=open"])
def test_choosing_a_zone_returns_to_the_page_with_what_was_asked(client: FlaskClient, path: str) -> None:
    page = client.get(path.replace("&amp;", "&") + ("&" if "?" in path else "?") + "lang=fr").text
    (link,) = set(re.findall(r'href="(/zone\?next=[^"]*)"', page))
    assert f'name="next" value="{path}"' in client.get(link.replace("&amp;", "&")).text


def test_only_what_is_offered_is_spoken(app: APIFlask, client: FlaskClient, make: Make, at: datetime) -> None:
    """Neither the address, a cookie, the profile, the browser nor mail makes a page half of another language."""
    person = make.person("Amina")
    with offering(app):
        assert root(client, "/series?lang=ar") == "en ltr"
        assert client.post("/language", data={"lang": "ar"}).status_code == 422
        client.set_cookie("lang", "ar")
        assert root(client, "/") == "en ltr"
        client.delete_cookie("lang")
        assert '<html lang="en"' in client.get("/", headers={"Accept-Language": "fr"}).text
        with app.app_context():
            db.session.execute(update(Person).values(locale="ar"))  # as another setting let her choose
            db.session.commit()
            assert contact_of([person.id])[person.id].locale == "en"
            with speaking("fr", "UTC"):
                assert day(at) == "Wednesday 25 November 2026"
        make.sign_in(client, person)
        assert root(client, "/me") == "en ltr"
        assert 'name="locale"' not in client.get("/account").text
    with offering(app, "fr"):
        offered = re.search(r'<select[^>]*name="locale".*?</select>', client.get("/account").text, re.DOTALL)
        assert offered is not None
        assert re.findall(r'value="(\w+)"', offered[0]) == ["en", "fr"]


def test_every_language_that_can_have_a_catalogue_has_one() -> None:
    assert find_translated() == LANGUAGES
    assert offered_languages("") == LANGUAGES
    assert offered_languages("ar fr") == ("en", "fr", "ar")


def test_the_api_answers_in_the_language_of_the_call_else_of_the_profile(client: FlaskClient, make: Make) -> None:
    headers = make.headers(make.person("Amina", locale="fr"))
    path = "/api/v1/series/none"
    details = [
        client.get(path, headers={**headers, **more}).get_json()["detail"]
        for more in ({}, {"Accept-Language": "es"}, {"Accept-Language": "de"})
    ]
    assert details == [
        "Cela n’existe pas, ou vous n’y avez pas accès.", "Esto no existe o usted no tiene acceso.",
        "This does not exist, or you do not have access to it.",
    ]  # fmt: skip


@each_row(
    "wish, code",
    [
        ("zh-CN,en;q=0.8", "zh"),
        ("ar-SA,en;q=0.7", "ar"),
        ("fr-CA,en;q=0.5", "fr"),
        ("pt-BR,pt-PT;q=0.9,en", "pt"),
        ("en;q=0.1,fr-FR", "fr"),
        ("de-AT,ru-RU;q=0.3,en;q=0.2", "ru"),
        ("ZH-hant-tw", "zh"),
        ("en-GB,fr;q=0.9", "en"),
        ("fr;q=0,es;q=0.1", "es"),
        ("*", "en"),
        ("de", "en"),
        ("", "en"),
    ],
)
def test_the_browsers_wishes_go_by_their_rank_whatever_the_region(
    client: FlaskClient, make: Make, wish: str, code: str
) -> None:
    headers = {"Accept-Language": wish}
    assert f'<html lang="{language_tag(code)}"' in client.get("/sign-in", headers=headers).text
    assert f'<html lang="{language_tag(code)}"' in client.get("/impact/embed", headers=headers).text
    if wish:
        answer = client.get("/api/v1/series/none", headers={**make.headers(make.person("Amina")), **headers})
        with client.application.test_request_context(f"/?lang={code}"):
            assert answer.get_json()["detail"] == _("This does not exist, or you do not have access to it.")


@each_row("code", [code for code in LANGUAGES if code != "en"])
def test_the_api_takes_no_language_that_is_not_offered(app: APIFlask, make: Make, code: str) -> None:
    person = make.person("Amina", roles=["administrator"])
    with offering(app):
        answer = app.test_client().patch(
            f"/api/v1/people/{person.public_id}", json={"locale": code}, headers=make.headers(person)
        )
    assert answer.status_code == 422
    assert answer.get_json()["errors"] == [{"field": "locale", "reason": "Use one of: en."}]


def test_the_count_of_a_plural_is_a_number_in_every_language(app: APIFlask) -> None:
    plural = app.jinja_env.from_string('{{ ngettext("%(num)s minute", "%(num)s minutes", count) }}')
    with app.test_request_context("/"):
        assert plural.render(count=1200) == "1,200 minutes"
        with pytest.raises(TypeError):  # a text that happens to be a number would work in English only
            plural.render(count="12")


PUNCTUATION = {
    "en": "a, <bdi>b</bdi>, &lt;c&gt; | a; b | a, b | a: b | One. Two. | a, b",
    "ar": "a، <bdi>b</bdi>، &lt;c&gt; | a؛ b | a، b | a: b | One. Two. | a، b",
    "fr": "a, <bdi>b</bdi>, &lt;c&gt; | a; b | a, b | a\N{NO-BREAK SPACE}: b | One. Two. | a, b",
    "zh": "a、<bdi>b</bdi>、&lt;c&gt; | a；b | a，b | a：b | One。Two。 | a、b",
}


@each_row("code", PUNCTUATION)
def test_what_stands_between_words_is_as_the_language_writes_it(app: APIFlask, code: str) -> None:
    page = app.jinja_env.from_string(
        "{{ items|listed }} | {{ plain|listed(';') }} | a{{ comma() }}b | a{{ colon() }}b"
        " | One{{ full_stop() }}{{ gap() }}Two{{ full_stop() }}"
        " | {% for item in plain %}{{ item }}{{ separator() if not loop.last }}{% endfor %}"
    )
    with offering(app, code), app.test_request_context(f"/?lang={code}"):
        assert page.render(items=["a", Markup("<bdi>b</bdi>"), "<c>"], plain=["a", "b"]) == PUNCTUATION[code]


def test_a_day_and_its_hours_are_joined_as_the_language_joins_them(app: APIFlask) -> None:
    page = app.jinja_env.from_string("{{ day|beside_time(hours) }}")
    hours = Markup("<b>09:00</b>")
    for code, joined in {"en": "&lt;day&gt;, <b>09:00</b>", "zh": "&lt;day&gt; <b>09:00</b>"}.items():
        with offering(app, code), app.test_request_context(f"/?lang={code}"):
            assert page.render(day="<day>", hours=hours) == joined


def test_a_range_of_hours_is_read_in_the_direction_of_the_language(app: APIFlask) -> None:
    page = app.jinja_env.from_string("{{ start|hours(end, 'UTC') }}")
    start, end = datetime(2026, 12, 1, 14, tzinfo=UTC), datetime(2026, 12, 1, 15, 32, tzinfo=UTC)
    for code, words in {"en": "14:00–15:32", "ar": "من 14:00 إلى 15:32", "fr": "14:00–15:32"}.items():
        with offering(app, code), app.test_request_context(f"/?lang={code}"):
            assert page.render(start=start, end=end) == words


def test_choices_in_chinese_are_in_the_order_of_their_sounds(app: APIFlask) -> None:
    with offering(app, "zh"), app.test_request_context("/?lang=zh"):
        labels = [choice.label for choice in sorted_choices([("z", "中文"), ("a", "阿拉伯语"), ("f", "法语")])]
    assert labels == ["阿拉伯语", "法语", "中文"]

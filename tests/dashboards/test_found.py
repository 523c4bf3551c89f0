"""Found and shared: what search engines may keep, and what a shared link shows."""

from __future__ import annotations

import re
import struct
from datetime import UTC, datetime
from xml.etree import ElementTree

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient

from lms.catalogue.actions.lectures import edit_lecture
from lms.catalogue.queries.lectures import find_lecture
from lms.catalogue.queries.series import get_series
from lms.config import BadSetting, Config
from lms.core.base.roles import ANONYMOUS, SYSTEM
from lms.core.time import clock
from lms.dashboards import cards
from lms.web.api.discovery import alternates, canonical
from tests.dashboards.conftest import World
from tests.factories import EARLY, Make
from tests.languages import offering
from tests.rows import each_row

SPACE = {"s": "http://www.sitemaps.org/schemas/sitemap/0.9"}


def sitemap(client: FlaskClient) -> dict[str, str | None]:
    """The addresses of the sitemap, each with the time of its last change."""
    answer = client.get("/sitemap.xml")
    assert answer.mimetype == "application/xml"
    found = ElementTree.fromstring(answer.text)
    return {one.findtext("s:loc", "", SPACE): one.findtext("s:lastmod", None, SPACE) for one in found}


def said(page: str, name: str) -> str | None:
    """What a page says in a `meta` of this name or property."""
    found = re.search(rf'<meta (?:name|property)="{re.escape(name)}" content="([^"]*)"', page)
    return found[1] if found else None


def test_the_sitemap_has_what_a_stranger_may_see_and_no_more(make: Make, client: FlaskClient) -> None:
    open_series = make.series("open")
    hidden = make.series("hidden", visibility="draft")
    shown = make.lecture(open_series)
    secret = [
        make.lecture(hidden),
        make.lecture(open_series, state="draft"),
        make.lecture(open_series, held_unknown=True),
    ]
    found = sitemap(client)
    assert f"http://localhost/lectures/{shown.id}" in found
    assert "http://localhost/series/open" in found
    assert "http://localhost/impact" in found
    assert "http://localhost/series/hidden" not in found
    assert not [one.id for one in secret if f"http://localhost/lectures/{one.id}" in found]


def test_every_page_of_the_sitemap_may_be_kept_and_names_itself(world: World, client: FlaskClient) -> None:
    for address in sitemap(client):
        answer = client.get(address.removeprefix("http://localhost"))
        assert (answer.status_code, answer.headers.get("X-Robots-Tag")) == (200, None), address
        assert f'<link rel="canonical" href="{address}">' in answer.text
        assert 'content="noindex"' not in answer.text
        assert said(answer.text, "description"), address
        assert said(answer.text, "og:image"), address


def test_a_change_of_a_lecture_moves_its_time_and_that_of_its_series(make: Make, client: FlaskClient) -> None:
    series = make.series("moved")
    lecture = make.lecture(series)
    addresses = [f"http://localhost/lectures/{lecture.id}", "http://localhost/series/moved"]
    before = sitemap(client)
    assert [before[one] for one in addresses] == [EARLY.isoformat(timespec="seconds")] * 2
    at = datetime(2026, 11, 20, 8, 30, tzinfo=UTC)
    with make.app.app_context():
        edit_lecture(lecture.id, {"title": "Another title"}, by=SYSTEM, at=at)
    make.enrolment(series, make.person())
    after = sitemap(client)
    assert [after[one] for one in addresses] == ["2026-11-20T08:30:00+00:00"] * 2


def test_what_is_not_declared_is_not_kept(world: World, client: FlaskClient) -> None:
    signed_in = world.signed_in(world.trainee)
    for path in ("/sign-in", "/forgot", "/check-in", "/impact/embed", "/verify/SR-0000-0000-0000-0000-1"):
        assert client.get(path).headers["X-Robots-Tag"] == "noindex", path
    for path in ("/me", "/account", "/", "/series/cross-border", f"/lectures/{world.live.id}/room"):
        answer = signed_in.get(path)
        assert answer.headers["X-Robots-Tag"] == "noindex", path
        assert '<meta name="robots" content="noindex">' in answer.text
        assert "og:image" not in answer.text
    missing = client.get("/series/none")
    assert '<meta name="robots" content="noindex">' in missing.text
    assert "canonical" not in missing.text


def test_a_filter_is_not_kept_and_a_further_page_of_a_list_is() -> None:
    assert canonical("https://l.example", "/series", None) == "https://l.example/series"
    assert canonical("https://l.example", "/series", "1") == "https://l.example/series"
    assert canonical("https://l.example", "/series", "3") == "https://l.example/series?page=3"
    assert canonical("https://l.example", "/series", "3&x=<") == "https://l.example/series"


def test_other_languages_are_named_only_where_there_are_some() -> None:
    assert alternates("https://l.example/", [("en", "English")]) == []
    assert alternates("https://l.example/series?page=2", [("en", "English"), ("pt_BR", "Português")]) == [
        ("en", "https://l.example/series?page=2&lang=en"),
        ("pt-BR", "https://l.example/series?page=2&lang=pt_BR"),
        ("x-default", "https://l.example/series?page=2"),
    ]


def test_a_lecture_says_when_it_is_and_what_it_is_about(make: Make, client: FlaskClient) -> None:
    lecture = make.lecture(title='Paid "on sight" & <safe>', abstract="How to be *paid*.\n\nMore of it.")
    page = client.get(f"/lectures/{lecture.id}").text
    about = "2 December 2026, 14:00 in Beijing. How to be paid."
    assert (said(page, "description"), said(page, "og:description")) == (about, about)
    assert said(page, "og:title") == "Paid &#34;on sight&#34; &amp; &lt;safe&gt;"
    assert said(page, "og:url") == f"http://localhost/lectures/{lecture.id}"


@each_row(
    "title, language",
    [("Getting paid", "en"), ("التجارة الإلكترونية عبر الحدود", "ar"), ("Бизнес", "ru"), ("ইলেকট্রনিক বাণিজ্য", "bn")],
)
def test_a_shared_lecture_has_a_picture_of_its_own(make: Make, client: FlaskClient, title: str, language: str) -> None:
    lecture = make.lecture(title=title, language=language)
    picture = said(client.get(f"/lectures/{lecture.id}").text, "og:image") or ""
    answer = client.get(picture.removeprefix("http://localhost"))
    assert (answer.status_code, answer.mimetype) == (200, "image/png")
    assert struct.unpack(">II", answer.data[16:24]) == (1200, 630)
    assert answer.cache_control.public
    assert answer.cache_control.max_age == 31_536_000
    again = client.get(picture.removeprefix("http://localhost"), headers={"If-None-Match": answer.headers["ETag"]})
    assert again.status_code == 304


def test_another_title_gives_the_picture_another_address(make: Make, client: FlaskClient) -> None:
    lecture = make.lecture(title="Getting paid")
    first = said(client.get(f"/lectures/{lecture.id}").text, "og:image")
    with make.app.app_context():
        edit_lecture(lecture.id, {"title": "Getting paid in time"}, by=SYSTEM, at=EARLY)
    assert said(client.get(f"/lectures/{lecture.id}").text, "og:image") != first


def test_the_picture_has_the_english_title_since_its_other_words_are_english(make: Make, app: APIFlask) -> None:
    titles = {"en": {"title": "Green trade"}}
    made = make.series("green", "Commerce vert", language="fr", translations=titles)
    lecture = make.lecture(made, "Ouverture", language="fr")
    with app.test_request_context("/"):
        series = get_series("green", by=ANONYMOUS)
        card = cards.lecture_card(find_lecture(lecture.id) or lecture, [])
        assert cards.series_card(series, [])["title"] == card["over"] == "Green trade"
        assert card["title"] == "Ouverture"


def test_a_title_that_no_font_has_leads_to_the_picture_of_the_programme(make: Make, client: FlaskClient) -> None:
    series = make.series("rare", "\U00012000\U00012001 \U0001fae8")
    answer = client.get("/series/rare/picture.png")
    assert (answer.status_code, answer.location) == (302, "/picture.png")
    assert client.get("/picture.png").mimetype == "image/png"
    assert series.slug == "rare"


def test_no_picture_tells_of_a_draft_even_to_its_staff(make: Make, client: FlaskClient) -> None:
    lecture = make.lecture(make.series("hidden", visibility="draft"))
    make.sign_in(client, make.person(roles=["administrator"]))
    assert client.get("/series/hidden/picture.png").status_code == 404
    assert client.get(f"/lectures/{lecture.id}/picture.png").status_code == 404


def test_robots_are_told_where_the_sitemap_is(client: FlaskClient) -> None:
    lines = client.get("/robots.txt").text.splitlines()
    assert lines == ["User-agent: *", "Disallow: /api/", "Disallow: /zone", "", "Sitemap: http://localhost/sitemap.xml"]


def test_the_manifest_names_icons_that_are_there(client: FlaskClient) -> None:
    page = client.get("/").text
    (address,) = re.findall(r'<link rel="manifest" href="([^"]+)">', page)
    answer = client.get(address)
    assert answer.mimetype == "application/manifest+json"
    assert answer.json is not None
    for icon in answer.json["icons"]:
        found = client.get(icon["src"])
        assert (found.status_code, found.mimetype) == (200, icon["type"])
        if icon["type"] == "image/png":
            assert "{}x{}".format(*struct.unpack(">II", found.data[16:24])) == icon["sizes"]
    assert {"192x192", "512x512", "any"} <= {icon["sizes"] for icon in answer.json["icons"]}


def test_security_txt_is_there_once_a_contact_is_set(
    app: APIFlask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert client.get("/.well-known/security.txt").status_code == 404
    monkeypatch.setattr(app.extensions["lms.config"], "security_contact", "mailto:security@l.example")
    answer = client.get("/.well-known/security.txt")
    assert answer.content_type == "text/plain; charset=utf-8"
    fields = dict(line.split(": ", 1) for line in answer.text.splitlines())
    assert fields["Contact"] == "mailto:security@l.example"
    left = datetime.fromisoformat(fields["Expires"]) - clock.now()
    assert 100 < left.days < 366  # RFC 9116: less than a year


@each_row("contact", ["security@l.example", "http://l.example/security", "mailto:nobody", "https://"])
def test_a_contact_that_is_no_address_is_refused(contact: str) -> None:
    with pytest.raises(BadSetting, match="LMS_SECURITY_CONTACT"):
        Config({"LMS_SECURITY_CONTACT": contact})


def test_a_public_page_names_itself_in_each_language(make: Make, app: APIFlask, client: FlaskClient) -> None:
    make.series("trade", "Trade", translations={"ar": {"title": "التجارة"}})
    with offering(app):
        assert "hreflang" not in client.get("/series/trade").text
    with offering(app, "ar"):
        page, arabic = client.get("/series/trade").text, client.get("/series/trade?lang=ar").text
    address = "http://localhost/series/trade"
    for text in (page, arabic):
        for tag, query in (("en", "?lang=en"), ("ar", "?lang=ar"), ("x-default", "")):
            assert f'<link rel="alternate" hreflang="{tag}" href="{address}{query}">' in text
    assert f'<link rel="canonical" href="{address}">' in page
    assert f'<link rel="canonical" href="{address}?lang=ar">' in arabic
    assert said(arabic, "og:title") == "التجارة"

"""The pages on which administrators make designs, with and without a script."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient

from lms.certificates.actions.designs import create_design, drop_words
from lms.certificates.designs import versions
from lms.certificates.queries.designs import get_design
from lms.core.base.roles import Actor
from lms.core.time import clock
from tests.certificates.conftest import Programme
from tests.certificates.test_designs import FRENCH
from tests.certificates.test_image_sanitizer import raster, svg
from tests.certificates.test_views import SignIn, sign_in
from tests.forms import token_in
from tests.rows import each_row

__all__ = ["sign_in"]

Make = Callable[..., Programme]
LOOKS = {"name": "Red", "accent": "#7a1f3d", "ink": "#0e1a1c", "quiet": "#48585b", "signatory": "Zhou Anran"}
SCRIPT = {"HX-Request": "true"}


@pytest.fixture
def red(app: APIFlask, administrator: Actor, at: datetime) -> int:
    with app.app_context():
        return create_design("Red", by=administrator, at=at)


@pytest.fixture
def boss(sign_in: SignIn, administrator: Actor) -> FlaskClient:
    return sign_in(administrator)


def post(client: FlaskClient, path: str, data: dict[str, Any] | None = None, **more: Any) -> Any:
    token = token_in(client.get("/admin/designs/new").text)
    return client.post(path, data={"csrf_token": token, **(data or {})}, **more)


def spec(app: APIFlask, family: int, by: Actor) -> Any:
    with app.app_context():
        return get_design(family, by=by).spec


def reasons(page: str) -> list[str]:
    found = re.search(r'data-testid="errors">.*?</ul>', page, re.DOTALL)
    return re.findall(r"<li>(?:<a[^>]*>)?(.*?)(?:</a>)?</li>", found[0]) if found else []


def test_from_a_name_to_a_design_for_all(
    app: APIFlask, boss: FlaskClient, administrator: Actor, programme: Make
) -> None:
    series = programme({"Ada": "aaa"})
    began = post(boss, "/admin/designs/new", {"name": "Red", "like": "0"})
    assert began.status_code == 302
    page = boss.get(began.location)
    assert 'data-testid="publish"' in page.text
    saved = post(boss, f"{began.location}/looks", LOOKS)
    assert saved.status_code == 303
    assert 'value="Zhou Anran"' in boss.get(saved.location).text
    post(boss, f"{began.location}/publish")
    assert 'data-testid="publish"' not in boss.get(began.location).text
    post(boss, f"{began.location}/default")
    with app.app_context():
        assert versions.version_of_series(series.series_id) == 2
    assert boss.get("/admin/designs").text.count("Make default") == 1
    chosen = post(boss, f"/series/{series.slug}/certificates/design", {"design": "0"})
    assert chosen.status_code == 302
    with app.app_context():
        assert versions.version_of_series(series.series_id) == 1
    assert re.search(r'<option selected value="0">', boss.get(f"/series/{series.slug}/certificates/design").text)


def test_the_look_is_a_picture_of_the_draft(boss: FlaskClient, red: int) -> None:
    address = re.search(r'src="([^"]*look\.png[^"]*)"', boss.get(f"/admin/designs/{red}?look-sample=40").text)
    assert address is not None
    assert "look-sample=40" in address[1]
    look = boss.get(address[1].replace("&amp;", "&"))
    assert (look.status_code, look.mimetype) == (200, "image/png")
    assert look.data.startswith(b"\x89PNG")


def test_a_wrong_word_is_said_and_what_was_typed_stays(
    app: APIFlask, boss: FlaskClient, red: int, administrator: Actor
) -> None:
    wrong = post(boss, f"/admin/designs/{red}/words/en", {"sentence": "took {lectres} <b>", "office": "Chief"})
    assert wrong.status_code == 422
    assert reasons(wrong.text) == [
        (
            "Unknown placeholder {lectres}. The placeholders are {name}, {series}, {lectures}, {attended}, "
            "{hours}, {date}, {organiser}."
        )
    ]
    assert "took {lectres} &lt;b&gt;</textarea>" in wrong.text
    assert 'value="Chief"' in wrong.text
    assert "en" not in spec(app, red, administrator)["words"]


def test_a_script_gets_only_the_look_with_what_is_wrong(boss: FlaskClient, red: int) -> None:
    right = post(boss, f"/admin/designs/{red}/looks", {**LOOKS, "look-sample": "90"}, headers=SCRIPT)
    assert (right.status_code, right.text.count("<html"), right.text.count("<img")) == (200, 0, 1)
    assert "look-sample=90" in right.text
    pale = post(boss, f"/admin/designs/{red}/looks", {**LOOKS, "accent": "#ffc233"}, headers=SCRIPT)
    assert "Its contrast on white paper is 1.6 to 1; at least 4.5 is needed." in pale.text
    assert pale.text.count("<img") == 1


def test_a_picture_is_added_and_taken_out(app: APIFlask, boss: FlaskClient, red: int, administrator: Actor) -> None:
    path = f"/admin/designs/{red}/pictures/logo"
    assert post(boss, path, {"file": (io.BytesIO(raster("PNG")), "a.png"), "alt": "Arms"}).status_code == 303
    assert spec(app, red, administrator)["pictures"]["logo"]["alt"] == "Arms"
    assert post(boss, path, {"alt": "Arms of the ministry"}).status_code == 303
    assert spec(app, red, administrator)["pictures"]["logo"]["alt"] == "Arms of the ministry"
    assert post(boss, f"{path}/remove").status_code == 303
    assert spec(app, red, administrator)["pictures"] == {}
    assert post(boss, f"/admin/designs/{red}/pictures/stamp", {"alt": "x"}).status_code == 404


@each_row(
    "content, name, alt, reason",
    [
        (svg("<image/>"), "a.svg", "Arms", "This SVG contains an embedded picture. Save it as PNG instead."),
        (raster("PNG") + bytes(1_100_000), "a.png", "Arms", "The file is too large: at most 1 MB."),
        (b"%PDF-1.7", "logo.png", "Arms", "This is not a PNG, JPEG or SVG image, whatever its file name."),
        (raster("PNG"), "a.png", " ", "Describe the picture for screen readers."),
        (None, "", "Arms", "Select a file."),
    ],
)
def test_a_bad_picture_is_refused_at_its_own_field(
    app: APIFlask,
    boss: FlaskClient,
    red: int,
    administrator: Actor,
    content: bytes | None,
    name: str,
    alt: str,
    reason: str,
) -> None:
    sent: dict[str, Any] = {"alt": alt} | ({"file": (io.BytesIO(content), name)} if content else {})
    answer = post(boss, f"/admin/designs/{red}/pictures/seal", sent)
    assert answer.status_code == 422
    assert reasons(answer.text) == [reason]
    assert 'href="#seal-' in answer.text
    assert "pictures" not in spec(app, red, administrator)


def test_a_file_of_a_hundred_megabytes_is_not_read(boss: FlaskClient, red: int) -> None:
    token = token_in(boss.get("/admin/designs/new").text)
    answer = boss.post(
        f"/admin/designs/{red}/pictures/logo",
        input_stream=io.BytesIO(b""),
        headers={"X-CSRFToken": token},
        environ_overrides={"CONTENT_LENGTH": "100000000"},
        content_type="multipart/form-data; boundary=x",
    )
    assert answer.status_code == 413


def test_a_name_that_cannot_be_printed_is_said_in_place_of_the_look(
    boss: FlaskClient, red: int, programme: Make
) -> None:
    series = programme({"Emo <b>\U0001f600</b>": "aaa"})
    page = boss.get(f"/admin/designs/{red}?look-series={series.slug}").text
    assert 'data-testid="fault"' in page
    assert "No installed font has \U0001f600 (U+1F600)." in page
    assert '<img class="sheet"' not in page
    assert boss.get(f"/admin/designs/{red}/look.png?look-series={series.slug}").status_code == 422


def test_samples_and_languages_that_are_not_there_become_the_first(boss: FlaskClient, red: int) -> None:
    odd = "?look-sample=x&look-series=nowhere&look-language=tlh&look-kind=x&words=%3Cb%3E&_external=1&family_id=9"
    page = boss.get(f"/admin/designs/{red}{odd}")
    assert page.status_code == 200
    assert "look-sample=longest" in page.text
    assert post(boss, f"/admin/designs/{red}/looks{odd}", LOOKS).status_code == 303
    assert post(boss, f"/admin/designs/{red}/words/tlh", {}).status_code == 404
    assert boss.get("/admin/designs/99").status_code == 404


def test_another_language_is_written_beside_the_english_one(boss: FlaskClient, red: int) -> None:
    page = boss.get(f"/admin/designs/{red}?words=fr").text
    assert "Text in French" in page
    assert "In English: <bdi>Certificate of participation</bdi>" in page
    words = {"participation": "Attestation", "completion": "Attestation", "sentence": "a suivi"}
    saved = post(boss, f"/admin/designs/{red}/words/fr", words)
    page = boss.get(saved.location).text
    assert "look-language=fr" in page
    assert post(boss, f"/admin/designs/{red}/words/fr/remove").status_code == 302
    assert "look-language=fr" not in boss.get(f"/admin/designs/{red}?words=fr").text


def test_a_second_design_of_one_name_is_refused(boss: FlaskClient, red: int) -> None:
    assert reasons(post(boss, "/admin/designs/new", {"name": "red", "like": "0"}).text) == [
        "Another design already has this name."
    ]
    assert reasons(post(boss, "/admin/designs/new", {"name": "", "like": "77"}).text) != []


def test_what_is_only_drafted_cannot_be_for_all(boss: FlaskClient, red: int) -> None:
    answer = post(boss, f"/admin/designs/{red}/default", follow_redirects=True)
    assert "This design is a draft. Put it into use first." in answer.text


def test_the_built_in_design_is_looked_at_like_the_others(boss: FlaskClient) -> None:
    page = boss.get("/admin/designs/0?look-language=ar&look-sample=90")
    assert page.status_code == 200
    assert 'data-hx-get="/admin/designs/0"' in page.text
    assert "csrf_token" not in page.text.partition("<main")[2].partition("</main>")[0], "nothing of it can be changed"
    address = re.search(r'src="([^"]*look\.png[^"]*)"', page.text)
    assert address is not None
    assert "look-language=ar" in address[1]
    arabic = boss.get(address[1].replace("&amp;", "&"))
    english = boss.get(address[1].replace("&amp;", "&").replace("look-language=ar", "look-language=en"))
    assert (arabic.mimetype, english.mimetype) == ("image/png", "image/png")
    assert arabic.data != english.data
    looked = boss.get("/admin/designs/0?look-sample=40", headers=SCRIPT)
    assert (looked.text.count("<html"), looked.text.count("<img")) == (0, 1)
    for change in ("looks", "words/fr", "pictures/logo", "publish"):
        assert post(boss, f"/admin/designs/0/{change}", {**LOOKS, **FRENCH}).status_code in (404, 422)
    assert 'href="/admin/designs/0"' in boss.get("/admin/designs").text


def test_words_that_are_ready_made_stand_in_the_form_until_they_are_saved(
    app: APIFlask, boss: FlaskClient, red: int, administrator: Actor
) -> None:
    with app.app_context():
        drop_words(red, "es", by=administrator, at=clock.now())
    page = boss.get(f"/admin/designs/{red}?words=es").text
    assert "Certificado de participación" in page
    assert "This is suggested text." in page
    assert "es" not in spec(app, red, administrator)["words"]
    kept = boss.get(f"/admin/designs/{red}?words=fr").text
    assert "This is suggested text." not in kept

"""A demonstration shows its e-mails with links that work; nowhere else is there such a page."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from lms.core.time import clock
from lms.dashboards.queries.help import latest_mails
from lms.mail import rendering, sending
from tests.factories import Make
from tests.forms import token_in

PAGE = "/demonstration/mail"


@pytest.fixture
def visitor(make: Make) -> Iterator[FlaskClient]:
    """Somebody at a demonstration that nobody signed in to."""
    mark = make.app.extensions["lms.config"].demonstration_mark
    mark.write_text("{}")
    yield make.app.test_client()
    mark.unlink()


def test_who_registers_in_a_demonstration_follows_the_link_of_its_mail(make: Make, visitor: FlaskClient) -> None:
    make.person("Amina", email="amina@demo.test", password="a long password")
    assert "No e-mails yet." in visitor.get(PAGE).text
    form = {"csrf_token": token_in(visitor.get("/forgot").text), "email": "amina@demo.test"}
    assert f'href="{PAGE}"' in visitor.post("/forgot", data=form).text
    with make.app.app_context(), rendering.sender(make.app) as send:
        sending.send_due(send, at=clock.now() + timedelta(seconds=1))
    page = visitor.get(PAGE).text
    (link,) = re.findall(r'<a href="(/reset/[^"]+)"', page)
    assert "amina@demo.test" in page
    assert visitor.get(link).status_code == 200


def test_no_text_of_a_mail_leads_to_another_site(tmp_path: Path) -> None:
    base = "http://127.0.0.1:8000"
    text = f"{base}/reset/x. {base} {base}//evil.example/a {base}/\\evil.example {base}.evil.example/b {base}/me"
    (tmp_path / "1.eml").write_text(f"To: a@demo.test\nSubject: x\n\n{text}\n")
    (mail,) = latest_mails(tmp_path, base)
    assert [path for _words, path in mail.parts if path is not None] == ["/reset/x", "/me"]
    assert "".join(words for words, _path in mail.parts).strip() == text


def test_there_is_no_such_page_elsewhere(make: Make) -> None:
    client = make.app.test_client()
    assert client.get(PAGE).status_code == 404
    make.sign_in(client, make.person("Boss", roles=["administrator"]))
    assert client.get(PAGE).status_code == 404
    assert PAGE not in client.get("/account").text

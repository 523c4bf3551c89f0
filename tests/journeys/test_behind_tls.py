"""A new installation behind nginx with TLS, as it ships: from the first administrator to a counted minute."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from email import message_from_bytes, policy
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page
from pyotp import TOTP

from lms.app import create_app
from lms.config import Config
from lms.core.base.roles import SYSTEM
from lms.core.database.session import db
from lms.core.time import clock
from lms.nominations.actions.nominating import nominate
from lms.people.people_files import PersonRow
from lms.people.queries.countries import get_country
from tests.factories import Make
from tests.ports import free_port
from tests.proxy import Certificate, Proxy, proxy

pytestmark = pytest.mark.xdist_group("pages")
BOSS, TRAINEE, MOVED = "boss@ministry.example", "achieng@example.org", "achieng@new.example"
NOMINEE = "wambui@example.org"
FIRST, SECOND = "seven lamps at noon", "nine boats at dusk"
PEOPLE = b"email,full_name,country\n" + b"".join(b"p%d@example.org,Person %d,KE\n" % (n, n) for n in range(3000))


MEDIA_KEY = "the-value-of-LMS_MEDIA_KEY"
"""As the shipped configuration of nginx has it."""


class Installation:
    """A data folder, `lms serve` on it, and nginx in front."""

    def __init__(self, folder: Path, before: Proxy, config: Config) -> None:
        self.folder, self.before, self.config = folder, before, config

    def lms(self, *command: str) -> str:
        """What a command prints."""
        environment = {**os.environ, **self.config.environment()}
        done = subprocess.run([sys.executable, "-m", "lms", *command], env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def link_in_mail(self, address: str, page: str) -> str:
        """The link to a page in the mail to an address, once the worker has sent it."""
        until = time.monotonic() + 60
        while time.monotonic() < until:
            for path in self.folder.glob("mail/[!.]*.eml"):
                message = message_from_bytes(path.read_bytes(), policy=policy.default)
                body = message.get_body(("plain",))
                match = body and re.search(rf"{self.before.address}/{page}/\S+", body.get_content())
                if message["To"] == address and match:
                    return match[0]
            time.sleep(0.1)
        raise AssertionError(f"no link to /{page}/ for {address}")


@pytest.fixture
def installed(tmp_path: Path, certificate: Certificate) -> Iterator[Installation]:
    """Begun by the commands of docs/INSTALL.md."""
    folder, backend, port = tmp_path / "data", free_port(), free_port()
    settings = {"base_url": f"https://localhost:{port}", "proxies": "1", "log_level": "ERROR", "media_key": MEDIA_KEY}
    config = Config.load({}, data=str(folder), **settings)
    with proxy(tmp_path / "nginx", certificate, backend=backend, port=port) as before:
        made = Installation(folder, before, config)
        made.lms("init")
        command = [sys.executable, "-m", "lms", "serve", "--port", str(backend), "--workers", "1"]
        running = subprocess.Popen(command, env={**os.environ, **config.environment()})
        yield made
        running.terminate()
        running.wait(40)


@pytest.fixture
def visit(browser: Browser, installed: Installation) -> Iterator[Callable[[], Page]]:
    """Opens a window; nothing may break the content policy in it."""
    wrong: list[str] = []
    with contextlib.ExitStack() as stack:

        def window() -> Page:
            context = browser.new_context(base_url=installed.before.address)
            stack.callback(context.close)
            page = context.new_page()
            page.on("pageerror", lambda error: wrong.append(str(error)))
            page.on(
                "console", lambda message: wrong.append(message.text) if "Security Policy" in message.text else None
            )
            return page

        yield window
    assert wrong == []


def send(page: Page, form: str = "", **fields: str) -> None:
    """Fills in a form of the page's main part and sends it."""
    for name, value in fields.items():
        page.locator(f"main form{form} [name={name}]").first.fill(value)
    page.locator(f"main form{form} [type=submit]").first.click()
    page.wait_for_load_state()


def path_of(page: Page) -> str:
    """Where the page is."""
    return page.evaluate("location.pathname")  # type: ignore[no-any-return]


@pytest.mark.long
def test_a_new_installation_works_behind_tls(installed: Installation, visit: Callable[[], Page]) -> None:
    # the first administrator: link, password, second factor
    link = installed.lms("user", "create", BOSS, "--name", "Zhou Anran", "--role", "administrator").strip()
    assert link.startswith(f"{installed.before.address}/sign-in/")
    boss = visit()
    for _turn in range(200):
        answer = boss.goto("/healthz")
        if answer is not None and answer.ok:
            break
        time.sleep(0.1)
    boss.goto(link)
    send(boss, password=FIRST)
    assert path_of(boss) == "/account/second-factor"
    send(boss, current_password=FIRST)
    secret = boss.locator("code.secret").inner_text()
    send(boss, otp=TOTP(secret).now())
    assert boss.get_by_test_id("recovery-codes").locator("li").count() == 10
    boss.context.clear_cookies()
    boss.goto("/sign-in")
    send(boss, email=BOSS, password=FIRST)
    send(boss, otp=TOTP(secret).at(clock.now() + timedelta(seconds=30)))
    assert path_of(boss) == "/admin"
    (session_cookie,) = [cookie for cookie in boss.context.cookies() if cookie["name"] == "__Host-session"]  # type: ignore[typeddict-item]
    assert (session_cookie["secure"], session_cookie["httpOnly"], session_cookie["path"]) == (True, True, "/")  # type: ignore[typeddict-item]

    # somebody registers, gets a new password, and moves to another address
    trainee = visit()
    trainee.goto("/register")
    trainee.locator("[name=country]").select_option("KE")
    trainee.locator("[name=consent]").check()
    send(trainee, full_name="Achieng Odhiambo", email=TRAINEE)
    links = [link, installed.link_in_mail(TRAINEE, "confirm")]
    trainee.goto(links[-1])
    send(trainee, password=FIRST)
    trainee.context.clear_cookies()
    trainee.goto("/forgot")
    send(trainee, email=TRAINEE)
    links.append(installed.link_in_mail(TRAINEE, "reset"))
    trainee.goto(links[-1])
    send(trainee, password=SECOND)
    trainee.goto("/account/mail")
    trainee.get_by_text("Change your e-mail address").click()
    send(trainee, "[action='/account/address']", email=MOVED, current_password=SECOND)
    links.append(installed.link_in_mail(MOVED, "account/address"))
    trainee.goto(links[-1])
    send(trainee)
    trainee.context.clear_cookies()
    trainee.goto("/sign-in")
    send(trainee, email=MOVED, password=SECOND)
    assert path_of(trainee) == "/me"

    # the administrator uploads a file, the trainee is counted in the room
    app = create_app(installed.config)
    make, began = Make(app), clock.now() - timedelta(minutes=5)
    series = make.series("parcels")
    lecture = make.lecture(series, state="live", starts_at=began, actual_start=began)
    boss.goto("/series/parcels/enrolments/import")
    boss.locator("[name=file]").set_input_files({"name": "people.csv", "mimeType": "text/csv", "buffer": PEOPLE})
    boss.get_by_test_id("look").click()
    boss.wait_for_url("**/enrolments/import/preview")
    trainee.goto("/series/parcels")
    trainee.get_by_test_id("enrol").click()
    trainee.wait_for_load_state()
    with trainee.expect_response(lambda answer: answer.url.endswith("/presence")) as beat:
        trainee.goto(f"/lectures/{lecture.id}/room")
    assert beat.value.status == 204
    # a nominee accepts the invitation, and chooses a password
    row = PersonRow(1, NOMINEE, NOMINEE, "Wambui Kamau")
    with app.app_context():
        nominate(series.id, [row], country_id=get_country("KE").id, by=SYSTEM, at=clock.now())
    links.append(installed.link_in_mail(NOMINEE, "invitation"))
    nominee = visit()
    nominee.goto(links[-1])
    nominee.locator("[name=consent]").check()
    nominee.get_by_test_id("accept").click()
    assert nominee.get_by_test_id("invitation").get_attribute("data-state") == "accepted"
    nominee.get_by_test_id("password").click()
    nominee.wait_for_url("**/reset/**")
    send(nominee, password=FIRST)
    assert path_of(nominee) == "/series/parcels"
    with app.app_context():
        db.engine.dispose()

    # nginx logged each page, and no secret of an address
    logged = (installed.before.folder / "serai.log").read_text()
    for page in ("sign-in", "confirm", "reset", "account/address"):
        assert f'"POST /{page}/..." 302' in logged
    assert '"POST /invitation/..." 303' in logged
    assert [one for one in links if one.rpartition("/")[2] in logged] == []

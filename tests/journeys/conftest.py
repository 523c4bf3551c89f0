"""Journeys: the whole site on a free port, a small world in it, a real browser before it.

Jobs and mail run when a journey says so (`site.work()`), so that nothing is waited for by the clock. Each page that
a journey looks at is checked by axe, at the width of a desk and, in `make test-long`, of a phone, once in all journeys.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from email import message_from_bytes, policy
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import pytest
from apiflask import APIFlask
from babel.support import NullTranslations, Translations
from playwright.sync_api import Browser, BrowserContext, Page, Playwright, sync_playwright
from werkzeug.serving import make_server

from lms.app import create_app
from lms.attendance.actions.credits import credit_lecture
from lms.attendance.models.evidence import Presence, Source
from lms.catalogue.models import Lecture
from lms.core.background import jobs
from lms.core.base.roles import SYSTEM
from lms.core.base.settings import resource
from lms.core.database.session import action, db
from lms.core.text.i18n import LANGUAGES
from lms.core.time import clock
from lms.mail import rendering, sending
from lms.people.actions.countries import load_countries
from lms.people.models import Person
from tests.accessibility import violations, violations_after_resizing
from tests.browsers import LAYOUT_ONLY, Fonts, launch
from tests.built import Demonstration, demonstration
from tests.factories import PASSWORD, Make
from tests.journeys.shared_site import shared_site
from tests.proxy import Certificate, proxy
from tests.relaxed import RelaxedConfig
from tests.tables import create_tables

R = TypeVar("R")
PHONE, DESK = (390, 844), (1280, 900)

ONE_MACHINE, SEVERAL_MACHINES = "one machine", "several machines"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Journeys marked `every_site` also run on several machines, and those with a `language` in each language on one
    machine, in `make test-long`."""
    if not metafunc.definition.get_closest_marker("every_site") or "site" not in metafunc.fixturenames:
        return
    later = pytest.mark.long
    if "language" in metafunc.fixturenames:
        others = [pytest.param(ONE_MACHINE, code, marks=later) for code in LANGUAGES if code != "en"]
        pairs = [(ONE_MACHINE, "en"), pytest.param(SEVERAL_MACHINES, "en", marks=later), *others]
        metafunc.parametrize(("site", "language"), pairs, indirect=["site"])
    else:
        metafunc.parametrize("site", [ONE_MACHINE, pytest.param(SEVERAL_MACHINES, marks=later)], indirect=True)


class Site:
    """The application as it is served, and what a journey may do behind its back."""

    def __init__(self, app: APIFlask, address: str) -> None:
        self.app = app
        self.address = address
        self.make = Make(app)

    def within(self, work: Callable[[], R]) -> R:
        """Does something in an app context of its own."""
        with self.app.app_context():
            return work()

    def work(self, *, after: timedelta = timedelta()) -> None:
        """Runs the jobs that are due now or `after` some time, and sends the mail that is due, as the worker does."""
        with self.app.app_context():
            jobs.run_due(at=clock.now() + after)
            with rendering.sender(self.app) as send:
                while sending.send_due(send, at=clock.now()):
                    pass

    def be_there(self, lecture: Lecture, *people: Person, minutes: int = 90) -> None:
        """The first minutes of a lecture that was held (all of ninety), for each of them."""
        start, lecture_id = clock.to_ms(lecture.actual_start or clock.now()), lecture.id
        ids = [one.id for one in people]

        @action
        def write() -> None:
            db.session.add_all(
                Presence(
                    lecture_id=lecture_id,
                    person_id=person_id,
                    source=Source.LIVE,
                    joined_ms=start,
                    left_ms=start + minutes * 60_000,
                    evidence=str(person_id),
                )
                for person_id in ids
            )
            db.session.flush()
            credit_lecture(lecture_id, by=SYSTEM, at=clock.now())

        self.within(write)

    def last_mail(self, address: str) -> str:
        """The last mail to an address: its subject, then its text."""
        folder: Path = self.app.extensions["lms.config"].folder / "mail"
        for path in sorted(folder.glob("*.eml"), reverse=True):
            message = message_from_bytes(path.read_bytes(), policy=policy.default)
            if message["To"] == address:
                body = message.get_body(("plain",))
                assert body is not None
                return f"{message['Subject']}\n{body.get_content()}"
        raise AssertionError(f"no mail to {address}")


@cache
def translations(language: str) -> NullTranslations:
    """The catalogue of a language."""
    return Translations.load(str(resource("translations")), [language]) if language != "en" else NullTranslations()


class Visitor:
    """Somebody with a browser window."""

    def __init__(
        self, site: Site, page: Page, seen: set[str], language: str = "en", *, is_thorough: bool = True
    ) -> None:
        self.site = site
        self.page = page
        self.language = language
        self._seen = seen
        self._is_thorough = is_thorough

    def words(self, text: str) -> str:
        """A message of the interface in the visitor's language; what is no message, as it is."""
        translated: str = translations(self.language).gettext(text)
        return translated

    def go(self, path: str) -> None:
        """Opens a page, which must be there."""
        answer = self.page.goto(self.site.address + path)
        assert answer is not None
        assert answer.ok, f"{path}: {answer.status}"

    def sign_in(self, email: str) -> None:
        """Signs in by the form."""
        self.go("/sign-in")
        self.page.locator("#email").fill(email)
        self.page.locator("[name=password]").fill(PASSWORD)
        self.press("Sign in")
        assert not self.page.url.endswith("/sign-in")

    def press(self, name: str) -> None:
        """Presses a button, or follows a link, of the page's main part."""
        main, name = self.page.locator("main"), self.words(name)
        button = main.get_by_role("button", name=name)
        (button if button.count() else main.get_by_role("link", name=name)).first.click()
        self.page.wait_for_load_state()

    def hook(self, testid: str) -> None:
        """Presses what scripts know by this name."""
        self.page.get_by_test_id(testid).first.click()
        self.page.wait_for_load_state()

    def reads(self, text: str) -> None:
        """The page says so."""
        text = re.sub(r"\s+", " ", self.words(text))
        assert text in self._text(), (text, self.page.url, self._text()[:3000])

    def reads_not(self, text: str) -> None:
        """The page says nothing of it."""
        assert text not in self._text(), (text, self.page.url)

    def _text(self) -> str:
        return re.sub(r"\s+", " ", self.page.locator("body").inner_text())

    def heading(self) -> str:
        """The page's first heading."""
        return re.sub(r"\s+", " ", self.page.locator("h1").inner_text())

    def is_accessible(self, name: str) -> None:
        """Nothing scrolls sideways on a phone or a desk, and axe finds nothing wrong. A name is looked at once in all.

        axe takes a second a page: in `make test` it looks at the width of a desk only.
        """
        name = name if self.language == "en" else f"{name} ({self.language})"
        if name in self._seen:
            return
        self._seen.add(name)
        at_desk = violations_after_resizing if self._is_thorough else violations
        for (width, height), check in ((PHONE, violations if self._is_thorough else None), (DESK, at_desk)):
            self.page.set_viewport_size({"width": width, "height": height})
            broken = check(self.page) if check else []
            assert not broken, f"{name} at {width}: {broken}"
            wide: int = self.page.evaluate("document.documentElement.scrollWidth")
            assert wide <= width, f"{name} scrolls sideways at {width}: {wide}"


@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    """What starts browsers, for one module: its event loop is in the way of tests that need one of their own."""
    with sync_playwright() as running:
        yield running


@pytest.fixture(scope="module")
def browser(
    playwright: Playwright, certificate: Certificate, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Browser]:
    """A real browser, which trusts the tests' certificate, with wide fonts: they break a page before others do."""
    running = launch(playwright.chromium, Fonts.WIDE, tmp_path_factory.mktemp("wide"), certificate.flag())
    yield running
    running.close()


@pytest.fixture(scope="module")
def wide_layout(
    playwright: Playwright, tmp_path_factory: pytest.TempPathFactory, certificate: Certificate
) -> Iterator[Browser]:
    """The same browser, which only lays out pages."""
    folder = tmp_path_factory.mktemp("wide-layout")
    running = launch(playwright.chromium, Fonts.WIDE, folder, certificate.flag(), LAYOUT_ONLY)
    yield running
    running.close()


@pytest.fixture(scope="module")
def narrow_layout(
    playwright: Playwright, tmp_path_factory: pytest.TempPathFactory, certificate: Certificate
) -> Iterator[Browser]:
    """A browser with narrower and higher fonts, which only lays out pages."""
    folder = tmp_path_factory.mktemp("narrow-layout")
    running = launch(playwright.chromium, Fonts.NARROW, folder, certificate.flag(), LAYOUT_ONLY)
    yield running
    running.close()


@pytest.fixture(scope="module")
def as_built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demonstration]:
    """The smallest demonstration as `make demo` builds and serves it; its worker ends with the module."""
    with demonstration(tmp_path_factory.mktemp("as-built")) as served:
        yield served


@pytest.fixture(scope="session")
def _seen() -> set[str]:
    return set()


@contextmanager
def in_front(request: pytest.FixtureRequest, folder: Path, backend: int) -> Iterator[str]:
    """The address at which browsers reach the server at this port: its own, or that of nginx (`--through=tls`)."""
    if request.config.getoption("--through") == "plain":
        yield f"http://127.0.0.1:{backend}"
        return
    with proxy(folder, request.getfixturevalue("certificate"), backend=backend) as before:
        yield before.address


@pytest.fixture
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site]:
    """The site with countries in it and nobody, on a free port, or on several machines."""
    if getattr(request, "param", ONE_MACHINE) == SEVERAL_MACHINES:
        given = (request.getfixturevalue(name) for name in ("certificate", "postgresql_url", "storage"))
        with shared_site(tmp_path, *given) as (app, address):
            yield Site(app, address)
        return
    holder: dict[str, Any] = {}

    def answer(environ: dict[str, Any], start: Any) -> Any:
        return holder["app"](environ, start)

    server = make_server("127.0.0.1", 0, answer, threaded=True)
    with in_front(request, tmp_path / "nginx", server.server_port) as address:
        proxies = "0" if address.startswith("http:") else "1"
        settings = {"secret_key": "tests-only", "base_url": address, "proxies": proxies, "log_level": "ERROR"}
        app = create_app(RelaxedConfig.load({}, data=str(tmp_path), **settings))
        with app.app_context():
            create_tables()
            load_countries(by=SYSTEM, at=clock.now())
        holder["app"] = app
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield Site(app, address)
    server.shutdown()
    thread.join(5)
    server.server_close()
    with app.app_context():
        db.session.remove()
        db.engine.dispose()


@pytest.fixture
def visit(
    request: pytest.FixtureRequest, site: Site, browser: Browser, _seen: set[str]
) -> Iterator[Callable[[], Visitor]]:
    """Opens a window of its own for one more visitor; no script may fail, nothing may break the content policy."""
    windows: list[BrowserContext] = []
    wrong: list[str] = []
    is_thorough = request.node.get_closest_marker("long") is not None

    def window(language: str = "en") -> Visitor:
        context = browser.new_context(
            viewport={"width": DESK[0], "height": DESK[1]}, locale="en-US" if language == "en" else language
        )
        windows.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on(
            "console", lambda message: wrong.append(message.text) if "Content Security Policy" in message.text else None
        )
        return Visitor(site, page, _seen, language, is_thorough=is_thorough)

    yield window
    for context in windows:
        context.close()
    assert wrong == []


@pytest.fixture
def sign_in(visit: Callable[[], Visitor]) -> Callable[[str], Visitor]:
    """A window of somebody who has signed in by the form."""

    def enter(email: str, language: str = "en") -> Visitor:
        visitor = visit(language)
        visitor.sign_in(email)
        return visitor

    return enter

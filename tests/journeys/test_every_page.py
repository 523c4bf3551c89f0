"""Every page, as roles see it: on a narrow phone, mirrored and on paper nothing is cut, lost or out of reach, and
figures of eight digits keep to their cells at every width. In wide fonts and in high ones."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from babel.numbers import format_decimal
from playwright.sync_api import Browser, Page, ViewportSize
from werkzeug.serving import make_server

from lms.attendance.actions.credits import credit_lecture
from lms.attendance.models.evidence import Presence, Source
from lms.catalogue.models import CertificateKind, Lecture, Series
from lms.certificates.actions.awards import issue_certificates
from lms.core.base.roles import SYSTEM
from lms.core.database.session import action, db
from lms.core.time import clock
from lms.nominations.actions.nominating import nominate
from lms.people.actions.countries import declare_partners
from lms.people.actions.duplicates import compare_waiting_people
from lms.people.models import Country, Person
from lms.people.people_files import PersonRow
from lms.people.queries.countries import get_country
from lms.reports.actions.public import refresh_public_figures
from lms.web.pages import time as web_time
from tests.accessibility import violations
from tests.contracts.pages import pages
from tests.contracts.world import World, build
from tests.factories import Make
from tests.journeys.conftest import in_front

pytestmark = pytest.mark.xdist_group("pages")
AS_IT_IS = web_time._number
LONG_AGO = datetime(2015, 1, 1, tzinfo=UTC)

MIRRORED = """() => {
  const found = [], width = document.documentElement.clientWidth;
  const words = (e) => (e.textContent || "").trim();
  const said = (e) => `${e.tagName.toLowerCase()}.${e.getAttribute("class")} ${words(e).slice(0, 30)}`;
  const scrolls = (e) => e && (e.matches(".table-wide, svg, .band, .desk") || scrolls(e.parentElement));
  if (document.documentElement.dir !== "rtl") found.push("not mirrored");
  const whole = document.documentElement.scrollWidth;
  if (whole > width) found.push(`scrolls sideways: ${whole}`);
  for (const e of document.querySelectorAll("body *")) {
    const r = e.getBoundingClientRect(), s = getComputedStyle(e);
    if (r.width <= 1 || r.height <= 1 || e.closest(".hide, .skip")) continue;
    if ((r.right > width + 1 || r.left < -1) && !scrolls(e)) found.push(`outside: ${said(e)}`);
    const hides = s.overflowY === "hidden" && !e.closest("svg, progress");
    if (hides && e.scrollHeight > e.clientHeight + 1) found.push(`cut: ${said(e)}`);
  }
  for (const e of document.querySelectorAll("a[href], button, summary, select, textarea, input:not([type=hidden])")) {
    const r = e.getBoundingClientRect(), beside = words(e.parentElement).length;
    if (!r.width || e.closest(".hide, .skip")) continue;
    if (getComputedStyle(e).display === "inline" && beside > words(e).length + 3) continue;
    if (r.width < 23.5 || r.height < 23.5) found.push(`small: ${said(e)} ${r.width}x${r.height}`);
  }
  for (const e of document.querySelectorAll("input, textarea")) {
    const latin = ["email", "url", "tel"].includes(e.type) || e.getAttribute("spellcheck") === "false";
    if (latin && e.dir !== "ltr") found.push(`runs the wrong way: ${e.name}`);
    else if (["text", "search", "textarea"].includes(e.type) && !e.dir) found.push(`has no direction: ${e.name}`);
  }
  return found;
}"""

PRESSED = "nav, .mast, .foot, .nowbar, .skip, button, input:not([type=hidden]), summary"
ON_PAPER = """(pressed) => [...document.querySelectorAll(pressed)]
  .filter((e) => e.getClientRects().length).map((e) => `printed: ${e.tagName} ${e.getAttribute("class")}`)
  .concat([...document.querySelectorAll("thead")].filter((e) => getComputedStyle(e).display !== "table-header-group")
    .map(() => "a head that is not repeated"))
  .concat(getComputedStyle(document.body).color === "rgb(14, 26, 28)" ? [] : ["not dark on white"])"""


WIDTHS = (320, 390, 768, 1024, 1280, 1920)
PAPER_WIDTHS = (438, 560, 673, 794)
"""The width of A5 and A4 in pixels, and what is left of each between the margins."""
FIGURES = """() => {
  const found = [], single = ":not(.axis > li, .cols > li)";
  const cells = `td, th, dd, dt, .axis, .cols, li${single}, .seen > div, p, figcaption, caption, summary`;
  const figures = ".figures, td, th, .bars, .cols, .axis, .steps, .ledger, .mins, .scale";
  const clipped = new Map();
  const isClipped = (e) => {
    if (!e || e === document.body) return false;
    if (!clipped.has(e)) clipped.set(e, getComputedStyle(e).clipPath !== "none" || isClipped(e.parentElement));
    return clipped.get(e);
  };
  for (const e of document.querySelectorAll("main details")) e.open = true;
  const width = document.documentElement.clientWidth, whole = document.documentElement.scrollWidth;
  if (whole > width) found.push(`scrolls sideways: ${whole}`);
  const walker = document.createTreeWalker(document.querySelector("main") || document.body, NodeFilter.SHOW_TEXT);
  const seen = [], range = document.createRange();
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const e = node.parentElement, text = node.data;
    if (!/\\p{Nd}/u.test(text) || !e.checkVisibility({visibilityProperty: true}) || isClipped(e)) continue;
    for (const one of text.matchAll(/\\p{Nd}[\\p{Nd}.,:\u00a0\u202f\u066b\u066c]*/gu)) {
      range.setStart(node, one.index);
      range.setEnd(node, one.index + one[0].length);
      const lines = [...range.getClientRects()].filter((r) => r.width > 0.5), r = range.getBoundingClientRect();
      if (!lines.length) continue;
      const said = `${one[0]} in ${e.closest("[class]")?.getAttribute("class")}: ${text.trim().slice(0, 30)}`;
      if (e.closest(figures) && !e.closest("code, bdi") && Math.abs(lines[0].top - lines.at(-1).top) > 4)
        found.push(`broken: ${said}`);
      const cell = e.closest(cells);
      if (cell) {
        const c = cell.getBoundingClientRect();
        if (r.left < c.left - 1 || r.right > c.right + 1) found.push(`wider than its cell: ${said}`);
      }
      const half = 0.36 * parseFloat(getComputedStyle(e).fontSize); // a digit's height, whatever that of the font
      for (const line of lines) {
        const middle = (line.top + line.bottom) / 2;
        seen.push([{left: line.left, right: line.right, top: middle - half, bottom: middle + half}, said]);
      }
    }
  }
  for (const e of document.querySelectorAll(".map text"))
    if (e.checkVisibility()) seen.push([e.getBoundingClientRect(), e.textContent]);
  seen.sort((a, b) => a[0].top - b[0].top);
  seen.forEach(([r, said], place) => {
    for (const [other, name] of seen.slice(place + 1)) {
      if (other.top > r.bottom - 1) break;
      if (Math.min(r.right, other.right) - Math.max(r.left, other.left) > 1) found.push(`${said} over ${name}`);
    }
  });
  return found;
}"""


@dataclass(frozen=True)
class Served:
    """The world of the contracts, on a port."""

    world: World
    address: str


@pytest.fixture(scope="module")
def served(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    world = build(tmp_path_factory.mktemp("pages"))
    with world.app.app_context(), pytest.MonkeyPatch.context() as patched:
        _many_years(world)
        patched.setattr("lms.web.pages.time._number", _large)
        patched.setattr("lms.viewing_groups.rules.show_code", lambda _code: "WMWM-WMWM")  # the widest there is
        server = make_server("127.0.0.1", 0, world.app, threaded=True)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        with in_front(request, tmp_path_factory.mktemp("nginx"), server.server_port) as address:
            yield Served(world, address)
    server.shutdown()
    thread.join(5)
    server.server_close()


def _large(value: float, locale: str) -> str:
    """Every whole number of a page with eight digits; a share as it is."""
    return format_decimal(value + 12_345_000 if isinstance(value, int) else value, format="#,##0.#", locale=locale)


def _many_years(world: World) -> None:
    """Lectures of twelve years with people in them, and the public figures of them."""
    make = Make(world.app)
    people = [make.person(country="KE", at=LONG_AGO) for _n in range(6)]
    series = make.series("years", at=LONG_AGO)
    for person in people:
        make.enrolment(series, person, at=LONG_AGO)
    for year in range(2015, 2027):
        start = datetime(year, 2, 3, 6, tzinfo=UTC)
        lecture = make.lecture(
            series, f"Lecture of {year}", local_start=datetime(year, 2, 3, 9), time_zone="Africa/Nairobi",  # noqa: DTZ001
            state="held", actual_start=start, actual_end=start + timedelta(minutes=90),
        )  # fmt: skip
        _be_there(lecture.id, [person.id for person in people], clock.to_ms(start))
    refresh_public_figures(by=SYSTEM, at=clock.now())
    world.keep()


@action
def _be_there(lecture_id: int, people: list[int], start_ms: int) -> None:
    db.session.add_all(
        Presence(
            lecture_id=lecture_id, person_id=one, source=Source.LIVE, joined_ms=start_ms,
            left_ms=start_ms + 90 * 60_000, evidence=str(one),
        )
        for one in people
    )  # fmt: skip
    db.session.flush()
    credit_lecture(lecture_id, by=SYSTEM, at=clock.now())


@dataclass
class Look:
    """What was found on the pages of a role."""

    role: str
    cut: list[str] = field(default_factory=list)
    figures_out_of_place: list[str] = field(default_factory=list)
    pages: int = 0


ROLES_LOOKED_AT = ("administrator", "focal point", "trainee", "anonymous")


@pytest.fixture(scope="module")
def known() -> set[str]:
    """Pages that were laid out for a role already: for the next one they are looked at on a phone only."""
    return set()


@pytest.fixture(scope="module", params=ROLES_LOOKED_AT)
def look(request: pytest.FixtureRequest, served: Served, known: set[str], wide_layout: Browser) -> Look:
    """One walk through the pages of a role."""
    result = Look(request.param)
    with _window(served, wide_layout, request.param) as page:
        frame = Frame(page, served)
        for path in _show_each(served, frame, result):
            result.cut += frame.cut(path)
            if path not in known:
                result.figures_out_of_place += frame.figures_out_of_place(path)
            known.add(path)
    return result


def _show_each(served: Served, frame: Frame, result: Look) -> Iterator[str]:
    """Shows each page of a role in a frame; yields its address."""
    for path in pages(served.world, result.role):
        answer = frame.page.request.get(served.address + path + ("&" if "?" in path else "?") + "lang=ar")
        if not answer.url.startswith(served.address + path):
            continue  # led on to a page that is read under its own address
        if not answer.ok:
            result.cut.append(f"{path}: {answer.status} {answer.text()[:200]}")
            continue
        if not answer.headers["content-type"].startswith("text/html"):
            continue  # a file
        result.pages += 1
        frame.show(answer.text())
        yield path


PHONE: ViewportSize = {"width": 320, "height": 640}
SHOW = """(html) => new Promise((resolve) => {
  const frame = document.createElement("iframe");
  frame.style.border = "0";
  frame.style.width = "320px";
  frame.style.height = "640px";
  frame.addEventListener("load", () => resolve());
  frame.srcdoc = html;
  document.body.replaceChildren(frame);
})"""
AT_WIDTHS = f"""(widths) => widths.map((width) => {{
  frameElement.style.width = `${{width}}px`;
  frameElement.style.height = "900px";
  return ({FIGURES})();
}})"""


class Frame:
    """A frame of a page of the site, in which other pages are laid out: a resize costs a tenth of a window's."""

    def __init__(self, page: Page, served: Served) -> None:
        self.page = page
        self.page.goto(served.address + "/healthz")  # its content policy is that of all pages

    def show(self, html: str) -> None:
        """Loads a page, as wide as the narrowest phone."""
        self.page.evaluate(SHOW, html)

    def cut(self, name: str) -> list[str]:
        """What is wrong with the page on a phone and on paper."""
        wrong = self._evaluate(MIRRORED)
        with self._printed():
            wrong += self._evaluate(ON_PAPER, PRESSED)
        return [f"{name}: {fault}" for fault in wrong]

    def figures_out_of_place(self, name: str) -> list[str]:
        """Large figures that do not keep to their cells, on screens and in print.

        In print, wide tables have wide sheets, so those may stick out.
        """
        by_width = zip(WIDTHS, self._evaluate(AT_WIDTHS, WIDTHS), strict=True)
        faults = [f"{name} at {width}: {fault}" for width, wrong in by_width for fault in wrong]
        if self._evaluate("() => document.querySelector('.figures') !== null"):
            with self._printed():
                by_width = zip(PAPER_WIDTHS, self._evaluate(AT_WIDTHS, PAPER_WIDTHS), strict=True)
            faults += [
                f"{name} printed at {width}: {fault}"
                for width, wrong in by_width
                for fault in wrong
                if not fault.startswith("scrolls sideways")
            ]
        return faults

    def height_at(self, width: int) -> int:
        """How high the page is in a window of this width."""
        return int(self._evaluate(HEIGHT_AT, width))

    @contextmanager
    def _printed(self) -> Iterator[None]:
        self.page.emulate_media(media="print")
        yield
        self.page.emulate_media(media="screen")

    def _evaluate(self, script: str, argument: object = None) -> Any:
        return self.page.frames[-1].evaluate(script, argument)


@contextmanager
def _window(served: Served, browser: Browser, role: str) -> Iterator[Page]:
    context = browser.new_context(viewport=PHONE, color_scheme="dark")
    cookie = served.world.clients[role].get_cookie("session")
    cookies = [{"name": "lang", "value": "ar", "url": served.address}]
    if cookie is not None:
        cookies.append({"name": "session", "value": cookie.value, "url": served.address})
    context.add_cookies(cookies)  # type: ignore[arg-type]
    yield context.new_page()
    context.close()


@pytest.mark.long
def test_no_page_cuts_or_loses_anything(look: Look) -> None:
    assert not look.cut, "\n".join(look.cut)
    assert look.pages >= 9


@pytest.mark.long(seconds=290)
@pytest.mark.parametrize("role", ROLES_LOOKED_AT)
def test_no_page_cuts_or_loses_anything_in_narrow_fonts(served: Served, narrow_layout: Browser, role: str) -> None:
    result = Look(role)
    with _window(served, narrow_layout, role) as page:
        frame = Frame(page, served)
        for path in _show_each(served, frame, result):
            result.cut += frame.cut(path)
    assert not result.cut, "\n".join(result.cut)
    assert result.pages >= 9


@pytest.mark.long
def test_large_figures_keep_to_their_cells_at_every_width(look: Look, known: set[str]) -> None:
    assert not look.figures_out_of_place, "\n".join(look.figures_out_of_place)
    if look.role == "administrator":
        assert {"/", "/impact", "/impact/embed", "/countries/KE", "/admin", "/admin/reports", "/teach"} <= known


@pytest.mark.long
def test_text_of_200_percent_keeps_within_a_desk(
    served: Served, wide_layout: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where a browser enlarges text only, so that media queries do not notice."""
    monkeypatch.setattr("lms.web.pages.time._number", AS_IT_IS)
    wide = {}
    for role, paths in {
        "anonymous": ("/", "/series", "/verify", "/impact"),
        "administrator": ("/admin/series", "/admin/reports", "/countries/KE"),
    }.items():
        with _window(served, wide_layout, role) as page:
            page.set_viewport_size({"width": 1280, "height": 900})
            for path in paths:
                page.goto(f"{served.address}{path}?lang=en")
                page.evaluate("document.documentElement.style.fontSize = '200%'")
                wide[path] = page.evaluate("document.documentElement.scrollWidth")
    assert {path: width for path, width in wide.items() if width > 1280} == {}


REPORT_DOCUMENTS = (
    "/reports",
    "/reports/{snapshot}",
    "/admin/reports?rows=country&columns=year&figure=participants",
    "/admin/reports/saved/{saved}",
    "/admin/opening",
    "/admin/opening/{opening}",
    "/admin/opening/rows/{row}",
    "/countries",
    "/countries/KE",
    "/lectures/{held}/report",
)


@pytest.mark.long
def test_axe_finds_nothing_wrong_with_report_documents(served: Served, wide_layout: Browser) -> None:
    world, place = served.world, served.world.places["mine"]
    cookie = world.clients["administrator"].get_cookie("session")
    assert cookie is not None
    wrong = []
    for width, scheme in ((390, "dark"), (1280, "light")):
        context = wide_layout.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
        context.add_cookies([{"name": "session", "value": cookie.value, "url": served.address}])
        page = context.new_page()
        for path in REPORT_DOCUMENTS:
            address = path.format(
                snapshot=place.snapshot, saved=world.saved["mine"]["administrator"], opening=place.opening_set,
                row=place.opening_row, held=place.lectures["held"],
            )  # fmt: skip
            answer = page.goto(served.address + address)
            assert answer is not None
            assert answer.status == 200, address
            wrong += [f"{address} at {width}: {fault}" for fault in violations(page)]
        context.close()
    assert not wrong, "\n".join(wrong)


HIGHEST = 4000
"""A phone of 390 px shows a page in less."""
FRAME_OF_A_LIST, ROW_OF_A_LIST = 1000, 92
"""A list is higher by its rows: what is around them, and each row on average."""
MANY, FULL = 60, 15
LISTS = {
    "administrator": (
        "/admin/people", "/admin/people/duplicates", "/admin/series", "/admin/nominations",
        "/admin/nominations?state=submitted", "/admin/countries", "/countries", "/admin/reports/people",
        "/admin/reports/opened/attendances", "/admin/reports/opened/registrations", "/admin/reports/opened/countries",
        "/admin/reports/opened/sessions", "/lectures/{held}/roster", "/series/{slug}/enrolments",
        "/series/{slug}/certificates?show=rest", "/lectures/{held}/groups", "/series/{slug}/seats",
        "/admin/mail", "/admin/mail/addresses", "/admin/recordings",
    ),
    "focal point": ("/country", "/country/nominations", "/series/{slug}/enrolments", "/series/{slug}/seats"),
    "trainee": ("/me",),
}  # fmt: skip
READ = {
    "administrator": (
        "/account", "/impact", "/countries/KE", "/search?q=trade", "/lectures/{held}/report", "/admin/people/{person}",
        "/series/new", "/series/{slug}/edit", "/series/{slug}/lectures/new", "/lectures/{soon}/edit",
    ),
    "instructor": ("/teach", "/account/security", "/lectures/{soon}/edit"),
    "focal point": ("/countries/KE", "/search?q=trade"),
    "trainee": ("/account",),
    "anonymous": ("/", "/series", "/impact", "/series/{slug}"),
}  # fmt: skip
"""Pages and forms that a phone shows in less too."""


def _crowd(world: World, number_of_rows: int = MANY) -> None:
    """People, nominations, series and duplicates for the lists."""
    make, place, at = Make(world.app), world.places["mine"], clock.now()
    series = db.session.scalars(db.select(Series).where(Series.slug == place.slug)).one()
    codes = db.session.scalars(db.select(Country.code).where(Country.code.is_not(None)).limit(number_of_rows)).all()
    people = []
    for number, code in enumerate(codes):
        named = {"organisation": "Ministry of Trade", "native_name": None if number % 3 else "Мухаммад Оразов"}
        people.append(
            make.person(f"Nokuthula Dlamini {number // 2}", f"crowd{number}@crowd.test", country=code, **named)
        )
        make.enrolment(series, people[-1])
        make.series(f"crowd-{number}", "Trade finance and logistics for small exporters", visibility="public")
    for number in range(12):
        sketch = make.series(f"sketch-{number}", visibility="draft", instructors=[world.people["instructor"]])
        make.lecture(sketch, "Selling live: a village shop with ten thousand guests", state="draft")
    held = db.session.get_one(Lecture, place.lectures["held"])
    assert held.actual_start is not None
    _be_there(held.id, [one.id for one in people[: number_of_rows // 2]], clock.to_ms(held.actual_start))
    declare_partners([(code, LONG_AGO.date(), None) for code in codes[:40]], by=SYSTEM, at=at)
    rows = [
        PersonRow(2, f"nominee{n}@trade.test", f"nominee{n}@trade.test", f"Thandiwe Nkosi {n}")
        for n in range(number_of_rows)
    ]
    for code in ("KE", *codes[:12]):
        nominate(series.id, rows[:6] if code != "KE" else rows, country_id=get_country(code).id, by=SYSTEM, at=at)
    compare_waiting_people(at=at)
    refresh_public_figures(by=SYSTEM, at=at)


def _many_series(make: Make, person: Person, *, at: datetime) -> None:
    """Someone with five certificates, each of four lectures, and with eight lectures to come."""
    earned = {"certificate": CertificateKind.PARTICIPATION, "min_lectures_percent": 1}
    for number in range(5):
        series = make.series(f"earned-{number}", "Trade finance and logistics for small exporters", policy=earned)
        make.enrolment(series, person)
        for week in range(4):
            local = datetime(2026, 1, 8, 9 + 2 * number) + timedelta(days=7 * week)  # noqa: DTZ001
            start = local.replace(tzinfo=ZoneInfo("Africa/Nairobi"))
            lecture = make.lecture(
                series, "Getting paid: wallets, cards and instant payment rails", local_start=local, state="held",
                actual_start=start, actual_end=start + timedelta(minutes=90),
            )  # fmt: skip
            _be_there(lecture.id, [person.id], clock.to_ms(start))
        issue_certificates(series.id, by=SYSTEM, at=at)
    coming = make.series("to-come", "Data protection and the buyer’s trust")
    make.enrolment(coming, person)
    for week in range(8):
        local = (at + timedelta(days=2 + 7 * week)).replace(tzinfo=None, microsecond=0)
        make.lecture(coming, "Selling live: a village shop with ten thousand guests", local_start=local)


FIRST_ROW, ROW, WHOLE_ROWS = {1280: 448, 390: 640}, {1280: 44, 390: 82}, 8
"""By the width of the window: where the first row of a list begins at most, and how high its rows are. On a desk, so
many whole rows are seen when it opens."""
SOME = 10
MEASURED = """() => {
  document.querySelector(".nowbar")?.remove();
  const rows = [...document.querySelectorAll(".worklist tbody tr")].map((row) => row.getBoundingClientRect());
  const heights = rows.map((row) => Math.round(row.height)).sort((a, b) => a - b);
  return {
    first: rows.length ? rows[0].top : 0, number: rows.length, height: heights[heights.length >> 1],
    whole: rows.filter((row) => row.bottom <= innerHeight).length, width: document.documentElement.scrollWidth,
  };
}"""


@pytest.mark.long
def test_each_list_of_staff_begins_with_its_rows(
    served: Served, narrow_layout: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lms.web.pages.time._number", AS_IT_IS)
    world, place = served.world, served.world.places["mine"]
    _crowd(world, SOME)
    values, wrong = {**place.lectures, "slug": place.slug}, []
    empty: set[str] = set()
    for role in ("administrator", "focal point"):
        with _window(served, narrow_layout, role) as page:
            for path in LISTS[role]:
                if path == "/country":
                    continue
                for width, height in ((1280, 800), (390, 844)):
                    page.set_viewport_size({"width": width, "height": height})
                    page.goto(f"{served.address}{path.format(**values)}{'&' if '?' in path else '?'}lang=en")
                    seen = page.evaluate(MEASURED)
                    if not seen["number"]:
                        empty.add(path)
                        continue
                    is_seen = width == 390 or seen["whole"] >= min(WHOLE_ROWS, seen["number"])
                    is_low = seen["height"] <= ROW[width]
                    if not is_seen or not is_low or seen["first"] > FIRST_ROW[width] or seen["width"] > width:
                        wrong.append(f"{role}: {path} at {width}: {seen}")
    assert not wrong, "\n".join(wrong)
    assert empty == WITHOUT_ROWS
    world.restore()


WITHOUT_ROWS = {"/admin/mail/addresses", "/admin/people/duplicates"}


@pytest.mark.long
def test_the_first_page_of_each_list_is_short_on_a_phone(
    served: Served, wide_layout: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lms.web.pages.time._number", AS_IT_IS)
    world, place = served.world, served.world.places["mine"]
    _crowd(world)
    _many_series(Make(world.app), world.people["trainee"], at=clock.now())
    high, rows = [], {}
    values = {**place.lectures, "slug": place.slug, "person": place.person.public_id}
    for role in READ:
        with _window(served, wide_layout, role) as page:
            page.set_viewport_size({"width": 390, "height": 844})
            for path in (*LISTS.get(role, ()), *READ[role]):
                address = path.format(**values)
                answer = page.goto(served.address + address)
                assert answer is not None
                assert answer.status == 200, address
                height = page.evaluate("document.documentElement.scrollHeight")
                highest = HIGHEST
                if path in LISTS.get(role, ()):
                    rows[address] = page.locator("main tbody tr").count()
                    highest = max(HIGHEST, FRAME_OF_A_LIST + ROW_OF_A_LIST * rows[address])
                if height >= highest:
                    high.append(f"{role}: {address}: {height}")
    assert not high, "\n".join(high)
    assert sum(number >= FULL for number in rows.values()) > len(rows) / 2, "lists that are full"
    world.restore()


HEIGHTS = (
    # role, page, most pixels at 1280 wide, most at 390 wide; at 1280 wide before November 2026
    ("administrator", "/admin", 1450, 2450),  # 3,400
    ("administrator", "/admin/status", 2000, 3600),
    ("administrator", "/series/{slug}/lectures/new", 1800, 2800),  # 4,500
    ("administrator", "/series/{slug}/publish", 1400, 2600),
    ("administrator", "/lectures/{soon}/edit", 2000, 3100),  # 4,500
    ("administrator", "/series/{slug}/edit", 2115, 3280),  # 3,900
    ("administrator", "/series/{slug}/messages/new", 1550, 2050),  # 2,000
    ("administrator", "/lectures/{held}/report", 2850, 2800),
    ("administrator", "/countries/KE", 3900, 2800),
    ("administrator", "/search?q=trade", 950, 1150),
    ("instructor", "/teach", 1390, 1900),  # 3,000
    ("instructor", "/account/security", 1850, 2400),
    ("focal point", "/country", 2100, 3350),  # 2,600
    ("trainee", "/account", 2300, 2150),  # 4,200, with mail and security
    ("trainee", "/account/mail", 1100, 1300),
    ("anonymous", "/calendar", 1550, 1750),
    ("anonymous", "/series/{slug}", 1400, 2150),
    ("anonymous", "/api/v1/docs", 2850, 4700),  # 71,000, with all resources
    ("anonymous", "/api/v1/docs/lecture-states", 3750, 6200),
    ("anonymous", "/api/v1/docs/nominations", 3200, 5400),
)  # fmt: skip
"""Pages that were long, with few rows: what is around the rows stays short. Lower a bound with the page."""
HEIGHT_AT = """(width) => {
  frameElement.style.width = `${width}px`;
  return document.documentElement.scrollHeight;
}"""


@pytest.mark.long
def test_long_pages_stay_as_short_as_they_are(
    served: Served, wide_layout: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lms.web.pages.time._number", AS_IT_IS)
    place, high = served.world.places["mine"], []
    for role in dict.fromkeys(row[0] for row in HEIGHTS):
        with _window(served, wide_layout, role) as page:
            frame = Frame(page, served)
            for _role, path, *most in (row for row in HEIGHTS if row[0] == role):
                address = served.address + path.format(**place.lectures, slug=place.slug)
                answer = page.request.get(address, params={"lang": "en"})
                assert answer.ok, path
                frame.show(answer.text())
                heights = [frame.height_at(width) for width in (1280, 390)]
                if any(height > limit for height, limit in zip(heights, most, strict=True)):
                    high.append(f"{role}: {path}: {heights}, at most {most}")
    assert not high, "\n".join(high)


@pytest.mark.long
def test_what_a_phone_opens_is_open_on_a_desk(served: Served, browser: Browser) -> None:
    with _window(served, browser, "trainee") as page:
        page.goto(served.address + "/account")
        summary, field = page.locator("#profile summary"), page.locator("[name=job_title]")
        page.set_viewport_size({"width": 1280, "height": 900})
        assert (summary.is_visible(), field.is_visible()) == (False, True)
        page.set_viewport_size({"width": 390, "height": 844})
        assert (summary.is_visible(), field.is_visible()) == (True, False)
        summary.press("Enter")
        assert field.is_visible()

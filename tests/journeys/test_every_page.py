"""Every page, as roles see it, mirrored on a narrow phone and on paper: nothing is cut, lost or out of reach."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser
from werkzeug.serving import make_server

from tests.contracts.matrix import TABLE
from tests.contracts.world import ROLES, World, build
from tests.journeys.conftest import in_front

pytestmark = pytest.mark.xdist_group("browser")
NO_PAGES = {
    "/healthz",
    "/readyz",
    "/lectures/<int:lecture_id>/room/state",
    "/certificates/status/<int:list_number>",
}

MIRRORED = """() => {
  const found = [], width = document.documentElement.clientWidth;
  const words = (e) => (e.textContent || "").trim();
  const said = (e) => `${e.tagName.toLowerCase()}.${e.getAttribute("class")} ${words(e).slice(0, 30)}`;
  const scrolls = (e) => e && (e.matches(".table-wide, svg, .band") || scrolls(e.parentElement));
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


@dataclass(frozen=True)
class Served:
    """The world of the contracts, on a port."""

    world: World
    address: str


@pytest.fixture(scope="module")
def served(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    world = build(tmp_path_factory.mktemp("pages"))
    server = make_server("127.0.0.1", 0, world.app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    with in_front(request, tmp_path_factory.mktemp("nginx"), server.server_port) as address:
        yield Served(world, address)
    server.shutdown()
    thread.join(5)
    server.server_close()


def pages(world: World, role: str) -> Iterator[str]:
    """The addresses of the pages that this role may read, of the own place."""
    rules = {rule.rule: rule for rule in world.app.url_map.iter_rules() if "GET" in (rule.methods or ())}
    for door, row in TABLE.items():
        method, path = door.split(" ")
        is_page = method == "GET" and "." not in path and path not in NO_PAGES
        if not is_page or (path.startswith("/api/") and path != "/api/v1/docs") or row[0][ROLES.index(role)] != "y":
            continue
        rule = rules[path]
        values = world.arguments(rule.endpoint, set(rule.arguments), role, "mine")
        yield world.app.url_map.bind("localhost").build(rule.endpoint, values)


@pytest.mark.parametrize("role", ["anonymous", "trainee", "focal point", "administrator"])
def test_no_page_cuts_or_loses_anything(served: Served, browser: Browser, role: str) -> None:
    context = browser.new_context(viewport={"width": 320, "height": 640}, color_scheme="dark")
    cookie = served.world.clients[role].get_cookie("session")
    kept = [{"name": "lang", "value": "ar", "url": served.address}]
    if cookie is not None:
        kept.append({"name": "session", "value": cookie.value, "url": served.address})
    context.add_cookies(kept)  # type: ignore[arg-type]
    page, wrong, read = context.new_page(), [], 0
    for path in pages(served.world, role):
        page.goto(served.address + path + ("&" if "?" in path else "?") + "lang=ar")
        if not page.url.startswith(served.address + path):
            continue  # led on to a page that is read under its own address
        wrong += [f"{path}: {one}" for one in page.evaluate(MIRRORED)]
        page.emulate_media(media="print")
        wrong += [f"{path}: {one}" for one in page.evaluate(ON_PAPER, PRESSED)]
        page.emulate_media(media="screen")
        read += 1
    context.close()
    assert not wrong, "\n".join(wrong)
    assert read >= 9


READ_OUTS = (
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


def test_axe_finds_nothing_wrong_with_read_outs(served: Served, browser: Browser) -> None:
    world, here = served.world, served.world.places["mine"]
    cookie = world.clients["administrator"].get_cookie("session")
    assert cookie is not None
    wrong = []
    for width, scheme in ((390, "dark"), (1280, "light")):
        context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
        context.add_cookies([{"name": "session", "value": cookie.value, "url": served.address}])
        page = context.new_page()
        for path in READ_OUTS:
            address = path.format(
                snapshot=here.snapshot, saved=world.saved["mine"]["administrator"], opening=here.opening_set,
                row=here.opening_row, held=here.lectures["held"],
            )  # fmt: skip
            answer = page.goto(served.address + address)
            assert answer is not None
            assert answer.status == 200, address
            found = Axe().run(page, options={"resultTypes": ["violations"]})
            wrong += [f"{address} at {width}: {one['id']}: {one['nodes'][0]['html'][:200]}"
                      for one in found.response["violations"]]  # fmt: skip
        context.close()
    assert not wrong, "\n".join(wrong)

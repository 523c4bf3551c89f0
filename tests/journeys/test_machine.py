"""What the browser of the tests takes from the machine: nothing that a page could show."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser

from tests.accessibility import violations, violations_after_resizing
from tests.browsers import Fonts

pytestmark = [pytest.mark.xdist_group("browser"), pytest.mark.long]

WRITTEN = """<p id="latin" style="font-family: system-ui, 'Noto Sans', sans-serif">Lecture 123,456</p>
<p id="arabic" style="font-family: system-ui, sans-serif">محاضرة</p>
<p id="named" style="font-family: 'DejaVu Serif', Arial, sans-serif">Lecture</p>
<p id="mono" style="font-family: ui-monospace, monospace">Lecture</p>"""


def families(browser: Browser) -> dict[str, set[str]]:
    """The fonts that each passage is set in."""
    page = browser.new_page()
    page.set_content(WRITTEN)
    session = page.context.new_cdp_session(page)
    session.send("DOM.enable")
    session.send("CSS.enable")
    root = session.send("DOM.getDocument")["root"]["nodeId"]
    by_name = {}
    for name in ("latin", "arabic", "named", "mono"):
        node = session.send("DOM.querySelector", {"nodeId": root, "selector": f"#{name}"})["nodeId"]
        fonts = session.send("CSS.getPlatformFontsForNode", {"nodeId": node})["fonts"]
        by_name[name] = {font["familyName"] for font in fonts}
    page.close()
    return by_name


def test_pages_are_set_in_the_fonts_of_the_tests_alone(browser: Browser, narrow_layout: Browser) -> None:
    wide, narrow = {"DejaVu Sans"}, {"Noto Sans"}
    assert families(browser) == {"latin": wide, "arabic": wide, "named": wide, "mono": wide}
    assert families(narrow_layout) == {
        "latin": narrow, "arabic": {"Noto Sans Arabic"}, "named": narrow, "mono": narrow,
    }  # fmt: skip
    assert Fonts.WIDE.families == ("DejaVu Sans",)


def test_a_browser_keeps_its_own_zone_and_language(browser: Browser) -> None:
    page = browser.new_page()
    zone, language, ratio = page.evaluate(
        "[Intl.DateTimeFormat().resolvedOptions().timeZone, navigator.language, devicePixelRatio]"
    )
    assert (zone, language, ratio) == ("UTC", "en-US", 1)
    page.close()


FAINT = """<!doctype html><html lang="en"><title>Faint</title><style>p { background: #fff; color: #999 }
@media (max-width: 400px) { .desk { display: none } } @media (min-width: 400px) { .phone { display: none } }</style>
<main><h1>Faint</h1><p class="phone">Phone</p><p class="desk">Desk</p></main>"""


def test_faint_text_is_noticed_at_the_width_where_it_appears(browser: Browser) -> None:
    page = browser.new_page(viewport={"width": 390, "height": 844})
    page.set_content(FAINT)
    assert violations(page) == ['color-contrast: <p class="phone">Phone</p>']
    page.set_viewport_size({"width": 1280, "height": 900})
    assert violations_after_resizing(page) == ['color-contrast: <p class="desk">Desk</p>']
    page.set_content("<!doctype html><html lang='en'><title>Empty</title><main><h1>A</h1><h3>B</h3></main>")
    assert violations(page) == ["heading-order: <h3>B</h3>"]
    page.close()

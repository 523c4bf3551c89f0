"""Takes pictures of the main pages of a demonstration in English, Arabic and Chinese, side by side, phone and desk.

`make pictures ADDRESS=http://127.0.0.1:8000 FOLDER=var/pictures`. `README=1`: those of the README, in docs/pictures.
Draw those on a new demonstration (`make demo`), in which a lecture has just begun, and look at each.
"""

from __future__ import annotations

import io
import sys
import tempfile
from pathlib import Path

import typst
from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).resolve().parents[1]
LANGUAGES = ("en", "ar", "zh")
SIZES = {"phone": (390, 844), "desk": (1280, 800)}
PASSWORD = "demo-only"  # noqa: S105 - of every account of a demonstration
PAGES = {
    "": ("/", "/series", "first series", "first lecture", "/impact", "/register"),
    "trainee@demo.test": ("/me", "/account"),
    "focal.ke@demo.test": ("/country",),
    "instructor@demo.test": ("/teach",),
}
"""The ten main pages, by who opens them."""
README = {
    "home": ("", "/"),
    "room": ("trainee@demo.test", "/me", 'a[href$="/room"]'),
    "roster": ("admin@demo.test", "{lecture}/roster"),
    "dossier": ("focal.ke@demo.test", "/countries/KE"),
    "certificate": ("trainee@demo.test", "/me", 'a[href^="/certificates/"][href$=".pdf"]'),
    "arabic": ("trainee@demo.test", "/me?lang=ar"),
}
"""Pictures of the README: who opens which page, and perhaps the last link of a kind there. `lecture`: of the room."""
_FONTS = """<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "urn:fontconfig:fonts.dtd">
<fontconfig><dir>{folder}</dir><dir>{folder}-large</dir><cachedir>{cache}</cachedir></fontconfig>
"""


def launch(home: Path) -> Browser:
    """Chromium with the fonts of certificates, which have all three scripts."""
    sys.path.insert(0, str(ROOT))
    from tests.browsers import chromium

    config = home / "fonts.conf"
    config.write_text(_FONTS.format(folder=ROOT / "static" / "build" / "fonts", cache=home / "cache"), encoding="utf-8")
    environment: dict[str, str | float | bool] = {"FONTCONFIG_FILE": str(config), "HOME": str(home)}
    return (
        sync_playwright()
        .start()
        .chromium.launch(
            executable_path=chromium(), args=["--no-sandbox", "--font-render-hinting=none"], env=environment
        )
    )


def path_of(page: Page, address: str, path: str) -> str:
    """The path of a page; of the first series and its first lecture as the site lists them."""
    if not path.startswith("first"):
        return path
    page.goto(f"{address}/series")
    series = page.locator('main a[href^="/series/"]').first.get_attribute("href") or "/series"
    if path == "first series":
        return series
    page.goto(address + series)
    return page.locator('main a[href^="/lectures/"]').first.get_attribute("href") or series


def take(browser: Browser, address: str, email: str, folder: Path) -> None:
    """Takes the pictures of all pages that a person opens."""
    context = browser.new_context()
    page = context.new_page()
    page.set_default_timeout(90_000)
    sign_in(page, address, email)
    for path in PAGES[email]:
        real = path_of(page, address, path)
        for size, (width, height) in SIZES.items():
            page.set_viewport_size({"width": width, "height": height})
            pictures = []
            for language in LANGUAGES:
                page.goto(f"{address}{real}?lang={language}")
                pictures.append(Image.open(io.BytesIO(page.screenshot(full_page=size == "phone"))))
            name = f"{path.strip('/').replace(' ', '-') or 'home'}-{size}.png"
            beside(pictures).save(folder / name)
            print(folder / name)
    context.close()


def sign_in(page: Page, address: str, email: str) -> None:
    """Signs in; nobody where there is no address."""
    if email:
        page.goto(f"{address}/sign-in")
        page.fill("[name=email]", email)
        page.fill("[name=password]", PASSWORD)
        page.click("main button[type=submit]")
        page.wait_for_load_state()


def take_for_readme(browser: Browser, address: str, folder: Path) -> None:
    """Takes the pictures of the README, small enough for a repository."""
    lecture = ""
    for name, (email, path, *links) in README.items():
        context = browser.new_context(viewport={"width": 1280, "height": 800})
        page = context.new_page()
        page.set_default_timeout(90_000)
        sign_in(page, address, email)
        path = path.format(lecture=lecture)
        page.goto(address + path)
        for selector in links:
            path = page.locator(selector).last.get_attribute("href") or path
            lecture = path.removesuffix("/room") if name == "room" else lecture
            if not path.endswith(".pdf"):
                page.goto(address + path)
        if path.endswith(".pdf"):
            picture = first_page(page.request.get(address + path).body())
        else:
            if page.locator("video").count():
                page.get_by_role("button", name="Play").first.click()
                page.wait_for_timeout(3000)
            picture = page.screenshot()
        Image.open(io.BytesIO(picture)).convert("RGB").save(folder / f"{name}.webp", quality=80, method=6)
        print(folder / f"{name}.webp")
        context.close()


def first_page(document: bytes) -> bytes:
    """The first page of a PDF as PNG."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "document.pdf").write_bytes(document)
        source = Path(folder, "picture.typ")
        source.write_text('#set page(width: auto, height: auto, margin: 0pt)\n#image("document.pdf")', encoding="utf-8")
        return bytes(typst.compile(source, format="png", ppi=109))


def beside(pictures: list[Image.Image]) -> Image.Image:
    """Pictures in one row, with a gap; at most 3000 pixels high."""
    gap = 20
    height = min(3000, max(picture.height for picture in pictures))
    row = Image.new("RGB", (sum(picture.width + gap for picture in pictures) - gap, height), "grey")
    left = 0
    for picture in pictures:
        row.paste(picture, (left, 0))
        left += picture.width + gap
    return row


if __name__ == "__main__":
    site, target = sys.argv[1].rstrip("/"), Path(sys.argv[2])
    target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as home:
        running = launch(Path(home))
        if "--readme" in sys.argv:
            take_for_readme(running, site, target)
        else:
            for person in PAGES:
                take(running, site, person, target)
        running.close()

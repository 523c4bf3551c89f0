"""Takes pictures of the main pages of a demonstration in English, Arabic and Chinese, side by side, phone and desk.

`make pictures ADDRESS=http://127.0.0.1:8000 FOLDER=var/pictures`
"""

from __future__ import annotations

import io
import sys
import tempfile
from pathlib import Path

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
    if email:
        page.goto(f"{address}/sign-in")
        page.fill("[name=email]", email)
        page.fill("[name=password]", PASSWORD)
        page.click("main button[type=submit]")
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
        for person in PAGES:
            take(running, site, person, target)
        running.close()

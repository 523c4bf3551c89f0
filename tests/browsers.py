"""Chromium as the tests start it: with fonts, time zone, language and home of their own, whatever the machine has.

Two sets of fonts that lay out differently: DejaVu Sans is among the widest in use and low; Noto Sans is narrower and
its lines are higher. A page must keep its promises in both.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from enum import Enum
from pathlib import Path

from playwright.sync_api import Browser, BrowserType

from tests.machine import lacks

ROOT = Path(__file__).resolve().parents[1]
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-dev-shm-usage",
    "--no-proxy-server",
    "--font-render-hinting=none",
    "--force-device-scale-factor=1",
    "--hide-scrollbars",
    # All pages are of one site: a process for each of them costs a tenth of the processor's time
    "--renderer-process-limit=1",
    "--disable-site-isolation-trials",
)
LAYOUT_ONLY = "--disable-threaded-compositing"
"""Pages are laid out and never painted, for less than half of the processor time. Nothing waits for a frame, so nothing
can be clicked and there are no pictures."""
_FONTCONFIG = """<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "urn:fontconfig:fonts.dtd">
<fontconfig>
  <dir>{folder}</dir>
  <cachedir>{cache}</cachedir>
  <selectfont><rejectfont><pattern/></rejectfont>{accepted}</selectfont>
  <match target="pattern">
    <edit name="family" mode="append_last" binding="strong">{families}</edit>
  </match>
</fontconfig>
"""


class Fonts(Enum):
    """A set of fonts: its folder, then its families, the first for Latin letters."""

    WIDE = (ROOT / "tests" / "fonts", ("DejaVu Sans",))
    NARROW = (ROOT / "static" / "build" / "fonts", ("Noto Sans", "Noto Sans Arabic"))

    @property
    def folder(self) -> Path:
        """Where the fonts are; `make test` fetches them."""
        return self.value[0]

    @property
    def families(self) -> tuple[str, ...]:
        """The only families that a page can be set in."""
        return self.value[1]

    def write_config(self, folder: Path) -> Path:
        """Writes a fontconfig file that knows these fonts and no other."""
        accepted = "".join(
            f'<acceptfont><pattern><patelt name="family"><string>{name}</string></patelt></pattern></acceptfont>'
            for name in self.families
        )
        families = "".join(f"<string>{name}</string>" for name in self.families)
        path = folder / "fonts.conf"
        path.write_text(
            _FONTCONFIG.format(folder=self.folder, cache=folder / "cache", accepted=accepted, families=families),
            encoding="utf-8",
        )
        return path


def chromium() -> str:
    """The system's Chromium, looked for as tools/needs.sh does."""
    paths = (shutil.which(name) for name in (os.environ.get("CHROMIUM", ""), *NAMES) if name)
    return next(filter(None, paths), None) or lacks("Chromium", "chromium")


def launch(kind: BrowserType, fonts: Fonts, home: Path, *flags: str) -> Browser:
    """Starts Chromium with these fonts and with nothing of the machine's environment but the search path."""
    program = chromium()
    fetch_fonts()
    environment: dict[str, str | float | bool] = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "XDG_CONFIG_HOME": str(home / "config"),
        "XDG_CACHE_HOME": str(home / "cache"),
        "FONTCONFIG_FILE": str(fonts.write_config(home)),
        "LANG": "C.UTF-8",
        "TZ": "UTC",
    }
    return kind.launch(executable_path=program, args=[*_FLAGS, *flags], env=environment)


def fetch_fonts() -> None:
    """Fetches the fonts of the tests unless they are there, for a test that is not run by `make test`."""
    subprocess.run([sys.executable, "-m", "static.fonts", "--tests"], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)

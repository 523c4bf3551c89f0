"""Browsers of the system, driven by the commands of WebDriver: Firefox by its Marionette, WebKitGTK by its driver.

Playwright drives neither as it is: it needs a changed WebKit, and a Firefox that is newer than the long-term one.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import socket
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

from tests.machine import lacks
from tests.ports import free_port

ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
FIREFOX = ("firefox-esr", "firefox")
FIREFOX_SETTINGS = {
    "marionette.port": 0,
    "media.navigator.permission.disabled": True,
    "media.navigator.streams.fake": True,
    "datareporting.policy.dataSubmissionEnabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "app.update.disabledForTesting": True,
}
WEBKIT_COMMANDS = {
    "Navigate": "url",
    "Refresh": "refresh",
    "ExecuteScript": "execute/sync",
    "FindElement": "element",
    "ElementClick": "element/{id}/click",
    "ElementSendKeys": "element/{id}/value",
    "SetWindowRect": "window/rect",
    "Print": "print",
    "TakeScreenshot": "screenshot",
}


class Session(ABC):
    """A window of a browser."""

    @abstractmethod
    def send(self, command: str, **parameters: Any) -> Any:
        """Sends a command of WebDriver by the name that Marionette gives it, and returns its value."""

    def go(self, address: str) -> None:
        """Opens a page."""
        self.send("Navigate", url=address)

    def run(self, script: str, *given: Any) -> Any:
        """What the body of a function returns in the page."""
        return self.send("ExecuteScript", script=script, args=list(given))

    def wait(self, condition: str, seconds: float = 60) -> None:
        """Waits until an expression is true in the page."""
        script = f"try {{ return Boolean({condition}); }} catch {{ return false; }}"
        until(lambda: self.run(script), seconds, lambda: f"{condition}\n{self.run('return document.body.innerText')}")

    def reads(self, text: str, seconds: float = 60) -> None:
        """Waits until the page says so."""
        self.wait(f"document.body.innerText.includes({json.dumps(text)})", seconds)

    def press(self, selector: str) -> None:
        """Presses what a selector of CSS finds, as a person does."""
        self.send("ElementClick", id=self._find(selector))

    def write(self, selector: str, text: str) -> None:
        """Types a text into a field."""
        self.send("ElementSendKeys", id=self._find(selector), text=text)

    def _find(self, selector: str) -> str:
        found: str = self.send("FindElement", using="css selector", value=selector)[ELEMENT]
        return found

    def picture(self) -> bytes:
        """The page as PNG."""
        return base64.b64decode(self.send("TakeScreenshot"))

    def paper(self) -> bytes:
        """The page as it is printed, as PDF."""
        return base64.b64decode(self.send("Print"))


class _Firefox(Session):
    def __init__(self, port: int) -> None:
        self.line = socket.create_connection(("127.0.0.1", port), timeout=60)
        self.file = self.line.makefile("rb")
        self.number = 0
        self._answer()  # who it is

    def _answer(self) -> Any:
        size = b""
        while (digit := self.file.read(1)) != b":":
            size += digit
        return json.loads(self.file.read(int(size)))

    def send(self, command: str, **parameters: Any) -> Any:
        self.number += 1
        name = command if ":" in command else f"WebDriver:{command}"
        text = json.dumps([0, self.number, name, parameters]).encode()
        self.line.sendall(f"{len(text)}:".encode() + text)
        _kind, _number, error, result = self._answer()
        assert error is None, (command, parameters, error)
        return result["value"] if isinstance(result, dict) and set(result) == {"value"} else result


class _WebKit(Session):
    def __init__(self, address: str) -> None:
        self.address = address
        wanted = {"webkitgtk:browserOptions": {"binary": str(_mini_browser()), "args": ["--automation"]}}
        made = self._ask("session", {"capabilities": {"alwaysMatch": wanted}})
        self.session = f"session/{made['sessionId']}"

    def _ask(self, path: str, body: Any | None, method: str | None = None) -> Any:
        content = None if body is None else json.dumps(body).encode()
        request = Request(f"{self.address}/{path}", content, {"Content-Type": "application/json"}, method=method)
        with urlopen(request, timeout=60) as answer:
            return json.load(answer)["value"]

    def send(self, command: str, **parameters: Any) -> Any:
        path = WEBKIT_COMMANDS[command].format(**parameters)
        body = None if command == "TakeScreenshot" else parameters
        return self._ask(f"{self.session}/{path}", body)

    def close(self) -> None:
        self._ask(self.session, None, "DELETE")


def _mini_browser() -> Path:
    found = sorted(Path("/usr").glob("lib*/**/webkit*gtk-*/MiniBrowser"))
    return found[-1] if found else lacks("WebKitGTK", "webkit")


def until(done: Callable[[], Any], seconds: float, what: Callable[[], str]) -> Any:
    """Waits until something is there, and returns it."""
    end = time.monotonic() + seconds
    while not (found := done()):
        assert time.monotonic() < end, what()
        time.sleep(0.1)
    return found


@contextmanager
def firefox(folder: Path) -> Iterator[Session]:
    """The system's Firefox without a screen, with a camera and a microphone that it makes up."""
    names = filter(None, (os.environ.get("FIREFOX", ""), *FIREFOX))
    program = next(filter(None, map(shutil.which, names)), None) or lacks("Firefox", "firefox")
    profile = folder / "profile"
    profile.mkdir(parents=True)
    settings = "".join(f"user_pref({json.dumps(k)}, {json.dumps(v)});\n" for k, v in FIREFOX_SETTINGS.items())
    (profile / "user.js").write_text(settings)
    command = [program, "--headless", "--marionette", "--no-remote", "--profile", str(profile)]
    port = profile / "MarionetteActivePort"
    with _running(command, folder):
        running = _Firefox(int(until(lambda: port.exists() and port.read_text(), 60, lambda: "Firefox does not start")))
        running.send("NewSession", capabilities={"alwaysMatch": {"unhandledPromptBehavior": "accept"}})
        yield running
        running.line.close()


@contextmanager
def webkit(folder: Path) -> Iterator[Session]:
    """WebKitGTK's own small browser, on a screen of its own."""
    if not any(Path("/usr").glob("lib*/**/gstreamer-1.0/libgstlibav.so")):
        lacks("WebKitGTK's codecs", "webkit")
    program = shutil.which("WebKitWebDriver") or lacks("WebKitGTK", "webkit")
    screen = shutil.which("Xvfb") or lacks("Xvfb", "webkit")
    port = free_port()
    with _running([screen, "-displayfd", "1"], folder) as shown:
        assert shown.stdout is not None
        display = shown.stdout.readline().decode().strip()
        with _running([program, f"--port={port}"], folder, DISPLAY=f":{display}"):
            until(lambda: _answers(port), 20, lambda: "WebKitWebDriver does not start")
            running = _WebKit(f"http://127.0.0.1:{port}")
            yield running
            running.close()


def _answers(port: int) -> bool:
    with socket.socket() as tried:
        return tried.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def _running(command: list[str], folder: Path, **more: str) -> Iterator[subprocess.Popen[bytes]]:
    seen = {"PATH": os.environ["PATH"], "HOME": str(folder), "LANG": "C.UTF-8", "TZ": "UTC"}
    process = subprocess.Popen(command, env=seen | more, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(20)

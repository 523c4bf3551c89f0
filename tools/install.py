"""Installs what a lock file names into the environment that runs this, checked against its hashes.

    python tools/install.py -r requirements.txt

uv does it, in a fifth of the time that pip takes. pip installs uv (requirements-installer.txt), and does it all where
uv cannot be installed or fails. uv does not read the settings of pip: those that say where packages come from are
passed on.
"""

import ast
import os
import subprocess
import sys
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

QUIET = ("--disable-pip-version-check", "--no-input")
INSTALL = ("install", "--quiet", "--require-hashes")
UV = Path(sys.executable).with_name("uv")
ROOT = Path(__file__).resolve().parent.parent


def pip() -> list[str]:
    """The command of pip for this environment: its own, or else that of the Python which it was made from."""
    if find_spec("pip"):
        return [sys.executable, "-m", "pip", *QUIET]
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    return [str(Path(sys.base_prefix) / "bin" / version), "-m", "pip", "--python", sys.executable, *QUIET]


PIP = pip()
PASSED_ON = {
    "index-url": "UV_DEFAULT_INDEX",
    "extra-index-url": "UV_EXTRA_INDEX_URL",
    "find-links": "UV_FIND_LINKS",
    "no-index": "UV_NO_INDEX",
    "trusted-host": "UV_INSECURE_HOST",
    "cert": "SSL_CERT_FILE",
    "client-cert": "SSL_CLIENT_CERT",
    "proxy": "ALL_PROXY",
    "timeout": "UV_HTTP_TIMEOUT",
    "default-timeout": "UV_HTTP_TIMEOUT",
}
"""Settings of pip, and the variables by which uv takes them."""
SECTIONS = ("global", "install", ":env:")
"""Where pip's settings for an installation stand; later ones win."""
BY_COMMAS = ("find-links",)


def variables(listed: str, environment: Mapping[str, str]) -> dict[str, str]:
    """What uv has to be told, from the output of `pip config list`. What is set for uv itself stays."""
    settings: dict[str, str] = {}
    lines = [line.partition("=") for line in listed.splitlines() if "=" in line]
    for section in SECTIONS:
        for key, _equals, value in lines:
            of, _dot, name = key.rpartition(".")
            if of == section and name in PASSED_ON:
                settings[name] = str(ast.literal_eval(value))
    told = {"UV_INDEX_STRATEGY": "unsafe-best-match"}  # all indexes, as pip does: the hashes say which file it is
    for name, value in settings.items():
        words = value.split()
        if words:
            told[PASSED_ON[name]] = (",".join if name in BY_COMMAS else " ".join)(words)
    return {name: value for name, value in told.items() if name not in environment}


def install_by_uv(requirements: list[str]) -> bool:
    """Returns whether everything is installed."""
    if not UV.exists():
        lock = str(ROOT / "requirements-installer.txt")
        if run([*PIP, *INSTALL, "--only-binary", ":all:", "-r", lock]).returncode:
            return False
    listed = run([*PIP, "config", "list"], capture_output=True, text=True).stdout
    command = [str(UV), "pip", *INSTALL, "--python", sys.executable, *requirements]
    return not run(command, env=os.environ | variables(listed, os.environ)).returncode


def run(command: list[str], **options: Any) -> subprocess.CompletedProcess[Any]:
    """Runs a command, which may fail."""
    return subprocess.run(command, check=False, **options)  # noqa: S603


def main() -> None:
    """Installs, and exits with what pip answered where it had to."""
    requirements = sys.argv[1:]
    if not install_by_uv(requirements):
        print("uv could not install them: pip does, which takes longer", flush=True)
        sys.exit(run([*PIP, *INSTALL, "--no-compile", *requirements]).returncode)


if __name__ == "__main__":
    main()

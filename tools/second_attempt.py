"""Runs the tests that failed once more, by themselves: `python tools/second_attempt.py`, for CI.

`pytest --failed-to=.stamps/failed.txt` has written them down. At most five may fail, and each must pass now. Those that
do are printed, and kept in `.stamps/second-attempts.txt`, which each later run prints: they are defects to mend.
"""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

MOST = 5
FAILED, KEPT = Path(".stamps/failed.txt"), Path(".stamps/second-attempts.txt")
SHOWN = 20


def show_kept() -> None:
    """Prints the last tests that passed at the second attempt."""
    if KEPT.exists():
        print("Passed at the second attempt, in this run or before. Find out why they failed:")
        print("\n".join(KEPT.read_text(encoding="utf-8").splitlines()[-SHOWN:]))


def attempt() -> int:
    """The exit code: 0 if all pass."""
    failed = FAILED.read_text(encoding="utf-8").splitlines() if FAILED.exists() else []
    if not 0 < len(failed) <= MOST:
        print(f"{len(failed)} tests failed; up to {MOST} are run a second time")
        return 1
    print(f"Tests: the {len(failed)} that failed, once more by themselves")
    code = subprocess.run([sys.executable, "-m", "pytest", "-rs", "-n0", *failed], check=False).returncode  # noqa: S603
    if code == 0:
        now = datetime.now(UTC)
        with KEPT.open("a", encoding="utf-8") as kept:
            kept.writelines(f"{now:%Y-%m-%d %H:%M} {test}\n" for test in failed)
    return code


if __name__ == "__main__":
    code = attempt() if sys.argv[1:] != ["--show"] else 0
    show_kept()
    sys.exit(code)

"""Other people's validators, which the tests run: see tools/validators."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

TOOLS = Path(__file__).resolve().parents[1] / "tools" / "validators"
MODULES = TOOLS / "node_modules"


def install() -> None:
    """Installs them where they are not yet."""
    subprocess.run([sys.executable, str(TOOLS / "install.py")], check=True)

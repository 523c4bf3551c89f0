"""The profile of a page, as CONTRIBUTING.md shows it, taken of a demonstration."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from apiflask import APIFlask
from click.testing import CliRunner

from bench.__main__ import main
from lms.demo.population import FEWEST
from tests.demo.sizes import DEMONSTRATION

pytestmark = [DEMONSTRATION, pytest.mark.long]


def test_the_profile_names_statements_modules_and_functions(built: APIFlask, tmp_path: Path) -> None:
    shutil.copytree(built.extensions["lms.config"].folder, tmp_path / f"site-{FEWEST}")
    arguments = ["profile", "/lectures/{held}", "--as", "trainee", "--times", "2"]
    done = CliRunner().invoke(main, ["--tiny", "--data", str(tmp_path), *arguments])
    assert done.exit_code == 0, done.output
    assert "statements" in done.output
    assert "library sqlalchemy" in done.output
    assert "lms/dashboards/views/programme.py" in done.output

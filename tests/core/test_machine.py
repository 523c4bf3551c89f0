"""The tests themselves: what they see of the machine that they run on."""

from __future__ import annotations

import os
import time
from pathlib import Path

from tests.machine import PINNED, pin_environment


def test_settings_proxies_and_languages_of_the_machine_are_left_out() -> None:
    environment = {
        "PATH": "/usr/bin", "HOME": "/home/a", "LMS_TEST_POSTGRESQL": "postgresql://a", "PYTHONPATH": ".",
        "LMS_DATA": "/data", "LMS_BASE_URL": "https://a.example", "FLASK_DEBUG": "1", "PGHOST": "10.0.0.1",
        "http_proxy": "http://10.0.0.1", "HTTPS_PROXY": "http://10.0.0.1", "no_proxy": "a", "LANG": "ar_EG.UTF-8",
        "LANGUAGE": "ar", "LC_TIME": "fr_FR.UTF-8", "TZ": "America/St_Johns", "PYTHONOPTIMIZE": "2", "COLUMNS": "40",
        "NO_COLOR": "1",
    }  # fmt: skip
    pin_environment(environment)
    assert environment == PINNED | {
        "PATH": "/usr/bin", "HOME": "/home/a", "LMS_TEST_POSTGRESQL": "postgresql://a", "PYTHONPATH": ".",
    }  # fmt: skip


def test_the_zone_and_the_mask_of_new_files_are_pinned(tmp_path: Path) -> None:
    assert time.strftime("%z", time.localtime(0)) == "+0530"
    assert time.strftime("%z") == "+0545"
    assert os.environ["LC_ALL"] == "C.UTF-8"
    (tmp_path / "new").touch()
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o600

"""The data folder of a demonstration: never over real data, replaced whole or not at all."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from flask import Flask

from lms.config import Config
from lms.core.base.errors import Refused
from lms.demo.build import ensure
from lms.demo.folder import FolderMark, find_mark, replaced, set_mark
from lms.demo.population import FEWEST

NOW = datetime(2026, 11, 25, 6, 12, tzinfo=UTC)


def _config(folder: Path) -> Config:
    return Config.load({}, data=str(folder))


def test_a_new_folder_has_no_mark(tmp_path: Path) -> None:
    assert find_mark(_config(tmp_path / "new")) is None
    assert find_mark(_config(tmp_path)) is None


def test_the_mark_says_when_and_for_how_many(tmp_path: Path) -> None:
    config = _config(tmp_path)

    set_mark(config, FolderMark(NOW, 2000))

    assert config.is_demonstration
    assert find_mark(config) == FolderMark(NOW, 2000)


def test_a_demonstration_is_stale_after_a_day() -> None:
    mark = FolderMark(NOW, 2000)

    assert not mark.is_stale(NOW + timedelta(days=1))
    assert mark.is_stale(NOW + timedelta(days=1, seconds=1))


def test_real_data_is_refused(tmp_path: Path) -> None:
    (tmp_path / "serai.db").write_bytes(b"real")

    with pytest.raises(Refused, match="something other than a demonstration"):
        find_mark(_config(tmp_path))


def test_a_broken_mark_is_refused(tmp_path: Path) -> None:
    config = _config(tmp_path)
    config.demonstration_mark.write_text("{", encoding="utf-8")

    with pytest.raises(Refused, match="cannot be read"):
        find_mark(config)


def test_replaced_puts_the_new_in_place_of_the_old(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    folder.mkdir()
    (folder / "old").touch()

    with replaced(folder) as building:
        (building / "new").touch()
        assert (folder / "old").exists()

    assert [path.name for path in folder.iterdir()] == ["new"]
    assert list(tmp_path.iterdir()) == [folder]


def test_interrupted_building_leaves_the_old_as_it_was(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    folder.mkdir()
    (folder / "old").touch()

    def build_half() -> None:
        with replaced(folder) as building:
            (building / "half").touch()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build_half()

    assert [path.name for path in folder.iterdir()] == ["old"]
    assert list(tmp_path.iterdir()) == [folder]


def test_what_a_killed_building_left_is_cleared(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    former = tmp_path / ".demo.former"
    former.mkdir()
    (former / "old").touch()
    (tmp_path / ".demo.building").mkdir()

    with pytest.raises(ValueError, match="again"), replaced(folder):
        raise ValueError("again")

    assert [path.name for path in folder.iterdir()] == ["old"]
    assert list(tmp_path.iterdir()) == [folder]


def test_certificates_of_a_demonstration_lead_to_the_address_at_which_it_is_served(tmp_path: Path) -> None:
    addresses: list[str] = []

    def make_app(config: Config) -> Flask:
        addresses.append(config.base_url)
        raise _EnoughError

    config = Config.load({}, data=str(tmp_path / "new"), database_url="", base_url="http://127.0.0.1:8105")
    with pytest.raises(_EnoughError):
        ensure(make_app, config, people=FEWEST, keep=False, now=NOW, say=lambda _line: None)
    assert addresses == ["http://127.0.0.1:8105"]


class _EnoughError(Exception):
    """The address is known; nothing needs to be built."""

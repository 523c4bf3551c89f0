"""`lms check` knows the files of every slice: it calls none of them unused, and notices when one is gone."""

from __future__ import annotations

from pathlib import Path

import pytest

from lms.core.storage import files
from lms.core.time import clock
from lms.operations.checks.model import CheckContext, Finding, Level
from lms.operations.checks.stored_files import check_files
from tests.contracts.world import World, build

pytestmark = pytest.mark.long
CREATED_ON_REQUEST = {"certificates"}
WAITING = {"attendance"}
"""Uploads that wait to be imported. A backup may be taken while one of them goes."""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return build(tmp_path_factory.mktemp("stored"))


def findings(world: World) -> list[Finding]:
    with world.app.app_context():
        return list(check_files(CheckContext(world.app.extensions["lms.config"], clock.now())))


def stored(world: World) -> list[Path]:
    """All files in lasting folders, as keys."""
    with world.app.app_context():
        root = files.folder()
    paths = [path.relative_to(root) for path in root.rglob("*") if path.is_file()]
    return sorted(path for path in paths if path.parts[0] not in files.TEMPORARY)


def test_files_of_all_slices_are_known_and_missed(world: World) -> None:
    world.call("trainee", "GET", f"/api/v1/certificates/{world.places['mine'].number}.pdf", None)
    keys = stored(world)
    assert {key.parts[0] for key in keys} == set(files.LASTING), "store a file of the new kind in world.py"
    assert [finding.level for finding in findings(world)] == [Level.OK]
    with world.app.app_context():
        root = files.folder()
    for kind in files.LASTING:
        path = root / next(key for key in keys if key.parts[0] == kind)
        content = path.read_bytes()
        path.unlink()
        expected = Level.OK if kind in CREATED_ON_REQUEST | WAITING else Level.FAULT
        assert [(kind, finding.level) for finding in findings(world)] == [(kind, expected)]
        path.write_bytes(content)


def test_a_file_that_no_row_refers_to_is_reported(world: World) -> None:
    with world.app.app_context():
        files.store("materials/0-unused", b"x")
        (finding,) = findings(world)
        files.delete("materials/0-unused")
    assert finding.level is Level.WARNING
    assert "materials/0-unused" in finding.text


def test_a_folder_that_is_not_declared_is_refused(world: World) -> None:
    with world.app.app_context(), pytest.raises(ValueError, match="declares"):
        files.store("elsewhere/a.pdf", b"x")

"""The journal of erasures in object storage, where several machines write to it."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from apiflask import APIFlask

from lms.config import Config
from lms.core.database.session import action
from lms.core.storage import journal
from lms.operations.checks.model import CheckContext, Level
from lms.operations.checks.service import check_journal
from tests.engines.s3 import Storage, storage
from tests.operations.conftest import NOW

__all__ = ["storage"]

pytestmark = [pytest.mark.xdist_group("storage"), pytest.mark.long]


def config_of(storage: Storage, folder: Path, address: str) -> Config:
    return Config.load({}, **{**storage.settings(), "journal": address, "data": str(folder)})


def test_machines_share_a_journal(
    storage: Storage, app: APIFlask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = storage.address()
    machines = [config_of(storage, tmp_path / name, address) for name in ("a", "b")]

    @action
    def revoke(number: str, *, fails: bool = False) -> None:
        journal.record("revoke_certificate", at=NOW + timedelta(seconds=len(number)), number=number)
        if fails:
            raise LookupError

    with app.app_context():
        for number, config in enumerate(machines, 1):
            monkeypatch.setitem(app.extensions, "lms.config", config)
            revoke("X" * number)
            with pytest.raises(LookupError):
                revoke("never", fails=True)
    for config in machines:
        read = journal.read(journal.place_of(config))
        assert ([entry.ids["number"] for entry in read.entries], read.unreadable) == (["X", "XX"], 0)
        (finding,) = check_journal(CheckContext(config, NOW))
        assert (finding.level, finding.text) == (Level.OK, "2 entries")


def test_a_journal_that_is_away_is_a_fault(tmp_path: Path) -> None:
    config = Config.load({}, journal="s3://journal?endpoint=http://127.0.0.1:1&region=x", data=str(tmp_path))
    (finding,) = check_journal(CheckContext(config, NOW))
    assert finding.level is Level.FAULT

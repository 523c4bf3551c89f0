"""When the last backup was taken, and where it is: noted in the data folder, and for other machines among the files."""

import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from lms.config import Config
from lms.core.storage import files

LAST_BACKUP = "last-backup.json"
"""The file in the data folder."""
STORED_RECORD = f"identity/{LAST_BACKUP}"
"""The same among the stored files."""


@dataclass(frozen=True)
class LastBackup:
    """A backup. `folder` is where it is on the machine that took it."""

    taken_at: datetime
    folder: str


def note_backup(config: Config, taken_at: str, folder: Path) -> None:
    """Notes a backup that is complete."""
    record = json.dumps({"taken_at": taken_at, "folder": str(folder)})
    (config.folder / LAST_BACKUP).write_text(record, encoding="utf-8")
    files.store(STORED_RECORD, record.encode())


def find_last_backup(config: Config) -> LastBackup | None:
    """The last backup, of this machine or another; None where there is none that can be read."""
    try:
        stored = files.find(STORED_RECORD)
        text = stored.decode() if stored is not None else (config.folder / LAST_BACKUP).read_text(encoding="utf-8")
        record = json.loads(text)
        return LastBackup(datetime.fromisoformat(record["taken_at"]), str(record["folder"]))
    except (OSError, ValueError, KeyError):
        return None

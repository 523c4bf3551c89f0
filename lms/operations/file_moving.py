"""Copies stored files from one store to another, such as from the folder to object storage, while the site runs.

The first run marks the target and copies everything. Once the site uses the target, a second run brings what was stored
in the source until then. Files that were deleted since the first run are not brought back. A target that has files and
no such mark is left alone: they are somebody else's.
"""

import hashlib
import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from lms.core.base.errors import Refused
from lms.core.storage.file_store import FileStore, StoredFile
from lms.core.storage.files import LASTING, TEMPORARY
from lms.core.text.i18n import english as _
from lms.operations.databases import Tell
from lms.operations.machines import STORAGE_MARK

MARK = "identity/copied.json"
"""The file in the target that says from where, and when, everything is copied, and whether that is complete."""
_OURS = tuple(f"{folder}/" for folder in (*TEMPORARY, *LASTING))
UNFINISHED_UPLOADS = ("staged/uploads/", "staged/recordings/", "identity/")
"""Folders that are not copied: each store receives pieces in its own way, and has an identity. Browsers begin these
uploads again."""
CLOCKS_DIFFER = timedelta(minutes=1)
_PASSES = 5
_PIECE = 1024 * 1024
_STEP = 50  # files between two reports of progress


@dataclass
class FilesMoved:
    """The result of a run: how many files were copied, were there already, or were deleted like in the source.

    `newer` files have changed in the target since. `differing` files are not the same in both stores.
    """

    copied: int = 0
    present: int = 0
    deleted: int = 0
    newer: int = 0
    byte_count: int = 0
    differing: list[str] = field(default_factory=list)


def copy_files(
    source: FileStore, target: FileStore, *, name: str, is_target_used: bool, tell: Tell, at: datetime
) -> FilesMoved:
    """Copies what the target does not have, and compares the checksums of all files. Run again, it continues.

    `name` is the address of the source. With `is_target_used`, the site stores its files in the target already.
    Else raises Refused for a target with files that no earlier run has marked, or that another site uses.
    """
    moving = _Move(source, target, name, tell, at)
    return moving.run_again() if is_target_used else moving.run()


class _Move:
    def __init__(self, source: FileStore, target: FileStore, name: str, tell: Tell, at: datetime) -> None:
        self._source, self._target, self._name, self._tell, self._at = source, target, name, tell, at
        self._moved = FilesMoved()

    def run(self) -> FilesMoved:
        """Copies until a pass finds nothing new, and deletes from the target what the source no longer has."""
        self._take_target()
        for number in range(_PASSES):
            if not self._copy(_files_of(self._source)) and number:
                break
        stored, there = _files_of(self._source), _files_of(self._target)
        for key in there.keys() - stored.keys():
            if self._source.size_of(key) is None:
                self._delete(key)
        self._compare(list(stored))
        if changed := self._moved.differing:  # written again within the second in which they were copied
            self._moved.differing = []
            for key in changed:
                self._copy_one(key)
            self._compare(changed)
        if not self._moved.differing:
            self._write_mark(is_complete=True)
        return self._moved

    def _take_target(self) -> None:
        """Marks the target before anything is written to it. Raises Refused unless it is empty or marked as ours."""
        if self._target.size_of(STORAGE_MARK) is not None:
            raise Refused(_("A site stores its files there already. Set LMS_FILES first, or choose an empty target."))
        if self._find_mark() is not None:
            return
        if any(True for _file in self._target.listed("")):
            raise Refused(
                _("The target is not empty, and its files are no copy of %(source)s. Choose an empty one.",
                  source=self._name)
            )  # fmt: skip
        self._write_mark(is_complete=False)

    def _find_mark(self) -> dict[str, Any] | None:
        """The mark of an earlier run from the same source; None without one."""
        content = self._target.find(MARK)
        mark: dict[str, Any] = json.loads(content) if content is not None else {}
        is_same = mark.get("source") == self._name and mark.get("storage") in (None, self._source_identity())
        return mark if is_same else None

    def _write_mark(self, *, is_complete: bool) -> None:
        mark = {
            "source": self._name,
            "storage": self._source_identity(),
            "began_at": self._at.isoformat(),
            "is_complete": is_complete,
        }
        self._target.put(MARK, json.dumps(mark).encode())

    def _source_identity(self) -> str | None:
        """Returns what tells the folder of one installation from that of another; None where no worker ever ran."""
        content = self._source.find(STORAGE_MARK)
        return content.decode() if content is not None else None

    def run_again(self) -> FilesMoved:
        """Copies what was stored in the source since the first run; deletes what was deleted there.

        Where no run was complete, nobody knows which files of the target are copies: what it lacks is copied.
        """
        mark = self._find_mark()
        if mark is None or not mark.get("is_complete", True):
            there = _files_of(self._target)
            missing = {key: file for key, file in _files_of(self._source).items() if key not in there}
            self._compare(self._copy(missing))
            return self._moved
        began_at = datetime.fromisoformat(mark["began_at"]) - CLOCKS_DIFFER
        marked_at = next(file.written_at for file in self._target.listed("identity") if file.key == MARK)
        stored, there = _files_of(self._source), _files_of(self._target)
        new = {key: file for key, file in stored.items() if file.written_at >= began_at}
        copied = self._copy({key: file for key, file in new.items() if not _is_of_site(there.get(key), marked_at)})
        self._moved.newer = sum(file.written_at > marked_at for key, file in there.items() if key in stored)
        for key, file in there.items():
            if file.written_at <= marked_at and self._source.size_of(key) is None:
                self._delete(key)
        self._compare(copied)
        return self._moved

    def _copy(self, stored: dict[str, StoredFile]) -> list[str]:
        """Copies what the target has not or has older; returns the keys."""
        there, copied, present = _files_of(self._target), [], 0
        for done, (key, file) in enumerate(stored.items(), 1):
            before = there.get(key)
            if before is not None and before.size == file.size and _second(before) >= _second(file):
                present += 1
            elif self._copy_one(key):
                copied.append(key)
                self._moved.byte_count += file.size
            if done % _STEP == 0 or done == len(stored):
                self._tell(_("Copying: %(done)s of %(total)s files", done=done, total=len(stored)))
        self._moved.present = max(present - self._moved.copied, 0)
        self._moved.copied += len(copied)
        return copied

    def _copy_one(self, key: str) -> bool:
        """Copies a file; returns False if it was deleted meanwhile."""
        opened = self._source.reading(key)
        if opened is None:
            return False
        with opened[0] as content, self._target.writing(key) as copied:
            while piece := content.read(_PIECE):
                copied.write(piece)
        return True

    def _delete(self, key: str) -> None:
        self._target.delete(key)
        self._moved.deleted += 1

    def _compare(self, keys: list[str]) -> None:
        for done, key in enumerate(keys, 1):
            if (ours := _digest(self._source, key)) is not None and ours != _digest(self._target, key):
                self._moved.differing.append(key)
            if done % _STEP == 0 or done == len(keys):
                self._tell(_("Comparing: %(done)s of %(total)s files", done=done, total=len(keys)))


def _files_of(store: FileStore) -> dict[str, StoredFile]:
    """The files that are moved: those in the folders of this product."""
    files = (file for file in store.listed("") if file.key.startswith(_OURS))
    return {file.key: file for file in files if not file.key.startswith(UNFINISHED_UPLOADS)}


def _second(file: StoredFile) -> datetime:
    """When a file was written, as object storage states it."""
    return file.written_at.replace(microsecond=0)


def _is_of_site(file: StoredFile | None, marked_at: datetime) -> bool:
    """Whether the site stored a file in the target since the first run."""
    return file is not None and file.written_at > marked_at


def _digest(store: FileStore, key: str) -> str | None:
    opened = store.reading(key)
    if opened is None:
        return None
    hasher = hashlib.sha256()
    with opened[0] as content:
        while piece := content.read(_PIECE):
            hasher.update(piece)
    return hasher.hexdigest()

"""Locks of one machine, which end with their process: folders that a process holds, and turns on a data folder."""

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from lms.core.base.errors import Busy
from lms.core.base.settings import settings
from lms.core.text.i18n import _

_LOCK = "lock"
_NEW = "new-"


@contextmanager
def locked_folder(parent: Path, name: str) -> Iterator[Path]:
    """A new folder with a lock in it; removed when the block ends."""
    parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    new = Path(tempfile.mkdtemp(prefix=_NEW, dir=parent))  # renamed once it is locked, so that nobody takes it for dead
    with (new / _LOCK).open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        folder = new.rename(parent / name)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def abandoned_folders(parent: Path) -> list[Path]:
    """The folders, and files, whose processes are gone."""
    return [path for path in parent.iterdir() if not path.name.startswith(_NEW) and _is_dead(path)]


def remove_abandoned(path: Path) -> None:
    """Removes one of them."""
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _is_dead(path: Path) -> bool:
    try:
        descriptor = os.open(path / _LOCK, os.O_RDONLY)
    except OSError:
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)
    return True


_POLL_SECONDS = 0.1


def take_lock(name: str) -> IO[str] | None:
    """Takes a lock until what is returned is closed; null if it is taken."""
    file = (settings().folder / f"{name}.lock").open("w")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return None
    return file


@contextmanager
def holding(name: str, *, seconds: float) -> Iterator[None]:
    """Holds a lock, for which it waits so long. Raises Busy."""
    until = time.monotonic() + seconds
    while (lock := take_lock(name)) is None:
        if time.monotonic() > until:
            raise Busy(_("Wait a moment and try again."))
        time.sleep(_POLL_SECONDS)
    with lock:
        yield

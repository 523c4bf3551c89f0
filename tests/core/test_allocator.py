"""What a process keeps of memory that it freed."""

from __future__ import annotations

import ctypes

import numpy as np
import pytest
from apiflask import APIFlask
from sqlalchemy import text

from lms.core.allocator import LARGE, return_large_blocks
from lms.core.db import SQLITE_HEAP, db


class MallocInfo(ctypes.Structure):
    """The result of glibc's `mallinfo2`; `hblks` is the number of blocks that are mapped one by one."""

    _fields_ = [(name, ctypes.c_size_t) for name in ("arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks",
                                                    "fsmblks", "uordblks", "fordblks", "keepcost")]  # fmt: skip


def test_large_blocks_go_back_to_the_system() -> None:
    read_info = getattr(ctypes.CDLL(None), "mallinfo2", None)
    if read_info is None:
        pytest.skip("not glibc 2.33 or later")
    read_info.restype = MallocInfo
    return_large_blocks()
    large = np.empty(30 * LARGE, np.uint8)
    del large  # by itself, glibc now takes smaller blocks from memory that it keeps
    before = read_info().hblks
    arrays = [np.empty(2 * LARGE, np.uint8) for _number in range(5)]
    assert read_info().hblks - before == len(arrays)


def test_all_connections_of_a_process_share_one_limit(app: APIFlask) -> None:
    """Each may fill 64 MB of cache, and a web process has dozens."""
    with app.app_context(), db.engine.connect() as connection:
        assert connection.scalar(text("PRAGMA soft_heap_limit")) == SQLITE_HEAP

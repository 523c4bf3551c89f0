"""What a process keeps of memory that it freed."""

from __future__ import annotations

import ctypes
import subprocess
import sys

import pytest
from apiflask import APIFlask
from sqlalchemy import text

from lms.core.database.session import SQLITE_HEAP, db

MAPPED = """
import ctypes
import numpy as np
from lms.core.background.processes import LARGE, return_large_blocks

class MallocInfo(ctypes.Structure):
    names = "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost"
    _fields_ = [(name, ctypes.c_size_t) for name in names.split()]

read_info = ctypes.CDLL(None).mallinfo2
read_info.restype = MallocInfo
return_large_blocks()
large = np.empty(30 * LARGE, np.uint8)
del large  # by itself, glibc now takes smaller blocks from memory that it keeps
before = read_info().hblks
arrays = [np.empty(2 * LARGE, np.uint8) for _number in range(5)]
print(read_info().hblks - before)
"""
"""Prints how many of five blocks of 2 MB are mapped one by one."""


def test_large_blocks_go_back_to_the_system() -> None:
    """In a process of its own: another may have so much free memory already that it maps nothing."""
    if not hasattr(ctypes.CDLL(None), "mallinfo2"):
        pytest.skip("not glibc 2.33 or later")
    result = subprocess.run([sys.executable, "-c", MAPPED], capture_output=True, text=True, check=True)
    assert result.stdout == "5\n"


def test_all_connections_of_a_process_share_one_limit(app: APIFlask) -> None:
    """Each may fill 64 MB of cache, and a web process has dozens."""
    with app.app_context(), db.engine.connect() as connection:
        assert connection.scalar(text("PRAGMA soft_heap_limit")) == SQLITE_HEAP

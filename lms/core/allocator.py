"""What the C library does with memory that is freed."""

from __future__ import annotations

import ctypes

LARGE = 1 << 20
_MMAP_THRESHOLD = -3


def return_large_blocks() -> None:
    """Sets glibc to return blocks of 1 MB or more to the system as soon as they are freed.

    By default this limit rises to 32 MB, and each thread then holds on to the memory of a report's arrays.
    """
    if set_option := getattr(ctypes.CDLL(None), "mallopt", None):  # another C library has none
        set_option(_MMAP_THRESHOLD, LARGE)

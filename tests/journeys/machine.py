"""An `lms` command on a "machine" of the tests: in a network namespace and under a host name of its own."""

from __future__ import annotations

import ctypes
import os
import socket
import sys

from lms.cli.main import main as lms_main

_CLONE_NEWNET, _CLONE_NEWUTS = 0x40000000, 0x04000000


def main() -> None:
    """Runs `lms` with the arguments that follow the namespace (empty: that of the tests) and the name of the host."""
    _program, namespace, host, *arguments = sys.argv
    if namespace:
        _enter(namespace, host)
    sys.argv = ["lms", *arguments]
    lms_main()


def _enter(namespace: str, host: str) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    descriptor = os.open(f"/run/netns/{namespace}", os.O_RDONLY)
    for result in (libc.setns(descriptor, _CLONE_NEWNET), libc.unshare(_CLONE_NEWUTS)):
        if result:
            raise OSError(ctypes.get_errno(), "the namespace cannot be entered")
    os.close(descriptor)
    socket.sethostname(host)

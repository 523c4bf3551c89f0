"""An IMAP server by others (pymap), in a thread of the test: mailboxes in memory, over TLS as the test asks."""

from __future__ import annotations

import asyncio
import imaplib
import ssl
import threading
from argparse import Namespace
from types import TracebackType
from typing import Self

from proxyprotocol.reader import ProxyProtocolReader
from pymap.backend.dict import DictBackend
from pymap.imap import IMAPServer

USER, PASSWORD = "bounces@x.example", 'p"ss wörd\\'
ADDRESS = f"{USER.replace('@', '%40')}:p%22ss%20w%C3%B6rd%5C"
"""User and password as in a setting."""


class ImapServer:
    """One server with one account. `starttls`: encrypted when the client asks for it; `tls`: from the start."""

    def __init__(self, *, tls: ssl.SSLContext | None = None, starttls: ssl.SSLContext | None = None) -> None:
        self._tls, self._starttls = tls, starttls
        self.port = 0
        self.connections = 0
        self._loop = asyncio.new_event_loop()
        self._is_up = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._is_up.wait(20)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._ending.set)
        self._thread.join(20)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._serve())
        self._loop.close()

    async def _serve(self) -> None:
        self._ending = asyncio.Event()
        args = Namespace(
            host="127.0.0.1", port=0, debug=False, cert=None, key=None, tls=self._starttls is not None,
            passlib_cfg=None, proxy_protocol=None, demo_data=False, demo_user=USER, demo_password=PASSWORD,
        )  # fmt: skip
        backend, config = await DictBackend.init(args, ssl_context=self._starttls, invalid_user_sleep=0)
        config.apply_context()
        serve = ProxyProtocolReader(config.proxy_protocol).get_callback(IMAPServer(backend.login, config))

        async def count(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self.connections += 1
            await serve(reader, writer)

        server = await asyncio.start_server(count, "127.0.0.1", 0, ssl=self._tls)
        self.port = server.sockets[0].getsockname()[1]
        self._is_up.set()
        async with server:
            await self._ending.wait()
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
        await asyncio.sleep(0)

    def client(self) -> imaplib.IMAP4:
        """A connection of somebody else with the same account, to a server that is encrypted from the start."""
        context = ssl.create_default_context()
        client = imaplib.IMAP4_SSL("localhost", self.port, ssl_context=context, timeout=20)
        client.authenticate("PLAIN", lambda _: f"\0{USER}\0{PASSWORD}".encode())
        return client

    def deliver(self, *messages: bytes, folder: str = "INBOX") -> None:
        """Puts messages into a folder."""
        client = self.client()
        for message in messages:
            client.append(folder, "", "", message)  # type: ignore[arg-type]  # no flags, the time of now
        client.logout()

    def flags(self, folder: str = "INBOX") -> list[bool]:
        """Whether each message of a folder is seen."""
        client = self.client()
        client.select(folder, readonly=True)
        _ok, answers = client.uid("FETCH", "1:*", "(FLAGS)")
        client.logout()
        return [b"\\Seen" in bytes(one) for one in answers if one]

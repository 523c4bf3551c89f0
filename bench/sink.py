"""A mail server that counts what it takes: `python -m bench.sink PORT`; a line on its input asks what came since."""

from __future__ import annotations

import json
import sys
from typing import Any

from aiosmtpd.controller import Controller


class Counting:
    """Counts mails and their different ids."""

    def __init__(self) -> None:
        self.mails = 0
        self.ids: set[bytes] = set()

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802 - the library's name
        """Takes a mail."""
        head = envelope.content.partition(b"\r\n\r\n")[0]
        self.ids.add(head.partition(b"Message-ID: ")[2].partition(b"\r\n")[0])
        self.mails += 1
        return "250 OK"


def main() -> None:
    """Serves until its input ends."""
    counting = Counting()
    controller = Controller(counting, hostname="127.0.0.1", port=int(sys.argv[1]))
    controller.start()
    print(flush=True)
    for _line in sys.stdin:
        print(json.dumps({"mails": counting.mails, "ids": len(counting.ids)}), flush=True)
        counting.mails, counting.ids = 0, set()
    controller.stop()


if __name__ == "__main__":
    main()

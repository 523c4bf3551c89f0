"""The e-mails that a demonstration wrote into its folder."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from email import message_from_bytes, policy
from pathlib import Path

SHOWN = 50


@dataclass(frozen=True)
class WrittenMail:
    """An e-mail as its reader gets it. `parts` are its text in pieces: words, and the path on this site that they
    lead to, or None."""

    name: str
    reader: str
    subject: str
    sent_at: datetime | None
    parts: tuple[tuple[str, str | None], ...]


def latest_mails(folder: Path, base_url: str, *, count: int = SHOWN) -> list[WrittenMail]:
    """The e-mails written last, the newest first. The names of the files begin with the time."""
    names = sorted((path.name for path in folder.glob("*.eml")), reverse=True) if folder.is_dir() else []
    return [_read(folder / name, base_url.rstrip("/")) for name in names[:count]]


def _read(path: Path, base_url: str) -> WrittenMail:
    message = message_from_bytes(path.read_bytes(), policy=policy.default)
    body = message.get_body(("plain",))
    date = message["Date"]
    return WrittenMail(
        name=path.stem,
        reader=str(message["To"]),
        subject=str(message["Subject"]),
        sent_at=date.datetime if date is not None else None,
        parts=tuple(_parts(body.get_content() if body is not None else "", base_url)),
    )


def _parts(text: str, base_url: str) -> Iterator[tuple[str, str | None]]:
    """Links lead to this site under whatever name it is asked by: a demonstration is shown under several."""
    for words in re.split(rf"({re.escape(base_url)}/[^\s]*[^\s.,:])", text.replace("\r\n", "\n")):
        path = words.removeprefix(base_url)
        is_here = path != words and path.startswith("/") and path[1:2] not in {"/", "\\"}  # these lead to another site
        yield words, path if is_here else None

"""Whether a badge is still valid, for readers who only have the badge: signed lists of bits, W3C Bitstring Status List.

Each certificate has its own place, drawn at random, so that a place reveals neither time nor person. The bit is read
from the certificate's state: set once it is superseded, revoked or withdrawn.
"""

import base64
import gzip
import random
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select

from lms.certificates import keys
from lms.certificates.badges.vc_jwt import instant, sign_credential
from lms.certificates.models import Certificate, CertificateState, StatusList
from lms.core.base.errors import NotFound
from lms.core.base.settings import settings
from lms.core.database import cache_versions
from lms.core.database.bulk import among
from lms.core.database.cache_versions import Stamp
from lms.core.database.session import db, one_at_a_time

LENGTH = 131_072
"""Positions in a list: the minimum in the standard, so that one position hides among many."""
FULL = LENGTH * 3 // 4
"""The number of used positions at which the next list is started, so that a free position is found quickly."""
STAMP = "status-list"
TTL = timedelta(minutes=5)
VALID = timedelta(days=7)
"""How long a list may be relied on: an older copy cannot be passed off as the present one."""
RENEWED = timedelta(hours=1)
"""The maximum age of a stored list before it is signed again without changes."""
PURPOSE = "revocation"

_random = random.SystemRandom()


@dataclass(frozen=True)
class StatusIndex:
    """A certificate's place: the list's number and the index of the bit."""

    number: int
    index: int


def address_of(number: int) -> str:
    """The URL of a list."""
    return f"{settings().base_url}/certificates/status/{number}"


def entry(place: StatusIndex) -> dict[str, str]:
    """The entry in a credential that says where to read its state."""
    address = address_of(place.number)
    return {
        "id": f"{address}#{place.index}",
        "type": "BitstringStatusListEntry",
        "statusPurpose": PURPOSE,
        "statusListIndex": str(place.index),
        "statusListCredential": address,
    }


def take_places(count: int) -> list[StatusIndex]:
    """Draws free places for new certificates, inside the running action, which writes them down."""
    if not count:
        return []
    one_at_a_time("certificates.status")
    places: list[StatusIndex] = []
    current = db.session.scalar(select(StatusList).order_by(StatusList.number.desc()).limit(1))
    while len(places) < count:
        if current is None or current.taken >= FULL:
            current = StatusList(number=current.number + 1 if current else 1, taken=0)
            db.session.add(current)
            db.session.flush()
        needed = min(count - len(places), FULL - current.taken)
        places += [StatusIndex(current.number, index) for index in _draw(current.number, needed)]
        current.taken += needed
    return places


def _draw(number: int, count: int) -> list[int]:
    """Free indices of a list: twice as many as needed are drawn, and those in use are dropped."""
    free: list[int] = []
    while len(free) < count:
        drawn = _random.sample(range(LENGTH), min(LENGTH, 2 * (count - len(free)) + 8))
        query = select(Certificate.status_index).where(
            Certificate.status_list == number, among(Certificate.status_index, drawn)
        )
        used = set(db.session.scalars(query)) | set(free)
        free += [index for index in drawn if index not in used]
    return free[:count]


def touch(rows: Iterable[Certificate]) -> None:
    """Marks the states of these certificates as changed, inside the running action."""
    cache_versions.touch(STAMP, {row.status_list for row in rows if row.status_list is not None})


def is_set(encoded: str, index: int) -> bool:
    """Whether the bit at `index` of an encoded list is set: most significant bit first."""
    content = gzip.decompress(base64.urlsafe_b64decode(encoded[1:] + "=" * (-len(encoded[1:]) % 4)))
    return bool(content[index // 8] & 0x80 >> index % 8)


def encode(indices: Iterable[int]) -> str:
    """A list with these bits set, as the standard writes it: multibase base64url of gzip."""
    content = bytearray(LENGTH // 8)
    for index in indices:
        content[index // 8] |= 0x80 >> index % 8
    return "u" + base64.urlsafe_b64encode(gzip.compress(bytes(content), mtime=0)).rstrip(b"=").decode("ascii")


@dataclass(frozen=True)
class _Kept:
    stamp: int
    kid: str
    at: datetime
    text: str


_kept: dict[str, _Kept] = {}


def signed_list(number: int, *, at: datetime) -> str:
    """A list as VC-JWT, cached in memory until a state in it changes. Raises NotFound for an unknown list."""
    address = address_of(number)
    stamp = db.session.scalar(select(Stamp.value).where(Stamp.kind == STAMP, Stamp.of_id == number)) or 0
    key = keys.current()
    cached = _kept.get(address)
    if (
        cached is not None
        and (cached.stamp, cached.kid) == (stamp, key.kid)
        and timedelta(0) <= at - cached.at < RENEWED
    ):
        return cached.text
    text = sign_credential(list_credential(number, at=at), key)
    _kept[address] = _Kept(stamp, key.kid, at, text)
    return text


def list_credential(number: int, *, at: datetime) -> dict[str, Any]:
    """The current content of a list, unsigned. Raises NotFound if it does not exist."""
    if db.session.get(StatusList, number) is None:
        raise NotFound
    ended = select(Certificate.status_index).where(
        Certificate.status_list == number, Certificate.state != CertificateState.VALID
    )
    address = address_of(number)
    return {
        "@context": ["https://www.w3.org/ns/credentials/v2"],
        "id": address,
        "type": ["VerifiableCredential", "BitstringStatusListCredential"],
        "issuer": {"id": settings().base_url},
        "validFrom": instant(at),
        "validUntil": instant(at + VALID),
        "credentialSubject": {
            "id": f"{address}#list",
            "type": "BitstringStatusList",
            "statusPurpose": PURPOSE,
            "encodedList": encode(index for index in db.session.scalars(ended) if index is not None),
            "ttl": int(TTL.total_seconds() * 1000),
        },
    }

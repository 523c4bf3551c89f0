"""Creates the files of many certificates in one process per core, with bounded memory.

Each file is stored under its final name only when it is complete, so an interrupted run can be continued.
"""

import multiprocessing
import os
import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import parent_process
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
)
from sqlalchemy import select

from lms.certificates.keys import SigningKey
from lms.certificates.models import Certificate, CertificateState
from lms.certificates.pdf import store
from lms.certificates.pdf.store import Order, RenderContext
from lms.certificates.queries.render_jobs import chunks, count_valid, render_jobs_of
from lms.core.database.session import db
from lms.core.storage import files
from lms.core.storage.file_store import FileStore
from lms.core.text.typesetting import CannotRender

BATCH = 20
"""Certificates per batch for a process."""
FEW = 40
"""Up to this many are created without separate processes, which take a second to start."""

Failures = list[tuple[int, str]]


@dataclass
class RenderResult:
    """The result of a run: how many files were created, how many existed, and which failed, with the reason."""

    made: int = 0
    reused: int = 0
    refused: list[dict[str, str]] = field(default_factory=list)


def fill(series_id: int, progress: Callable[[int, int], None]) -> RenderResult:
    """Creates every missing file of a series' valid certificates. A failure does not stop the others.

    Raises `keys.KeyMissing`, `signature.TimestampAway`.
    """
    total, done, result = count_valid(series_id), 0, RenderResult()
    with _Press(store.render_context(), total) as render:
        for rows in chunks(series_id):
            missing = [row for row in rows if not store.is_kept(row)]
            ids, orders = [row.id for row in missing], render_jobs_of(missing)
            result.reused += len(rows) - len(missing)
            done += len(rows)
            db.session.rollback()  # nothing is held while the files are made
            failures = render.run(orders)
            result.made += len(orders) - len(failures)
            result.refused += [{"number": orders[place].award.number, "reason": why} for place, why in failures]
            progress(done, max(total, done))
            _forget_withdrawn(ids)
    return result


def _forget_withdrawn(ids: Sequence[int]) -> None:
    """Deletes files of certificates that were withdrawn while the files were created."""
    query = select(Certificate).where(Certificate.id.in_(ids), Certificate.state == CertificateState.WITHDRAWN)
    for row in db.session.scalars(query):
        store.forget_pdf(row)


class _Press:
    """Processes that make files, begun when there is enough to do; used as a context."""

    def __init__(self, render_context: RenderContext, total: int) -> None:
        self._means, self._many = render_context, total > FEW
        self._store = files.current_store()
        self._pool: ProcessPoolExecutor | None = None

    def __enter__(self) -> "_Press":
        return self

    def __exit__(self, *_: object) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def run(self, orders: list[Order]) -> Failures:
        """Makes and keeps these; returns the places of those it could not make, with the reason."""
        if not self._many:
            return _print(orders, self._means, self._store)
        pool = self._pool = self._pool or _begin(self._means, self._store)
        waiting: deque[tuple[int, Future[Failures]]] = deque(
            (start, pool.submit(_print_here, orders[start : start + BATCH])) for start in range(0, len(orders), BATCH)
        )
        return [(start + place, why) for start, one in waiting for place, why in one.result()]


# In a separate process -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Packed:
    """`RenderContext` as they travel to another process."""

    folders: tuple[Path, ...]
    kid: str
    private: bytes = field(repr=False)
    certificates: tuple[bytes, ...]
    timestamp_url: str


_given: list[tuple[RenderContext, FileStore]] = []


def _begin(render_context: RenderContext, file_store: FileStore) -> ProcessPoolExecutor:
    key = render_context.key
    packed = _Packed(
        render_context.folders,
        key.kid,
        key.private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()),
        tuple(one.public_bytes(Encoding.DER) for one in [key.certificate, *key.chain]),
        render_context.timestamp_url,
    )
    context = multiprocessing.get_context("spawn")  # a copy of a process with threads may wait for ever
    return ProcessPoolExecutor(os.cpu_count(), context, _prepare, (packed, file_store))


def _prepare(packed: _Packed, file_store: FileStore) -> None:
    """Initialises a process: stores its context, and ends it when its parent is gone."""
    os.nice(5)  # people waiting for a page come first
    threading.Thread(target=_end_with_parent, daemon=True).start()
    private = load_der_private_key(packed.private, None)
    if not isinstance(private, ec.EllipticCurvePrivateKey):
        raise TypeError("no P-256 key")
    certificate, *chain = [x509.load_der_x509_certificate(one) for one in packed.certificates]
    _given[:] = [
        (
            RenderContext(packed.folders, SigningKey(packed.kid, private, certificate, chain), packed.timestamp_url),
            file_store,
        )
    ]


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _print_here(orders: list[Order]) -> Failures:
    return _print(orders, *_given[0])


def _print(orders: list[Order], render_context: RenderContext, file_store: FileStore) -> Failures:
    failures: Failures = []
    for place, order in enumerate(orders):
        try:
            file_store.put(order.key, store.made(order, render_context))
        except CannotRender as error:
            failures.append((place, str(error)))
    return failures

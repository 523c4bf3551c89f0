"""A certificate verified among a million against the same among ten, and a badge signed against a bare signature."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from functools import partial

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from sqlalchemy import select

from bench.database import copied, opened, spent_on
from bench.programme import (
    ENDED,
    SERIES,
    attendance_file,
    people_file,
    prepare_lecture,
    take_attendance,
    take_enrolments,
)
from bench.registry import topic
from bench.site import Bench
from bench.table import Row
from lms.catalogue.models import CertificateKind
from lms.certificates import keys, numbers
from lms.certificates.actions.awards import issue_certificates
from lms.certificates.badges import credential
from lms.certificates.models import Certificate
from lms.certificates.queries.certificates import get_certificate
from lms.certificates.verification.file_verification import verdict_of_file
from lms.core.base.roles import ANONYMOUS, SYSTEM
from lms.core.database.session import action, db

ISSUED = ENDED + timedelta(days=1)
FEW = 10
AWARDS = """
    INSERT INTO award (id, series_id, person_id, kind, awarded_at)
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
    SELECT 1000 + i, series_id, 1000 + i, kind, awarded_at FROM n, (SELECT * FROM award LIMIT 1)
"""
CERTIFICATES = """
    INSERT INTO certificate
    (award_id, number, state, name, native_name, series_title, lectures, hours_ms, issued_on, issued_at, design)
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
    SELECT 1000 + i, printf('%016X0', i * 7919), state, name, native_name, series_title, lectures, hours_ms,
    issued_on, issued_at, design FROM n, (SELECT * FROM certificate LIMIT 1)
"""


@topic("verification")
def verification(bench: Bench) -> Iterator[Row]:
    """Drops a badge on the page, so to speak (signature, number, state), and types a number; then among many."""
    times, many = bench.of(400, 5), bench.of(1_000_000, 100)
    with opened(copied(bench.prepared, bench.folder / "verification")):
        lecture_id = prepare_lecture()
        take_enrolments(people_file(FEW))
        take_attendance(lecture_id, attendance_file(FEW))
        issue_certificates(SERIES, by=SYSTEM, at=ISSUED)
        badge, number = db.session.execute(select(Certificate.credential, Certificate.number)).first() or ("", "")
        works = (
            ("a badge verified", partial(verdict_of_file, (badge or "").encode(), by=ANONYMOUS)),
            ("a number looked up", partial(get_certificate, number, by=ANONYMOUS)),
        )
        among_few = [_verified(work, times) for _what, work in works]
        _fill(many)
        among_many = [_verified(work, times) for _what, work in works]
        signing, bare = _signed(bench.of(2000, 20))
    for (what, _work), few, all_of_them in zip(works, among_few, among_many, strict=True):
        yield Row(f"{what}, of {many:,}", all_of_them, "CPU ms", baseline=few)
    yield Row("a badge made and signed", signing, "CPU ms", baseline=bare)


def _verified(work: Callable[[], object], times: int) -> float:
    """CPU milliseconds a verification, each from a new session."""

    def repeated() -> None:
        for _ in range(times):
            work()
            db.session.remove()

    repeated()
    return spent_on(repeated)[0].cpu * 1000 / times


def _fill(many: int) -> None:
    """Further certificates with awards of their own; whose they are is not looked up for another's number."""
    db.session.remove()
    with db.engine.connect() as connection:
        line = connection.connection.driver_connection
        assert isinstance(line, sqlite3.Connection)
        line.execute("PRAGMA foreign_keys = OFF")  # nobody has them: people are found by their key alone
        line.execute(AWARDS, (many,))
        line.execute(CERTIFICATES, (many,))
        line.execute("PRAGMA foreign_keys = ON")


def _signed(count: int) -> tuple[float, float]:
    """CPU milliseconds a badge, and a bare ES256 signature of as many bytes."""
    facts = credential.CredentialFacts(
        number=numbers.generate(),
        kind=CertificateKind.PARTICIPATION,
        series="A series",
        slug="series",
        organiser="Ministry of Trade",
        name="Somebody",
        address="somebody@example.org",
        hours_ms=5_400_000,
        days=(ISSUED.date(),),
        issued_at=ISSUED,
        awarded_at=ISSUED,
    )
    key = keys.current()

    @action
    def work() -> list[dict[str, object]]:
        return credential.badges_for([replace(facts, number=numbers.generate()) for _ in range(count)], key)

    spent, made = spent_on(work)
    content = str(made[0]["credential"]).rpartition(".")[0].encode()
    how = ec.ECDSA(hashes.SHA256())
    barely, _signatures = spent_on(lambda: [key.private.sign(content, how) for _ in range(count)])
    return spent.cpu * 1000 / count, barely.cpu * 1000 / count

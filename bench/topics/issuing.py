"""Certificates recorded (award, number, names, route, signed badge), and the page that shows who earns one."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from sqlalchemy import func, select

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
from bench.table import CannotMeasure, Row
from lms.certificates.actions.awards import issue_certificates
from lms.certificates.models import Certificate
from lms.certificates.pdf import store
from lms.certificates.queries import eligibility
from lms.core.base.roles import SYSTEM
from lms.core.database.session import db

ISSUED = ENDED + timedelta(days=1)


@topic("issuing")
def issuing(bench: Bench) -> Iterator[Row]:
    """Looks at a series whose people all have earned it, issues to all of them, and runs again."""
    count = bench.of(10_000, 20)
    with opened(copied(bench.prepared, bench.folder / "issuing")):
        lecture_id = prepare_lecture()
        take_enrolments(people_file(count))
        take_attendance(lecture_id, attendance_file(count))
        store.installed_fonts()
        looking, _preview = spent_on(lambda: eligibility.preview("bench", by=SYSTEM))
        first, result = spent_on(lambda: issue_certificates(SERIES, by=SYSTEM, at=ISSUED))
        again, nothing = spent_on(lambda: issue_certificates(SERIES, by=SYSTEM, at=ISSUED + timedelta(days=1)))
        issued = result["issued"]
        if not issued or nothing["issued"] or db.session.scalar(select(func.count(Certificate.id))) != issued:
            raise CannotMeasure(f"{issued} certificates were issued, {nothing['issued']} by the second run")
    per = 10_000 / count
    yield Row("look at who earns, 10,000 people", looking.wall * per, "s")
    yield Row("10,000 awards recorded and signed", first.wall * per, "s", rate=issued / first.wall)
    yield Row("the same run again, nothing to do", again.wall * per, "s")

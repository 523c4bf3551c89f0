"""Background work: issuing the certificates of a series."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from lms.catalogue.models import CertificateKind
from lms.certificates.actions import JOB, issue_certificates
from lms.certificates.queries import count_awarded_at
from lms.core.jobs import Run, job
from lms.core.roles import Actor


@job(JOB)
def issue(run: Run, *, series_id: int, kind: str, by: int | None, at: str) -> dict[str, Any]:
    """Issues what has been earned; who asked was checked when it was asked for and stands in the audit trail."""
    asked, moment = CertificateKind(kind), datetime.fromisoformat(at)
    # The moment marks the run: what it issued before its worker died counts as issued, not as there already.
    before = count_awarded_at(series_id, asked, moment)
    result = issue_certificates(series_id, asked, by=Actor(person_id=by, system=True), at=moment, progress=run.progress)
    result["issued"] += before
    result["already_issued"] -= before
    return result

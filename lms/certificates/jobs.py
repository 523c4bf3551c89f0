"""Background work: issuing the certificates of a series, and making their files."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from lms.catalogue.models import CertificateKind
from lms.certificates.actions.awards import FILES_JOB, JOB, issue_certificates, request_files
from lms.certificates.actions.batch_render import fill
from lms.certificates.actions.bundles import JOB as BUNDLE_JOB
from lms.certificates.actions.bundles import drop_old_bundles, make_bundle
from lms.certificates.actions.requirements import JOB as GROWTH_JOB
from lms.certificates.actions.requirements import invite_with_growth, post_grown_requirements
from lms.certificates.pdf.signature import TimestampAway
from lms.certificates.queries.certificates import count_awarded_at
from lms.core.background.jobs import JobStopped, Run, job
from lms.core.background.recurring import FILES, recurring
from lms.core.base.errors import Refused
from lms.core.base.roles import Actor
from lms.core.text.i18n import _
from lms.core.time import clock


@job(JOB)
def issue(run: Run, *, series_id: int, kind: str, by: int | None, at: str) -> dict[str, Any]:
    """Issues earned certificates. Permission was checked on request, and the audit trail records who asked."""
    certificate_kind, moment = CertificateKind(kind), datetime.fromisoformat(at)
    # The moment marks the run: what it issued before its worker died counts as issued, not as there already.
    before = count_awarded_at(series_id, certificate_kind, moment)
    actor = Actor(person_id=by, system=True)
    try:
        result = issue_certificates(series_id, certificate_kind, by=actor, at=moment, progress=run.progress)
    except JobStopped as stopped:
        issued = count_awarded_at(series_id, certificate_kind, moment)
        stopped.result = {"issued": issued, "already_issued": 0, "not_earned": 0, "refused": []}
        if issued:
            request_files(series_id, by=actor, at=clock.now())
        raise
    result["issued"] += before
    result["already_issued"] -= before
    if result["issued"]:
        request_files(series_id, by=actor, at=clock.now())
    return result


@job(FILES_JOB, alone=True)
def make_files(run: Run, *, series_id: int) -> dict[str, Any]:
    """Typesets, signs and stores the files of a series' certificates. When restarted, it creates only
    the missing ones.
    """
    with _stamped():
        pressed = fill(series_id, run.progress)
    return {"made": pressed.made, "kept": pressed.reused, "refused": pressed.refused}


@job(BUNDLE_JOB, alone=True)
def bundle(run: Run, *, series_id: int, form: str) -> dict[str, Any]:
    """Puts the certificates of a series into one file."""
    with _stamped():
        return make_bundle(run.job_id, series_id, form, run.progress)


@job(GROWTH_JOB)
def tell_growth(_run: Run, *, series_id: int, published_id: int) -> dict[str, Any]:
    """Invites the enrolled to a lecture at once, if the certificate requires more since it was published."""
    return {"invited": int(invite_with_growth(series_id, published_id, at=clock.now()))}


@contextmanager
def _stamped() -> Iterator[None]:
    try:
        yield
    except TimestampAway as error:
        raise Refused(_("The time stamp server is not responding. Try again in a few minutes.")) from error


recurring("grown requirements", post_grown_requirements, every=30)
recurring("old bundles", drop_old_bundles, every=60, thread=FILES)

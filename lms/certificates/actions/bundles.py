"""All certificates of a series in one file, a ZIP of them or a PDF to print: requested, made in the background, kept
for a day. Above 500 certificates, the PDF to print becomes a ZIP of PDFs of 500 each."""

import re
import zipfile
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any, BinaryIO, Final

from sqlalchemy import select, update

from lms.catalogue.queries.series import get_series_by_id
from lms.certificates import numbers, rules
from lms.certificates.actions.batch_render import RenderResult, fill
from lms.certificates.models import Certificate
from lms.certificates.pdf import store
from lms.certificates.pdf.merge import merge
from lms.certificates.queries import render_jobs
from lms.core.background.jobs import Job, JobState, get_job, request_job
from lms.core.base.errors import Invalid, NotFound, Refused
from lms.core.base.roles import SYSTEM, Actor
from lms.core.database import audit
from lms.core.database.session import action, db, one_at_a_time
from lms.core.storage import files
from lms.core.storage.file_deletions import delete_after_commit
from lms.core.text.i18n import _
from lms.core.time import clock

JOB = "bundle_certificates"
FORMS: Final = {"zip": "application/zip", "pdf": "application/pdf"}
KEPT = timedelta(days=1)
_UNFIT = re.compile(r'[\x00-\x1f/\\:*?"<>|]+')  # what some system forbids in the name of a file


@action
def request_bundle(series_id: int, form: str, *, by: Actor, at: datetime) -> Job:
    """Requests one file (`zip` or `pdf`) with all valid certificates of a series. Returns the running job if there is
    one.

    Raises Forbidden, Invalid, NotFound, and Refused where there is no certificate.
    """
    rules.check_can_issue(by)
    if form not in FORMS:
        raise Invalid("form", _("Select ZIP or PDF."))
    one_at_a_time("certificates.bundle")
    get_series_by_id(series_id, by=by)
    arguments = {"series_id": series_id, "form": form}
    waiting = select(Job).where(Job.kind == JOB, Job.state.in_([JobState.QUEUED, JobState.RUNNING]))
    for job in db.session.scalars(waiting):
        if job.arguments == arguments:
            return job
    total = render_jobs.count_valid(series_id)
    if not total:
        raise Refused(_("This series has no valid certificates."))
    audit.record("ask for certificates", by=by, at=at, detail={"form": form}, series=series_id)
    return request_job(JOB, arguments, by=by, at=at, total=2 * total)


def make_bundle(job_id: int, series_id: int, form: str, progress: Callable[[int, int], None]) -> dict[str, Any]:
    """Makes the files that are missing, then puts all into one; half of the progress is each."""
    pressed = fill(series_id, lambda done, total: progress(done, 2 * total))
    is_one = form == "pdf" and render_jobs.count_valid(series_id) <= render_jobs.CHUNK
    ending = "pdf" if is_one else "zip"
    key, count = f"bundles/{job_id}.{ending}", 0
    with files.writing(key) as file:
        packed = _zipped(series_id, file) if form == "zip" else _printed(series_id, file, is_one=is_one)
        for count, total in packed:
            progress(total + count, 2 * total)
    slug = get_series_by_id(series_id, by=SYSTEM).slug
    return {
        **_told(pressed),
        "count": count,
        "file": key,
        "name": f"certificates-{slug}.{ending}",
        "expires_at": (clock.now() + KEPT).isoformat(),
    }


def _told(pressed: RenderResult) -> dict[str, Any]:
    return {"made": pressed.made, "kept": pressed.reused, "refused": pressed.refused}


def _each(series_id: int) -> Iterator[list[tuple[Certificate, bytes]]]:
    for rows in render_jobs.chunks(series_id):
        pairs = [(row, store.find_pdf(row)) for row in rows]
        yield [(row, pdf) for row, pdf in pairs if pdf is not None]


def _zipped(series_id: int, file: BinaryIO) -> Iterator[tuple[int, int]]:
    count, total = 0, render_jobs.count_valid(series_id)
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for some in _each(series_id):
            for row, pdf in some:
                name = " ".join(_UNFIT.sub(" ", row.name).split())[:80].strip(" .")
                entry = zipfile.ZipInfo(f"{numbers.write(row.number)} {name}.pdf", row.issued_at.timetuple()[:6])
                archive.writestr(entry, pdf)
            count += len(some)
            yield count, max(count, total)


def _printed(series_id: int, file: BinaryIO, *, is_one: bool) -> Iterator[tuple[int, int]]:
    count, total = 0, render_jobs.count_valid(series_id)
    if is_one:
        pdfs = [pdf for rows in _each(series_id) for _row, pdf in rows]
        file.write(merge(pdfs))
        yield len(pdfs), max(len(pdfs), total)
        return
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for rows in _each(series_id):
            entry = zipfile.ZipInfo(f"{count + 1:05}-{count + len(rows):05}.pdf")
            archive.writestr(entry, merge(pdf for _row, pdf in rows))
            count += len(rows)
            yield count, max(count, total)


@action
def fetch_bundle(public_id: str, *, by: Actor, at: datetime) -> tuple[str, str]:
    """(key in `files`, file name) of a file that is made, with an entry in the audit trail. NotFound once it is
    gone."""
    rules.check_can_issue(by)
    job = get_job(public_id, by=by)
    result: dict[str, Any] = job.result or {}
    if job.kind != JOB or job.state is not JobState.DONE or not result.get("file"):
        raise NotFound
    if datetime.fromisoformat(result["expires_at"]) <= at:
        raise NotFound
    audit.record("fetch certificates", by=by, at=at, detail={"count": result["count"]}, job=job.id)
    return result["file"], result["name"]


def drop_old_bundles(*, at: datetime) -> int:
    """Removes the files that were kept for their time."""
    old = select(Job.result).where(Job.kind == JOB, Job.state == JobState.DONE, Job.finished_at <= at - KEPT)
    is_any = any((result or {}).get("file") for result in db.session.scalars(old))
    return forget_bundles(made_before=at - KEPT) if is_any else 0


@action
def forget_bundles(*, made_before: datetime | None = None) -> int:
    """Deletes the files created before the given time, or all, because each may contain a deleted person. Returns how
    many there were.
    """
    query = select(Job).where(Job.kind == JOB, Job.state == JobState.DONE)
    if made_before is not None:
        query = query.where(Job.finished_at <= made_before)
    forgotten = 0
    for job in db.session.scalars(query):
        key = (job.result or {}).get("file")
        if key:
            db.session.execute(update(Job).where(Job.id == job.id).values(result={**(job.result or {}), "file": None}))
            delete_after_commit(key)
            forgotten += 1
    return forgotten

"""API calls for certificates."""

from typing import Any

from apiflask import APIBlueprint
from flask.typing import ResponseReturnValue

from lms.catalogue.models import CertificateKind
from lms.catalogue.queries.series import get_series
from lms.certificates.actions import awards, bundles, changes
from lms.certificates.actions.records import make_record
from lms.certificates.queries import certificates, eligibility, holder_downloads, records
from lms.certificates.queries.earner_groups import EarnerGroup
from lms.certificates.schemas import (
    NUMBERS,
    READS,
    AskedSchema,
    BundleSchema,
    CertificateListSchema,
    CertificateSchema,
    IssueSchema,
    PreviewQuery,
    PreviewSchema,
    RecordListSchema,
    RecordSchema,
    RevokeSchema,
    ToldSchema,
    badge_answer,
    bundle_answer,
    drawable_language,
    pdf_answer,
)
from lms.core.base.lists import ListRequest
from lms.core.base.roles import Role
from lms.core.time import clock
from lms.people.queries.persons import get_person
from lms.web.api.api import Nothing, PageQuery, envelope, integer_cursor
from lms.web.api.idempotency import idempotent
from lms.web.request.guards import ANYONE, SIGNED_IN, allow, scope
from lms.web.request.identity import current_actor
from lms.web.request.limits import throttle_guesses, throttle_reads

PDF: dict[int | str, dict[str, str | dict[str, dict[str, Any]]]] = {
    200: {
        "description": "The certificate as PDF/A.",
        "content": {"application/pdf": {"schema": {"type": "string", "format": "binary"}}},
    },
    409: {"description": "Withdrawn, revoked, or signing is not possible at the moment"},
}

RECORD_PDF: dict[int | str, dict[str, str | dict[str, dict[str, Any]]]] = {
    200: PDF[200] | {"description": "The learning record as PDF/A."},
    409: {"description": "The file is no longer kept"},
}

BADGE: dict[int | str, dict[str, str | dict[str, dict[str, Any]]]] = {
    200: {
        "description": "The credential as compact JWS.",
        "content": {"text/plain": {"schema": {"type": "string"}}},
    },
    409: {"description": "Withdrawn, revoked, or without a badge"},
}

BUNDLE: dict[int | str, dict[str, str | dict[str, dict[str, Any]]]] = {
    200: {
        "description": "All certificates in one file.",
        "content": {kind: {"schema": {"type": "string", "format": "binary"}} for kind in bundles.FORMS.values()},
    }
}

bp = APIBlueprint("certificates_api", __name__, url_prefix="/api/v1")


@bp.get("/certificates/<number>")
@allow(ANYONE)
@scope("certificates:read")
@throttle_guesses(NUMBERS)
@throttle_reads(READS)
@bp.output(CertificateSchema)
def certificate(number: str) -> Any:
    """Returns the state of a certificate to anyone who has its number."""
    return certificates.get_certificate(number, by=current_actor())


@bp.get("/certificates/<number>.pdf")
@allow(SIGNED_IN)
@scope("certificates:read")
@throttle_guesses(NUMBERS)
@bp.doc(responses=PDF)
def download(number: str) -> ResponseReturnValue:
    """Downloads the certificate, for its holder and administrators."""
    return pdf_answer(number, certificates.get_pdf(number, by=current_actor()))


@bp.get("/certificates/<number>.json")
@allow(SIGNED_IN)
@scope("certificates:read")
@throttle_guesses(NUMBERS)
@bp.doc(responses=BADGE)
def badge(number: str) -> ResponseReturnValue:
    """Returns the award as an Open Badges 3.0 credential (VC-JWT), for its holder and administrators."""
    return badge_answer(number, holder_downloads.get_badge(number, by=current_actor()))


@bp.get("/learning-records/<number>")
@allow(ANYONE)
@scope("certificates:read")
@throttle_guesses(NUMBERS)
@throttle_reads(READS)
@bp.output(RecordSchema)
def learning_record(number: str) -> Any:
    """Returns what a learning record states, and what has changed since, to anyone who has its number."""
    return records.get_record(number, by=current_actor())


@bp.get("/learning-records/<number>.pdf")
@allow(SIGNED_IN)
@scope("certificates:read")
@throttle_guesses(NUMBERS)
@bp.doc(responses=RECORD_PDF)
def download_record(number: str) -> ResponseReturnValue:
    """Downloads a learning record, for its holder and administrators."""
    return pdf_answer(number, records.get_record_pdf(number, by=current_actor()))


@bp.get("/people/<public_id>/learning-records")
@allow(SIGNED_IN)
@scope("certificates:read")
@bp.output(RecordListSchema)
def learning_records(public_id: str) -> dict[str, Any]:
    """Lists a person's learning records, for the person and administrators."""
    by = current_actor()
    return {"items": records.list_records(get_person(public_id, by=by).id, by=by), "next": None}


@bp.post("/people/<public_id>/learning-records")
@allow(SIGNED_IN)
@scope("certificates:write")
@bp.input(Nothing, arg_name="body")
@bp.output(RecordSchema, status_code=201)
@bp.doc(
    responses={
        200: "The same record was made already today.",
        409: "Nothing to record, too many records today, or signing is not possible at the moment",
    }
)
def make_learning_record(public_id: str, body: dict[str, str]) -> Any:  # noqa: ARG001
    """Makes a signed learning record of a person as of now, for the person and administrators. It is in the language of
    `Accept-Language`, or else of the profile. If nothing has changed since one of the same day, that one is returned.
    """
    by = current_actor()
    with drawable_language():
        made = make_record(get_person(public_id, by=by).id, by=by, at=clock.now())
    return records.get_record(made.number, by=by), 201 if made.is_new else 200


@bp.post("/certificates/<number>/revoke")
@allow(Role.ADMINISTRATOR)
@scope("certificates:write")
@bp.input(RevokeSchema, arg_name="body")
@bp.output(CertificateSchema)
def revoke(number: str, body: dict[str, str]) -> Any:
    """Revokes a certificate, with a reason."""
    by = current_actor()
    changes.revoke(number, reason=body["reason"], by=by, at=clock.now())
    return certificates.get_certificate(number, by=by)


@bp.post("/certificates/<number>/withdraw")
@allow(SIGNED_IN)
@scope("certificates:write")
@bp.input(Nothing, arg_name="body")
@bp.output(CertificateSchema)
def withdraw(number: str, body: dict[str, str]) -> Any:  # noqa: ARG001
    """Withdraws a certificate at its holder's request. Its number then shows only that it was withdrawn."""
    by = current_actor()
    changes.withdraw(number, by=by, at=clock.now())
    return certificates.get_certificate(number, by=by)


@bp.get("/series/<slug>/certificates")
@allow(Role.ADMINISTRATOR, Role.REPORTER)
@scope("certificates:read")
@bp.input(PageQuery, location="query", arg_name="page")
@bp.output(CertificateListSchema)
def series_certificates(slug: str, page: dict[str, Any]) -> dict[str, Any]:
    """Lists the certificates of a series in order of issue."""
    limit = page["limit"]
    rows = certificates.list_of_series(slug, by=current_actor(), limit=limit, cursor=integer_cursor(page["cursor"]))
    answer = envelope(rows, limit, lambda row: row[0])
    answer["items"] = [shown for _cursor, shown in answer["items"]]
    return answer


@bp.post("/series/<slug>/certificates")
@allow(Role.ADMINISTRATOR)
@scope("certificates:write")
@idempotent
@bp.input(IssueSchema, arg_name="body")
@bp.output(AskedSchema, status_code=202)
def issue(slug: str, body: dict[str, str | None]) -> dict[str, Any]:
    """Issues the certificates earned in a series, as a job. Running it twice issues nothing twice."""
    by = current_actor()
    series = get_series(slug, by=by)
    kind = CertificateKind(body["kind"]) if body["kind"] else None
    return {"job": awards.request_issue(series.id, kind, by=by, at=clock.now()).public_id}


@bp.post("/series/<slug>/certificates/<job_id>/stop")
@allow(Role.ADMINISTRATOR)
@scope("certificates:write")
@bp.input(Nothing, arg_name="body")
@bp.output(AskedSchema)
@bp.doc(responses={409: "The job is over"})
def stop_issue(slug: str, job_id: str, body: dict[str, str]) -> dict[str, str]:  # noqa: ARG001
    """Stops issuing. Certificates that have been issued by then stay valid. Stopped again, nothing changes."""
    by = current_actor()
    awards.stop_issue(get_series(slug, by=by).id, job_id, by=by, at=clock.now())
    return {"job": job_id}


@bp.get("/series/<slug>/certificates/preview")
@allow(Role.ADMINISTRATOR, Role.REPORTER, Role.INSTRUCTOR)
@scope("certificates:read")
@bp.input(PreviewQuery, location="query", arg_name="query")
@bp.output(PreviewSchema)
@bp.doc(responses={409: "The series gives no certificates"})
def preview(slug: str, query: dict[str, Any]) -> dict[str, Any]:
    """Previews issuing: who has earned a certificate, who is short of it and by how much, and who is blocked."""
    shown = EarnerGroup(query["show"]) if query["show"] else None
    page = integer_cursor(query["cursor"]) or 1
    result = eligibility.preview(
        slug, by=current_actor(), shown=shown, request=ListRequest(page=page, size=query["limit"])
    )
    return {
        "kind": str(result.kind),
        "lectures": result.requirement.lectures,
        "needed": result.requirement.needed,
        "needed_minutes": result.requirement.minutes,
        "enrolled": result.enrolled,
        "fault": result.fault,
        "counts": result.counts,
        "show": result.shown.value,
        "items": result.rows,
        "next": str(result.page + 1) if result.page < result.pages else None,
    }


@bp.post("/series/<slug>/certificates/reminders")
@allow(Role.ADMINISTRATOR)
@scope("certificates:write")
@bp.input(Nothing, arg_name="body")
@bp.output(ToldSchema)
def remind(slug: str, body: dict[str, str]) -> dict[str, int]:  # noqa: ARG001
    """Sends one e-mail to people who have earned a certificate, asking them to confirm their name."""
    return {"told": awards.remind_unconfirmed(slug, by=current_actor(), at=clock.now())}


@bp.post("/series/<slug>/certificates/bundles")
@allow(Role.ADMINISTRATOR)
@scope("certificates:write")
@idempotent
@bp.input(BundleSchema, arg_name="body")
@bp.output(AskedSchema, status_code=202)
def request_bundle(slug: str, body: dict[str, str]) -> dict[str, Any]:
    """Creates one file with all valid certificates of a series, as a job. Returns the running job if there is one."""
    by = current_actor()
    series = get_series(slug, by=by)
    return {"job": bundles.request_bundle(series.id, body["form"], by=by, at=clock.now()).public_id}


@bp.post("/certificates/bundles/<job_id>")
@allow(Role.ADMINISTRATOR)
@scope("certificates:write")
@bp.input(Nothing, arg_name="body")
@bp.doc(responses=BUNDLE)
def fetch_bundle(job_id: str, body: dict[str, str]) -> ResponseReturnValue:  # noqa: ARG001
    """Downloads the file of a job for one day after it was created. Uses POST because each download is recorded in the
    audit trail.
    """
    return bundle_answer(*bundles.fetch_bundle(job_id, by=current_actor(), at=clock.now()))

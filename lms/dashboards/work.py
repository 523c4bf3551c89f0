"""Descriptions of tasks: what they are, their subject and their result."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import url_for

from lms.core.i18n import _, _n
from lms.core.jobs import Job, JobState
from lms.core.roles import Actor
from lms.dashboards.queries.administration import Subjects, subjects_of
from lms.dashboards.texts import without_class_name
from lms.web.time import number


@dataclass(frozen=True)
class Task:
    """The description of a task. `url` leads to its subject; `report` to a page that says more than this one; `file` is
    where what was made is fetched by a form, and `until` how long it is kept."""

    title: str
    about: str | None
    url: str | None
    outcome: str | None
    report: str | None
    file: str | None = None
    until: datetime | None = None


def describe(jobs: Sequence[Job], *, by: Actor) -> list[Task]:
    """Describes these jobs, in their order."""
    subjects = subjects_of(jobs, by=by)
    return [_describe(job, subjects) for job in jobs]


def _describe(job: Job, subjects: Subjects) -> Task:
    titles = {
        "issue_certificates": _("Issuing certificates"),
        "bundle_certificates": _("Combining certificates into one file"),
        "render_certificates": _("Creating certificate files"),
        "credit_lecture": _("Counting attendance"),
        "correct_batch": _("Correcting several people"),
        "decide_nominations": _("Deciding on nominations"),
        "import_attendance": _("Importing an attendance report"),
        "recompute_attendance": _("Recounting all attendance"),
        "apply_policy": _("Applying the policy to past lectures"),
        "export_rows": _("Exporting rows"),
        "nominate_file": _("Nominating people from a file"),
        "claim_unmatched_attendees": _("Identifying attendees by their e-mail address"),
        "change_enrolments": _("Changing the enrolment of several people"),
        "post_digests": _("E-mail digests"),
        "make_recording_file": _("Preparing a recording for download"),
        "announce_recording": _("E-mails about a recording"),
    }
    title = titles.get(job.kind, _("Background task"))
    series = subjects.series.get(job.arguments.get("series_id", 0))
    lecture = subjects.lectures.get(job.arguments.get("lecture_id", 0))
    about = url = report = None
    if series is not None:
        about, url = series.title, url_for("dashboards.series", slug=series.slug)
        if job.kind == "issue_certificates":
            report = url_for("certificates.progress", slug=series.slug, job_id=job.public_id)
        elif job.kind == "nominate_file":
            report = url_for("nominations.file_preview", upload_id=job.arguments["file_id"])
    elif lecture is not None:
        about, url = lecture.title, url_for("attendance.roster", lecture_id=lecture.id)
        if job.kind == "correct_batch":
            report = url_for("dashboards.corrections", lecture_id=lecture.id, batch=job.arguments["batch"])
        elif job.kind in ("make_recording_file", "announce_recording"):
            url = url_for("recordings.recording", lecture_id=lecture.id)
    elif job.kind == "decide_nominations":
        report = url_for("nominations.decision", batch=job.arguments["batch"])
    result = job.result or {}
    if job.kind == "bundle_certificates" and job.state is JobState.DONE and result.get("file"):
        file = url_for("certificates.fetch_bundle", job_id=job.public_id)
        return Task(title, about, url, _outcome(job), None, file, datetime.fromisoformat(result["expires_at"]))
    if job.kind == "export_rows" and job.state is JobState.DONE and result.get("file"):
        until = datetime.fromisoformat(result["expires_at"])
        return Task(
            title, result["name"], None, _outcome(job), None, url_for("reports.fetch", job_id=job.public_id), until
        )
    return Task(title, about, url, _outcome(job), report)


def _outcome(job: Job) -> str | None:
    if job.state is JobState.FAILED:
        return without_class_name(job.error or "") or _("It stopped because of a fault. The log of the server has it.")
    if job.state is JobState.STOPPED:
        return _("Stopped by hand.")
    if job.state is not JobState.DONE:
        return None
    return _WORDS.get(job.kind, _in_general)(job.result or {})


def _issued(result: dict[str, Any]) -> str:
    return "; ".join(_certificates(result))


def _bundled(result: dict[str, Any]) -> str:
    counted = _n("%(n)s certificate", "%(n)s certificates", result["count"], n=number(result["count"]))
    if not result.get("file"):
        return _("%(rows)s. The file was deleted. Request it again.", rows=counted)
    stopped = len(result["refused"])
    return f"{counted}; " + _("%(n)s blocked", n=number(stopped)) if stopped else counted


def _rendered(result: dict[str, Any]) -> str:
    return _(
        "%(made)s created, %(kept)s already there, %(refused)s blocked",
        made=number(result["made"]),
        kept=number(result["kept"]),
        refused=number(len(result["refused"])),
    )


def _exported(result: dict[str, Any]) -> str:
    counted = _n("%(n)s row", "%(n)s rows", result["rows"], n=number(result["rows"]))
    return counted if result.get("file") else _("%(rows)s. The file was deleted. Request it again.", rows=counted)


def _credited(result: dict[str, Any]) -> str:
    changed = result.get("changed", 0)
    return _n("%(n)s attendance saved", "%(n)s attendances saved", changed, n=number(changed))


def _prepared(_result: dict[str, Any]) -> str:
    return _("The file is on the page of the recording for a day.")


def _announced(result: dict[str, Any]) -> str:
    if result.get("is_announced"):
        return _("People who missed the lecture, or a part of it, get an e-mail.")
    return _("No e-mail: the recording was removed, or the lecture was held long ago.")


def _corrected(result: dict[str, Any]) -> str:
    changed, left = result["changed"], result["left_out"]
    text = _n("%(n)s person corrected", "%(n)s people corrected", changed, n=number(changed))
    return f"{text}; " + _n("%(n)s left out", "%(n)s left out", left, n=number(left)) if left else text


def _decided(result: dict[str, Any]) -> str:
    changed, left = result["changed"], result["left_out"]
    text = _n("%(n)s nomination changed", "%(n)s nominations changed", changed, n=number(changed))
    return f"{text}; " + _n("%(n)s skipped", "%(n)s skipped", left, n=number(left)) if left else text


def _imported(result: dict[str, Any]) -> str:
    taken = _(
        "%(created)s new, %(unmatched)s unmatched, %(rejected)s rejected",
        created=number(result["created"] + result["updated"]),
        unmatched=number(result["unmatched"]),
        rejected=number(result["rejected"]),
    )
    return " ".join([taken + ".", *result.get("notes", [])])


def _posted(result: dict[str, Any]) -> str:
    return _n("%(n)s sent", "%(n)s sent", result["posted"], n=number(result["posted"]))


def _linked(result: dict[str, Any]) -> str:
    lectures = result["lectures"]
    return _n("%(n)s lecture changed", "%(n)s lectures changed", lectures, n=number(lectures))


def _nominated(result: dict[str, Any]) -> str:
    drafts = result.get("drafted", 0)
    made = sum(count for state, count in result.items() if state not in ("unchanged", "left_out", "asked", "drafted"))
    parts = [
        _n("%(n)s person nominated", "%(n)s people nominated", made, n=number(made)),
        *([_n("%(n)s saved as a draft", "%(n)s saved as drafts", drafts, n=number(drafts))] if drafts else []),
        _("%(n)s nominated before", n=number(result["unchanged"])),
        _("%(n)s left out", n=number(result["left_out"])),
        *([_("%(n)s asked to confirm changes", n=number(result["asked"]))] if result.get("asked") else []),
    ]
    return "; ".join(parts)


def _in_general(result: dict[str, Any]) -> str:
    parts = [f"{name.replace('_', ' ')}: {_value(value)}" for name, value in result.items() if value is not None]
    return "; ".join(parts) or _("Done.")


def _recounted(result: dict[str, Any]) -> str:
    lectures, left = result["lectures"], len(result["left_out"])
    parts = [_n("%(n)s lecture recounted", "%(n)s lectures recounted", lectures, n=number(lectures))]
    if "gained" in result:
        parts.append(_("%(n)s gained", n=number(result["gained"])))
        parts.append(_("%(n)s lost", n=number(result["lost"])))
    else:
        changed = result["changed"]
        parts.append(_n("%(n)s attendance saved", "%(n)s attendances saved", changed, n=number(changed)))
    if left:
        parts.append(_n("%(n)s left out: %(why)s", "%(n)s left out: %(why)s", left, n=number(left),
                       why=result["left_out"][0]["reason"]))  # fmt: skip
    return "; ".join(parts)


def _value(value: Any) -> str:
    if isinstance(value, list | dict):
        return number(len(value))
    return number(value) if isinstance(value, int | float) and not isinstance(value, bool) else str(value)


def _certificates(result: dict[str, Any]) -> list[str]:
    refused = len(result.get("refused", []))
    return [
        _n("%(n)s issued", "%(n)s issued", result.get("issued", 0), n=number(result.get("issued", 0))),
        _("%(n)s already issued", n=number(result.get("already_issued", 0))),
        _("%(n)s not earned", n=number(result.get("not_earned", 0))),
        _("%(n)s blocked", n=number(refused)),
    ]


_WORDS: dict[str, Callable[[dict[str, Any]], str]] = {
    "issue_certificates": _issued,
    "bundle_certificates": _bundled,
    "render_certificates": _rendered,
    "export_rows": _exported,
    "credit_lecture": _credited,
    "correct_batch": _corrected,
    "decide_nominations": _decided,
    "import_attendance": _imported,
    "nominate_file": _nominated,
    "post_digests": _posted,
    "make_recording_file": _prepared,
    "announce_recording": _announced,
    "claim_unmatched_attendees": _linked,
    "recompute_attendance": _recounted,
    "apply_policy": _recounted,
}
"""What came of a task that is done, in words, by its kind."""

"""Work of staff: descriptions of tasks, and rows of what somebody has to do, with the buttons that do it."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from flask import url_for
from markupsafe import Markup

from lms.attendance.queries.appeals import LectureAppeals
from lms.core.background.jobs import RESTORED, Job, JobState
from lms.core.base.roles import Actor
from lms.core.text.i18n import _, _n, _p
from lms.core.text.punctuation import full_stop, gap, listed
from lms.dashboards.queries.administration import Subjects, subjects_of
from lms.dashboards.queries.waiting import UnmatchedIn
from lms.dashboards.texts import translated, translation, without_class_name
from lms.web.pages.time import number


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


def task_titles() -> dict[str, str]:
    """Titles of tasks by their kind."""
    return {
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
        "render_slides": _("Preparing slides"),
        "read_questions": _("Reading a file of questions"),
        "invite_with_growth": _("E-mails about a new lecture"),
    }


def _describe(job: Job, subjects: Subjects) -> Task:
    title = task_titles().get(job.kind, _("Background task"))
    series = subjects.series.get(job.arguments.get("series_id", 0))
    lecture = subjects.lectures.get(job.arguments.get("lecture_id", 0))
    about = url = report = None
    if series is not None:
        about, url = translation(series).text, url_for("dashboards.series", slug=series.slug)
        report = _report_of_series(job, series.slug)
    elif lecture is not None:
        about, url = translation(lecture).text, url_for("attendance.roster", lecture_id=lecture.id)
        if job.kind == "correct_batch":
            report = url_for("dashboards.corrections", lecture_id=lecture.id, batch=job.arguments["batch"])
        elif job.kind in _PAGES:
            url = url_for(_PAGES[job.kind], lecture_id=lecture.id)
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


def _report_of_series(job: Job, slug: str) -> str | None:
    """The page that says more of a task of a series."""
    if job.kind == "issue_certificates":
        return url_for("certificates.progress", slug=slug, job_id=job.public_id)
    if job.kind == "nominate_file":
        return url_for("nominations.file_preview", upload_id=job.arguments["file_id"])
    if job.kind == "read_questions" and job.state is JobState.DONE:
        return url_for("checks.preview_file", slug=slug, file_id=job.arguments["file_id"])
    return None


def _outcome(job: Job) -> str | None:
    if job.state is JobState.FAILED and job.error == RESTORED:
        return _("It was ended when a backup was restored. It may have been completed after the backup was taken.")
    if job.state is JobState.FAILED:
        reason = without_class_name(job.error or "")
        return reason or _("It stopped because of an error. Details are in the server’s log.")
    if job.state is JobState.STOPPED:
        return _("Stopped by hand.")
    if job.state is not JobState.DONE:
        return None
    return _WORDS.get(job.kind, _in_general)(job.result or {})


def _counts(*counts: tuple[str, int]) -> str:
    """Numbers with their words: Issued: 12; Blocked: 1."""
    return listed((_("%(what)s: %(n)s", what=what, n=number(count)) for what, count in counts), ";")


def _made(counts: str, result: dict[str, Any]) -> str:
    """Returns what a file contains, and whether it still exists."""
    return counts if result.get("file") else _("%(counts)s. The file was deleted. Request it again.", counts=counts)


def _issued(result: dict[str, Any]) -> str:
    return _counts(
        (_p("number", "Issued"), result.get("issued", 0)),
        (_("Already issued"), result.get("already_issued", 0)),
        (_("Not earned"), result.get("not_earned", 0)),
        (_("Blocked"), len(result.get("refused", []))),
    )


def _bundled(result: dict[str, Any]) -> str:
    blocked = len(result["refused"])
    counts = [(_("Certificates"), result["count"]), *([(_("Blocked"), blocked)] if blocked else [])]
    return _made(_counts(*counts), result)


def _rendered(result: dict[str, Any]) -> str:
    return _counts(
        (_("Created"), result["made"]),
        (_("Already there"), result["kept"]),
        (_("Blocked"), len(result["refused"])),
    )


def _exported(result: dict[str, Any]) -> str:
    return _made(_counts((_("Rows"), result["rows"])), result)


def _credited(result: dict[str, Any]) -> str:
    return _counts((_("Attendances saved"), result.get("changed", 0)))


def _prepared(_result: dict[str, Any]) -> str:
    return _("The file is on the page of the recording for a day.")


def _announced(result: dict[str, Any]) -> str:
    if result.get("is_announced"):
        return _("People who missed the lecture, or part of it, get an e-mail.")
    return _("No e-mail: the recording was removed, or the lecture was held long ago.")


def _decided(result: dict[str, Any]) -> str:
    left = result["left_out"]
    return _counts((_("Changed"), result["changed"]), *([(_("Left out"), left)] if left else []))


def _imported(result: dict[str, Any]) -> str:
    counts = _counts(
        (_("New records"), result["created"] + result["updated"]),
        (_("Unmatched"), result["unmatched"]),
        (_p("rows", "Rejected"), result["rejected"]),
    )
    return gap().join([counts + full_stop(), *result.get("notes", [])])


def _posted(result: dict[str, Any]) -> str:
    return _counts((_("Sent"), result["posted"]))


def _linked(result: dict[str, Any]) -> str:
    return _counts((_("Lectures changed"), result["lectures"]))


def _nominated(result: dict[str, Any]) -> str:
    drafts, confirmations = result.get("drafted", 0), result.get("asked", 0)
    made = sum(count for state, count in result.items() if state not in ("unchanged", "left_out", "asked", "drafted"))
    return _counts(
        (_("Nominated"), made),
        *([(_("Saved as drafts"), drafts)] if drafts else []),
        (_("Already nominated"), result["unchanged"]),
        (_("Left out"), result["left_out"]),
        *([(_("Asked to confirm changes"), confirmations)] if confirmations else []),
    )


def _in_general(_result: dict[str, Any]) -> str:
    return _("Done")


def _recounted(result: dict[str, Any]) -> str:
    counts = [(_("Lectures recounted"), result["lectures"])]
    if "gained" in result:
        counts += [(_("Gained"), result["gained"]), (_("Lost"), result["lost"])]
    else:
        counts.append((_("Attendances saved"), result["changed"]))
    left = result["left_out"]
    if not left:
        return _counts(*counts)
    return _("%(counts)s (%(reason)s)", counts=_counts(*counts, (_("Left out"), len(left))), reason=left[0]["reason"])


def _paged(result: dict[str, Any]) -> str:
    if result.get("is_superseded"):
        return _("The file was replaced or removed in the meantime.")
    if not result["pages"]:
        return _("The slides cannot be shown. The page of the slides says why.")
    return _counts((_("Pages"), result["pages"]))


_PAGES = {
    "make_recording_file": "recordings.recording",
    "announce_recording": "recordings.recording",
    "render_slides": "slides.slides",
}
"""The page that a task on a lecture leads to, where that is not the roster, by its kind."""


def _read_questions(result: dict[str, Any]) -> str:
    return _counts(
        (_("Questions in the preview"), result.get("new", 0)),
        (_("Here already"), result.get("unchanged", 0)),
        (_("Not read"), result.get("rejected", 0)),
    )


_WORDS: dict[str, Callable[[dict[str, Any]], str]] = {
    "issue_certificates": _issued,
    "bundle_certificates": _bundled,
    "render_certificates": _rendered,
    "export_rows": _exported,
    "credit_lecture": _credited,
    "correct_batch": _decided,
    "decide_nominations": _decided,
    "import_attendance": _imported,
    "nominate_file": _nominated,
    "read_questions": _read_questions,
    "post_digests": _posted,
    "make_recording_file": _prepared,
    "announce_recording": _announced,
    "claim_unmatched_attendees": _linked,
    "recompute_attendance": _recounted,
    "apply_policy": _recounted,
    "render_slides": _paged,
}
"""What came of a task that is done, in words, by its kind."""


_NEVER = datetime.max.replace(tzinfo=UTC)
_NAMED = 2
"""How many titles a row names before it counts the others."""


@dataclass(frozen=True)
class TodoStep:
    """A button or link of a row. `is_post`: a form that is sent at once."""

    label: str
    url: str
    is_post: bool = False
    testid: str = ""


@dataclass(frozen=True)
class TodoRow:
    """One thing to do. `links` are further steps, shown as text; `since` is since when it waits."""

    what: str
    url: str
    about: str | Markup
    steps: Sequence[TodoStep]
    why: str = ""
    links: Sequence[TodoStep] = ()
    since: datetime | None = None
    testid: str = ""


def oldest_first(rows: Iterable[TodoRow]) -> list[TodoRow]:
    """Those that wait longest first, those of unknown age last."""
    return sorted(rows, key=lambda row: row.since or _NEVER)


def titles_in_words(items: Sequence[Any]) -> Markup:
    """The first titles of series or lectures, and how many more there are."""
    named = Markup(", ").join(translated(item) for item in items[:_NAMED])
    more = len(items) - _NAMED
    return named if more <= 0 else Markup(" ").join([named, _n("and %(num)s more", "and %(num)s more", more)])


def appeal_rows(appeals: Sequence[LectureAppeals]) -> Iterable[TodoRow]:
    """A row for all open appeals, if there are any."""
    if not appeals:
        return
    count = sum(row.count for row in appeals)
    url = url_for("attendance.appeals")
    if count == 1:
        url = url_for("attendance.appeal_page", appeal_id=appeals[0].public_id)
    yield TodoRow(
        _n("One appeal", "%(num)s appeals", count),
        url,
        titles_in_words(appeals),
        [TodoStep(_p("verb", "Answer"), url)],
        since=appeals[0].oldest,
        testid="appeals",
    )


def unmatched_rows(lectures: Sequence[UnmatchedIn]) -> Iterable[TodoRow]:
    """A row for all attendees whom nobody has identified, if there are any."""
    if not lectures:
        return
    url = url_for("dashboards.unmatched")
    yield TodoRow(
        _n("%(num)s attendee to identify", "%(num)s attendees to identify", sum(row.count for row in lectures)),
        url,
        titles_in_words(lectures),
        [TodoStep(_("Identify"), url)],
        since=min((row.began for row in lectures if row.began is not None), default=None),
    )


def drafts_row(slug: str, title: Markup, count: int, since: datetime | None = None) -> TodoRow:
    """A public series with lectures that are not published."""
    url = url_for("dashboards.publish", slug=slug)
    what = _n("One lecture to publish", "%(num)s lectures to publish", count)
    return TodoRow(what, url, title, [TodoStep(_("Review"), url)], since=since)

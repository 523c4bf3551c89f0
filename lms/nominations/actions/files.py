"""Files of nominees: read once, previewed from what was read, and nominated in pieces that can be repeated."""

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import func, select

from lms.catalogue.models import Series
from lms.core.background.jobs import Job, JobState, request_job
from lms.core.base.errors import Fault, NotFound, TooLarge
from lms.core.base.roles import Actor
from lms.core.database.bulk import chunks
from lms.core.database.session import action, db
from lms.core.storage.staged import StagedFiles
from lms.core.text.i18n import _
from lms.enrolment import seats
from lms.enrolment.queries.answers import LaterQuestions, questions_to_come
from lms.nominations.actions.nominating import nominate
from lms.nominations.actions.profile_requests import ask_to_confirm
from lms.nominations.models import Nomination
from lms.nominations.queries.checking import CheckedNominees, check_nominees
from lms.nominations.queries.profile_requests import ChangedProfile, count_asked, to_ask
from lms.nominations.rules import check_can_nominate
from lms.people.models import Country
from lms.people.people_files import NOMINEE_COLUMNS, PersonRow, stage_people

JOB: Final = "nominate_file"
LARGE: Final = 5_000
"""Files with more rows are nominated in the background."""
MOST_ROWS: Final = 50_000
AT_ONCE: Final = 2_000
"""The number of rows that a background job nominates in one transaction."""

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class NomineeFile:
    """A file as it was read: `lines` has the cells of each row by its line in the file."""

    id: str
    name: str
    series_id: int
    country_id: int
    at: datetime
    rows: list[PersonRow]
    rejected: list[Fault]
    notes: list[str]
    headings: list[str]
    columns: dict[str, int | None]
    lines: dict[int, list[str]]

    @property
    def total(self) -> int:
        """How many rows the file has."""
        return len(self.lines)

    def cell(self, line: int, column: str) -> str:
        """Returns what a row says in one of the known columns."""
        index, cells = self.columns.get(column), self.lines.get(line, [])
        return cells[index] if index is not None and index < len(cells) else ""


@dataclass(frozen=True)
class FilePreview:
    """The effects of nominating the file now. `places` is what is left of the country's quota, null where no quota is
    kept; `to_ask` are the people who can be asked to confirm what the file says otherwise than their profiles.
    `questions` are those that the nominees who accept will be asked."""

    checked: CheckedNominees
    to_ask: Sequence[ChangedProfile]
    places: int | None
    kept_until: datetime | None
    questions: LaterQuestions

    @property
    def good(self) -> int:
        """How many people can be nominated."""
        return len(self.checked.good)

    @property
    def going(self) -> int:
        """How many of them go out; the others stay drafts."""
        return self.good if self.places is None else min(self.good, self.places)


@dataclass(frozen=True)
class FileResult:
    """The result of a file: new nominations by state, people who were nominated before, rows left out, and how many
    people were asked to confirm changes."""

    made: Mapping[str, int]
    unchanged: int
    rejected: list[Fault]
    requested: int = 0

    @property
    def created(self) -> int:
        """How many nominations were made."""
        return sum(self.made.values())


_FILES: Final = StagedFiles("nominations", NomineeFile)
_RESULTS: Final = StagedFiles("nominated", FileResult)


def keep_file(series: Series, content: bytes, *, name: str, country_id: int, by: Actor, at: datetime) -> str:
    """Reads a file and keeps what was read for its preview; returns its id. Nobody is nominated.

    Raises NotFound and Refused as `nominate`; Invalid, WrongKind and TooLarge for a file that cannot be read.
    """
    check_can_nominate(series, by, country_id)
    staged = stage_people(content, look_up_nameless=False, known=NOMINEE_COLUMNS)
    if staged.total > MOST_ROWS:
        raise TooLarge(_("The file has more than %(n)s rows.", n=MOST_ROWS))
    file = NomineeFile(
        id=secrets.token_urlsafe(12),
        name=name[:200],
        series_id=series.id,
        country_id=country_id,
        at=at,
        rows=staged.rows,
        rejected=staged.rejected,
        notes=staged.notes,
        headings=staged.table.headings,
        columns=staged.columns,
        lines=dict(staged.table.rows),
    )
    _FILES.keep(file.id, file, by=by, at=at)
    return file.id


def find_file(file_id: str, *, by: Actor, at: datetime) -> NomineeFile:
    """A file that the actor sent within the last day. Raises NotFound."""
    file = _FILES.find(file_id, by=by, at=at)
    if file is None:
        raise NotFound
    return file


def preview_file(file: NomineeFile, *, by: Actor, at: datetime) -> FilePreview:
    """Returns what nominating a file would do now: all its rows checked, those with a problem by line. Writes
    nothing."""
    series = db.session.get_one(Series, file.series_id)
    check_can_nominate(series, by, file.country_id)
    checked = check_nominees(series, file.rows, country_id=file.country_id, at=at)
    checked.rejected = sorted([*file.rejected, *checked.rejected], key=lambda fault: fault.row or 0)
    asks = to_ask(checked.changed, at=at)
    quota = seats.find_quota(series.id, file.country_id)
    code = db.session.get_one(Country, file.country_id).code
    people = [(one.person_id, code, one.sector.value if one.sector else None) for one in checked.good]
    questions = questions_to_come(series.id, people, by=by, at=at)
    if quota is None or not quota.is_kept(at):
        return FilePreview(checked, asks, None, None, questions)
    return FilePreview(checked, asks, quota.seats - quota.used, quota.kept_until, questions)


def drop_file(file_id: str, *, by: Actor) -> None:
    """Deletes a file and what came of it."""
    _FILES.drop(file_id, by=by)
    _RESULTS.drop(file_id, by=by)


def nominate_file(file: NomineeFile, *, submit: bool, ask: bool = False, by: Actor, at: datetime) -> FileResult:
    """Nominates everybody of a file who can be nominated, in one transaction; then, on `ask`, asks people to confirm
    what the file says otherwise than their profiles. Again, it changes nothing."""
    answer = nominate(
        file.series_id,
        file.rows,
        country_id=file.country_id,
        by=by,
        at=at,
        submit=submit,
        rejected=file.rejected,
    )
    if ask:
        ask_to_confirm(answer.changed, country_id=file.country_id, by=by, at=at)
    return _keep_result(file, answer.unchanged, answer.rejected, by=by, at=at)


def request_file(file: NomineeFile, *, submit: bool, ask: bool = False, by: Actor, at: datetime) -> Job:
    """Requests that a file is nominated in the background. Returns the waiting or running job if there is one."""
    check_can_nominate(db.session.get_one(Series, file.series_id), by, file.country_id)
    return _request(file, submit=submit, ask=ask, by=by, at=at)


@action
def _request(file: NomineeFile, *, submit: bool, ask: bool, by: Actor, at: datetime) -> Job:
    there = find_job(file, by=by)
    if there is not None:
        return there
    arguments = {
        "file_id": file.id, "series_id": file.series_id, "submit": submit, "by": by.person_id, "at": at.isoformat(),
        "ask": ask,
    }  # fmt: skip
    return request_job(JOB, arguments, by=by, at=at, total=len(file.rows))


def find_job(file: NomineeFile, *, by: Actor) -> Job | None:
    """The waiting or running job that nominates the people of a file."""
    waiting = select(Job).where(
        Job.kind == JOB, Job.state.in_([JobState.QUEUED, JobState.RUNNING]), Job.asked_by == by.person_id
    )
    return next((one for one in db.session.scalars(waiting) if one.arguments["file_id"] == file.id), None)


def nominate_large_file(
    file: NomineeFile, *, submit: bool, ask: bool = False, by: Actor, at: datetime, progress: Progress
) -> FileResult:
    """As `nominate_file`, some thousand rows at a time.

    If it is interrupted and run again, it continues there, with the same result.
    """
    rejected = list(file.rejected)
    done = 0
    for piece in chunks(file.rows, AT_ONCE):
        answer = nominate(file.series_id, piece, country_id=file.country_id, by=by, at=at, submit=submit)
        rejected += answer.rejected
        if ask:
            ask_to_confirm(answer.changed, country_id=file.country_id, by=by, at=at)
        done += len(piece)
        progress(done, len(file.rows))
    made = sum(_made(file, by=by, at=at).values())
    unchanged = file.total - made - len(rejected)
    return _keep_result(file, unchanged, sorted(rejected, key=lambda fault: fault.row or 0), by=by, at=at)


def _made(file: NomineeFile, *, by: Actor, at: datetime) -> dict[str, int]:
    """How many nominations the file made, by their state now."""
    query = select(Nomination.state, func.count()).where(
        Nomination.series_id == file.series_id,
        Nomination.country_id == file.country_id,
        Nomination.nominated_by_id == by.person_id,
        Nomination.created_at == at,
    )
    counts = db.session.execute(query.group_by(Nomination.state))
    return {state.value: count for state, count in counts}


def _keep_result(file: NomineeFile, unchanged: int, rejected: list[Fault], *, by: Actor, at: datetime) -> FileResult:
    """Keeps what came of a file; where the same file was nominated before, what came of it then."""
    requested = count_asked(file.country_id, by=by, at=at)
    result = FileResult(_made(file, by=by, at=at), unchanged, rejected, requested)
    if result.created or requested or find_result(file.id, by=by, at=at) is None:
        _RESULTS.keep(file.id, result, by=by, at=at)
    return result


def find_result(file_id: str, *, by: Actor, at: datetime) -> FileResult | None:
    """Returns what came of a file; None while it waits."""
    return _RESULTS.find(file_id, by=by, at=at)

"""Reads the files of a lecture for the people who can open them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import and_, func, or_, select

from lms.catalogue.models import Lecture, Series
from lms.catalogue.queries.lectures import get_lecture
from lms.catalogue.rules import may_edit_lecture
from lms.catalogue.visibility import shown_lecture, visible
from lms.core.base.errors import Forbidden, NotFound
from lms.core.base.roles import Actor
from lms.core.database.bulk import among
from lms.core.database.search import Match, match_of_title
from lms.core.database.session import db, read, read_value
from lms.core.text.translations import main_language
from lms.enrolment.queries.people import list_of_person
from lms.enrolment.queries.rows import find_enrolment
from lms.enrolment.rules import is_enrolled
from lms.materials.models import Audience, FileDownloads, FileState, LectureFile
from lms.materials.rules import may_open


@dataclass(frozen=True)
class FileView:
    """One file as its reader sees it: `size` in bytes; `downloads` and `finding` for the lecture's staff.

    `opens`: whether the reader can open it now.
    """

    public_id: str
    title: str
    file_name: str
    kind: str
    size: int
    audience: Audience
    state: FileState
    uploaded_at: datetime
    opens: bool
    finding: str | None = None
    downloads: int | None = None


def list_files(lecture: Lecture, *, enrolled: bool, by: Actor) -> list[FileView]:
    """The files of a lecture that the reader sees, in order.

    Staff see all. Enrolled people also see, without a way to open them, those that open after the lecture.
    """
    is_staff = may_edit_lecture(lecture, by)
    of_lecture = LectureFile.lecture_id == lecture.id
    counts = select(FileDownloads.file_id, FileDownloads.count).join(
        LectureFile, LectureFile.id == FileDownloads.file_id
    )
    downloads = dict(read(counts.where(of_lecture))) if is_staff else {}
    query = select(LectureFile).where(of_lecture).order_by(LectureFile.position, LectureFile.id)
    views = []
    for file in db.session.scalars(query):
        opens = may_open(file, lecture, is_enrolled=enrolled, by=by)
        is_announced = enrolled and file.state is FileState.READY
        if opens or is_announced:
            views.append(
                _view(file, opens=opens, downloads=downloads.get(file.id, 0) if is_staff else None, is_staff=is_staff)
            )
    return views


def _view(file: LectureFile, *, opens: bool, downloads: int | None, is_staff: bool) -> FileView:
    return FileView(
        public_id=file.public_id,
        title=file.title,
        file_name=file.file_name,
        kind=file.kind,
        size=file.size,
        audience=file.audience,
        state=file.state,
        uploaded_at=file.uploaded_at,
        opens=opens,
        finding=file.finding if is_staff else None,
        downloads=downloads,
    )


def get_files_to_edit(lecture_id: int, *, by: Actor) -> tuple[Lecture, list[FileView]]:
    """A lecture and all its files, for its staff. Raises NotFound and Forbidden."""
    lecture = get_lecture(lecture_id, by=by)
    if not may_edit_lecture(lecture, by):
        raise Forbidden
    return lecture, list_files(lecture, enrolled=False, by=by)


def find_file(lecture_id: int, public_id: str) -> LectureFile | None:
    """A file of a lecture, without a permission check."""
    query = select(LectureFile).where(LectureFile.lecture_id == lecture_id, LectureFile.public_id == public_id)
    return db.session.scalar(query)


def get_file_to_open(lecture_id: int, public_id: str, *, by: Actor) -> tuple[LectureFile, bool]:
    """A file that the reader can open, and whether the reader is of the lecture's staff. Raises NotFound."""
    lecture = get_lecture(lecture_id, by=by)
    file = find_file(lecture_id, public_id)
    enrolment = find_enrolment(lecture.series_id, by.person_id) if by.person_id is not None else None
    if file is None or not may_open(file, lecture, is_enrolled=is_enrolled(enrolment), by=by):
        raise NotFound
    return file, may_edit_lecture(lecture, by)


def files_to_scan(*, limit: int = 20) -> Sequence[tuple[int, str]]:
    """Files that wait for the virus scanner, oldest first: id, and where the content is kept."""
    rows: Any = select(LectureFile).where(LectureFile.state == FileState.WAITING).order_by(LectureFile.id).limit(limit)
    return [(file.id, file.key) for file in db.session.scalars(rows)]


def copyable(lecture_ids: Iterable[int]) -> Any:
    """The condition for files of these lectures that a copy of the lecture gets: all that the scanner let pass."""
    return and_(among(LectureFile.lecture_id, lecture_ids), LectureFile.state != FileState.REFUSED)


def count_copyable(lecture_ids: Iterable[int]) -> int:
    """How many files copies of these lectures would get."""
    return int(read_value(select(func.count(LectureFile.id)).where(copyable(lecture_ids))) or 0)


def is_shared(file: LectureFile) -> bool:
    """Whether another file has its content in the same place, as copies of a lecture have."""
    same = or_(LectureFile.content_of == file.content_id, LectureFile.public_id == file.content_id)
    query = select(LectureFile.id).where(same, LectureFile.digest == file.digest, LectureFile.id != file.id)
    return db.session.scalar(query.limit(1)) is not None


@dataclass(frozen=True)
class FileFound:
    """A file whose title or file name fits; `file_name` where only that fits."""

    public_id: str
    lecture_id: int
    title: str
    lecture: Lecture
    language: str
    match: Match
    file_name: str | None = None


def find_files(phrases: tuple[str, ...], *, by: Actor) -> list[FileFound]:
    """The files that the actor can open and whose titles or file names fit, the closest and then the newest first."""
    names = select(LectureFile.id, LectureFile.title, LectureFile.file_name).join(Lecture).join(Series)
    matches: dict[int, tuple[Match, bool]] = {}
    for row in read(names.where(visible(by), shown_lecture(by))):
        for name in (row.title, row.file_name):
            if row.id not in matches and (match := match_of_title(phrases, name)) is not None:
                matches[row.id] = match, name is not row.title
    if not matches:
        return []
    taken = list_of_person(by.person_id) if by.person_id is not None else []
    enrolled_ids = {row.series_id for row in taken if is_enrolled(row)}
    query = select(LectureFile, Lecture).join(Lecture).where(among(LectureFile.id, matches))
    results = [
        FileFound(
            file.public_id,
            lecture.id,
            file.title,
            lecture,
            main_language(lecture),
            matches[file.id][0],
            file.file_name if matches[file.id][1] else None,
        )
        for file, lecture in db.session.execute(query.order_by(LectureFile.id.desc()))
        if may_open(file, lecture, is_enrolled=lecture.series_id in enrolled_ids, by=by)
    ]
    return sorted(results, key=lambda file: file.match)


def count_files(lecture_ids: Sequence[int]) -> dict[int, int]:
    """How many files each of these lectures has; those without any are not in it."""
    query = select(LectureFile.lecture_id, func.count()).where(LectureFile.lecture_id.in_(lecture_ids))
    return dict(read(query.group_by(LectureFile.lecture_id))) if lecture_ids else {}


def stored_keys() -> set[str]:
    """The keys of the content of all lecture files."""
    return {file.key for file in db.session.scalars(select(LectureFile))}

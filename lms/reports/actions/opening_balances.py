"""Opening balances: rows checked one by one, typed or from a file; sets and rows entered, edited and deleted."""

import re
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

from sqlalchemy import select

from lms.catalogue.models import Series
from lms.core.base.errors import Fault, Forbidden, Invalid, NotFound, Refused, TooLarge
from lms.core.base.import_answers import ImportAnswer
from lms.core.base.roles import Actor
from lms.core.database.audit import record
from lms.core.database.session import action, db, one_at_a_time
from lms.core.storage.staged import StagedFiles
from lms.core.storage.tables import FileTemplate, read_table
from lms.core.text.i18n import _
from lms.core.text.typed_text import clean_line, clean_text
from lms.core.time import clock
from lms.people.queries.countries import country_ids, unknown_country
from lms.people.queries.country_names import code_of_name
from lms.reports.models import OpeningRow, OpeningSet

FIELDS = ("lecture", "date", "series", "country", "attendances")
_EXAMPLE = {"lecture": "Example lecture", "date": "2019-03-28", "series": "Example series"}
TEMPLATE = FileTemplate(
    FIELDS,
    (_EXAMPLE | {"country": "KE", "attendances": "120"}, _EXAMPLE | {"country": "VN", "attendances": "85"}),
)
"""Headings of a file, in any order; further ones are ignored."""
MOST_ROWS = 10_000
MOST_ATTENDANCES = 1_000_000
_NUMBER = re.compile(r"[0-9]{1,9}|[0-9]{1,3}(,[0-9]{3}){1,2}")


@dataclass(frozen=True)
class OpeningDraft:
    """One row: a lecture of a day, the series' name (may be empty), a country's code (empty: not stated), the count."""

    title: str
    day: date
    series_name: str
    country_code: str
    attendances: int

    @property
    def title_key(self) -> str:
        """The title for comparing."""
        return self.title.casefold()


@dataclass
class StagedOpening:
    """A parsed file: (line, row) of valid rows, and the others with reasons."""

    rows: list[tuple[int, OpeningDraft]] = field(default_factory=list)
    rejected: list[Fault] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    read: int = 0


def draft_of(cells: Mapping[str, str]) -> OpeningDraft:
    """A row of what was typed, by the names of FIELDS. Raises Invalid with every field that is wrong."""
    faults: list[Fault] = []
    title, series = clean_line(cells.get("lecture")), clean_line(cells.get("series"))
    country = clean_line(cells.get("country"))
    country = (code_of_name(country) or country).upper()
    if not 1 <= len(title) <= 300:
        faults.append(Fault(_("Enter 1 to %(n)s characters.", n=300), field="lecture"))
    if len(series) > 300:
        faults.append(Fault(_("The name of the series is longer than %(n)s characters.", n=300), field="series"))
    day = _read_day(cells.get("date", ""))
    if day is None:
        faults.append(Fault(_("Enter the date as year-month-day, such as 2021-03-28."), field="date"))
    count = _read_count(cells.get("attendances", ""))
    if count is None:
        reason = _("Attendances must be a whole number of at most %(n)s.", n=f"{MOST_ATTENDANCES:,}")
        faults.append(Fault(reason, field="attendances"))
    elif count == 0 and country:
        faults.append(Fault(_("Enter at least one attendance for each country."), field="attendances"))
    if faults or day is None or count is None:
        raise Invalid(faults=faults)
    return OpeningDraft(title, day, series, country, count)


def _read_day(text: str) -> date | None:
    text = text.strip().removesuffix(" 00:00:00")
    try:
        day = date.fromisoformat(text) if len(text) == 10 else None
    except ValueError:
        return None
    return day if day is not None and day.year >= 1990 else None


def _read_count(text: str) -> int | None:
    text = "".join(text.split())
    if not _NUMBER.fullmatch(text):
        return None
    number = int(text.replace(",", ""))
    return number if number <= MOST_ATTENDANCES else None


def stage_opening(content: bytes) -> StagedOpening:
    """Reads a file (CSV, XLSX). Raises Invalid where it lacks a heading, TooLarge, and what `read_table` raises."""
    table = read_table(content)
    columns = {name: table.column(name) for name in FIELDS}
    missing = [name for name in ("lecture", "date", "attendances") if columns[name] is None]
    if missing:
        raise Invalid("file", _("The file has no heading “%(name)s”.", name=missing[0]))
    if len(table.rows) > MOST_ROWS:
        raise TooLarge(_("The file has more than %(n)s rows.", n=f"{MOST_ROWS:,}"))
    staged = StagedOpening(read=len(table.rows))
    staged.notes = [_("The file has no column “%(name)s”.", name=name) for name in FIELDS if columns[name] is None]
    seen: dict[tuple[date, str, str], int] = {}
    for line, cells in table.rows:
        given = {name: cells[at] for name, at in columns.items() if at is not None and at < len(cells)}
        try:
            draft = draft_of(given)
        except Invalid as error:
            staged.rejected += [Fault(fault.reason, field=fault.field, row=line) for fault in error.faults]
            continue
        first = seen.setdefault((draft.day, draft.title_key, draft.country_code), line)
        if first == line:
            staged.rows.append((line, draft))
        else:
            reason = _("Line %(line)s already has the same lecture, day and country.", line=first)
            staged.rejected.append(Fault(reason, row=line))
    return staged


MOST_DECLARED = 100_000_000
_LOCK = "opening balances"
_FILES = StagedFiles("opening", StagedOpening)


@action
def create_opening_set(name: str, note: str, declared: int | None, *, by: Actor, at: datetime) -> str:
    """Creates a set and returns its public id. `declared` is the number of different people, as declared by the
    organiser.

    Raises Forbidden, Invalid.
    """
    _check_administrator(by)
    row = OpeningSet(public_id=secrets.token_hex(6), created_at=at)
    _fill(row, name, note, declared)
    db.session.add(row)
    db.session.flush()
    detail = {"name": row.name, "declared_participants": declared}
    record("create_opening_set", by=by, at=at, detail=detail, opening_set=row.id)
    return row.public_id


@action
def edit_opening_set(public_id: str, name: str, note: str, declared: int | None, *, by: Actor, at: datetime) -> None:
    """Edits a set. Raises Forbidden, NotFound, Invalid."""
    _check_administrator(by)
    row = _set(public_id)
    before = {"name": row.name, "declared_participants": row.declared_participants}
    _fill(row, name, note, declared)
    after = {"name": row.name, "declared_participants": declared}
    record("edit_opening_set", by=by, at=at, detail={"before": before, "after": after}, opening_set=row.id)


@action
def remove_opening_set(public_id: str, *, by: Actor, at: datetime) -> None:
    """Deletes a set with all its rows. Raises Forbidden, NotFound."""
    _check_administrator(by)
    row = _set(public_id)
    rows = list(db.session.scalars(select(OpeningRow).where(OpeningRow.set_id == row.id)))
    detail = {"name": row.name, "rows": len(rows), "attendances": sum(one.attendances for one in rows)}
    record("remove_opening_set", by=by, at=at, detail=detail, opening_set=row.id)
    for balance in rows:
        db.session.delete(balance)
    db.session.flush()
    db.session.delete(row)


def _fill(row: OpeningSet, name: str, note: str, declared: int | None) -> None:
    name, note = clean_line(name), clean_text(note)
    faults = []
    if not 1 <= len(name) <= 200:
        faults.append(Fault(_("Enter 1 to %(n)s characters.", n=200), field="name"))
    if len(note) > 4000:
        faults.append(Fault(_("Use at most %(n)s characters.", n=4000), field="note"))
    if declared is not None and not 0 <= declared <= MOST_DECLARED:
        reason = _("Enter a whole number of at most %(n)s.", n=f"{MOST_DECLARED:,}")
        faults.append(Fault(reason, field="declared_participants"))
    if faults:
        raise Invalid(faults=faults)
    row.name, row.note, row.declared_participants = name, note, declared


@action
def add_opening_row(public_id: str, draft: OpeningDraft, *, by: Actor, at: datetime) -> int:
    """Enters one row; returns its id. Raises Forbidden, NotFound, Invalid, Refused (it is there already)."""
    _check_administrator(by)
    one_at_a_time(_LOCK)
    set_id = _set(public_id).id
    known = _Known([draft], at=at)
    known.check(draft)
    if known.find(draft) is not None:
        raise Refused(_("This lecture is already entered for that day and country."))
    row = OpeningRow(set_id=set_id)
    known.fill(row, draft)
    db.session.add(row)
    db.session.flush()
    record("add_opening_row", by=by, at=at, detail=_as_json(row), opening_set=set_id)
    return row.id


@action
def edit_opening_row(row_id: int, draft: OpeningDraft, *, by: Actor, at: datetime) -> None:
    """Edits one row. Raises Forbidden, NotFound, Invalid, Refused (another row already has this content)."""
    _check_administrator(by)
    one_at_a_time(_LOCK)
    row = _row(row_id)
    known = _Known([draft], at=at)
    known.check(draft)
    if known.find(draft) not in (None, row):
        raise Refused(_("This lecture is already entered for that day and country."))
    before = _as_json(row)
    known.fill(row, draft)
    record("edit_opening_row", by=by, at=at, detail={"before": before, "after": _as_json(row)}, opening_set=row.set_id)


@action
def remove_opening_row(row_id: int, *, by: Actor, at: datetime) -> None:
    """Deletes one row. Raises Forbidden, NotFound."""
    _check_administrator(by)
    row = _row(row_id)
    record("remove_opening_row", by=by, at=at, detail=_as_json(row), opening_set=row.set_id)
    db.session.delete(row)


def keep_file(content: bytes, *, by: Actor, at: datetime) -> str:
    """Reads a file and keeps it for its preview; returns its id. Raises Forbidden, and as `stage_opening`."""
    _check_administrator(by)
    file_id = secrets.token_hex(8)
    _FILES.keep(file_id, stage_opening(content), by=by, at=at)
    return file_id


def find_file(file_id: str, *, by: Actor, at: datetime) -> StagedOpening:
    """A file that the actor sent within the last day. Raises Invalid (`file`) once it is gone."""
    staged = _FILES.find(file_id, by=by, at=at)
    if staged is None:
        raise Invalid("file", _("This upload has expired. Upload the file again."))
    return staged


def drop_file(file_id: str, *, by: Actor) -> None:
    """Deletes a file that was entered."""
    _FILES.drop(file_id, by=by)


@action
def publish_opening(
    public_id: str, staged: StagedOpening, *, skip_bad_rows: bool, by: Actor, at: datetime
) -> ImportAnswer:
    """Enters the rows of a file: creates new ones and updates those of this set with a different count or series.

    The same file again changes nothing. A row that is in another set is an invalid row. Raises Forbidden, NotFound, and
    Invalid with every invalid row unless they are skipped; then nothing is written.
    """
    _check_administrator(by)
    one_at_a_time(_LOCK)
    set_id = _set(public_id).id
    answer = ImportAnswer(rows=staged.read, rejected=list(staged.rejected), notes=list(staged.notes))
    known = _Known((draft for _line, draft in staged.rows), at=at)
    for line, draft in staged.rows:
        try:
            known.check(draft)
        except Invalid as error:
            answer.rejected += [Fault(fault.reason, field=fault.field, row=line) for fault in error.faults]
            continue
        row = known.find(draft)
        if row is None:
            row = OpeningRow(set_id=set_id)
            known.fill(row, draft)
            db.session.add(row)
            answer.created += 1
        elif row.set_id != set_id:
            answer.rejected.append(
                Fault(_("Another set already contains this lecture for that day and country."), row=line)
            )
        elif (row.attendances, row.series_name, row.title) != (draft.attendances, draft.series_name, draft.title):
            known.fill(row, draft)
            answer.updated += 1
        else:
            answer.unchanged += 1
    answer.rejected.sort(key=lambda fault: fault.row or 0)
    if answer.rejected and not skip_bad_rows:
        raise Invalid(faults=answer.rejected)
    if answer.created or answer.updated:
        detail = {"created": answer.created, "updated": answer.updated, "rejected": len(answer.rejected)}
        record("import_opening_rows", by=by, at=at, detail=detail, opening_set=set_id)
    return answer


class _Known:
    """The data against which rows are checked: countries, series by slug and title, and the rows of the same days."""

    def __init__(self, drafts: Iterable[OpeningDraft], *, at: datetime) -> None:
        self._today = clock.day_of(at, clock.reporting_zone())
        self._countries = country_ids()
        self._series: dict[str, int] = {}
        for id_, slug, title in db.session.execute(select(Series.id, Series.slug, Series.title).order_by(Series.id)):
            self._series.setdefault(title.casefold(), id_)
            self._series[slug] = id_
        days = {draft.day for draft in drafts}
        query = select(OpeningRow)
        if days:
            query = query.where(OpeningRow.day >= min(days), OpeningRow.day <= max(days))
        self._rows = {(row.day, row.title_key, row.country_code): row for row in db.session.scalars(query)}

    def check(self, draft: OpeningDraft) -> None:
        """Raises Invalid for an unknown country or a date in the future."""
        faults = []
        if draft.country_code and draft.country_code not in self._countries:
            faults.append(Fault(unknown_country(draft.country_code), field="country"))
        if draft.day > self._today:
            faults.append(Fault(_("The date must not be in the future."), field="date"))
        if faults:
            raise Invalid(faults=faults)

    def find(self, draft: OpeningDraft) -> OpeningRow | None:
        """The row that has this lecture, day and country already."""
        return self._rows.get((draft.day, draft.title_key, draft.country_code))

    def fill(self, row: OpeningRow, draft: OpeningDraft) -> None:
        """Writes a draft into a row."""
        row.day, row.title, row.title_key = draft.day, draft.title, draft.title_key
        row.series_name, row.series_id = draft.series_name, self._series.get(draft.series_name.casefold())
        row.country_code, row.country_id = draft.country_code, self._countries.get(draft.country_code)
        row.attendances = draft.attendances


def _as_json(row: OpeningRow) -> dict[str, str | int]:
    day: date = row.day
    return {
        "lecture": row.title,
        "date": day.isoformat(),
        "series": row.series_name,
        "country": row.country_code,
        "attendances": row.attendances,
    }


def _check_administrator(by: Actor) -> None:
    if not by.is_administrator:
        raise Forbidden


def _set(public_id: str) -> OpeningSet:
    row = db.session.scalar(select(OpeningSet).where(OpeningSet.public_id == public_id).with_for_update())
    if row is None:
        raise NotFound
    return row


def _row(row_id: int) -> OpeningRow:
    row = db.session.get(OpeningRow, row_id, with_for_update=True)
    if row is None:
        raise NotFound
    return row

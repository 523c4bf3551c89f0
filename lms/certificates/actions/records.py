"""Makes learning records, and forgets what they state when their holder is erased."""

import hashlib
from datetime import datetime, timedelta
from typing import NamedTuple

import structlog

from lms.certificates import keys, numbers
from lms.certificates.models import LearningRecord
from lms.certificates.pdf import store
from lms.certificates.pdf.record import RecordContent, render_record
from lms.certificates.pdf.signature import TimestampAway, sign_pdf
from lms.certificates.queries import records
from lms.certificates.queries.certificates import held_people
from lms.core.base.errors import NotFound, Refused
from lms.core.base.roles import SYSTEM, Actor
from lms.core.base.settings import organiser_in, settings
from lms.core.database import audit
from lms.core.database.session import action, db, one_at_a_time
from lms.core.storage import files
from lms.core.storage.file_deletions import delete_after_commit
from lms.core.text.i18n import _, reader_locale
from lms.core.text.typesetting import font_folders
from lms.core.time.clock import day_of, reporting_zone

log = structlog.get_logger(__name__)

MOST_A_DAY = 10
"""How many records are made for one person in 24 hours."""


class MadeRecord(NamedTuple):
    """The number of a record, and whether it was made by this call."""

    number: str
    is_new: bool


def make_record(person_id: int, *, by: Actor, at: datetime) -> MadeRecord:
    """Makes a learning record of a person, in the language of what is being rendered.

    If the latest record was made on the same day and states the same, that one is returned. `person_id` is canonical.
    Raises NotFound, and Refused: nothing to state, no time stamp, too many records.
    """
    records.check_is_holder(person_id, by)
    content = records.record_of(person_id, by=by)
    if not content.series:
        raise Refused(_("There is nothing to record yet. Attend a lecture first."))
    if (same := _find_same(person_id, content, at)) is not None:
        return MadeRecord(same, is_new=False)
    _check_number_made(person_id, at)
    number = numbers.generate()
    pdf = _signed(content, number, at)
    files.store(records.key_of(number), pdf)
    try:
        _keep(person_id, number, content, hashlib.sha256(pdf).hexdigest(), by=by, at=at)
    except Exception:
        files.delete(records.key_of(number))
        raise
    return MadeRecord(numbers.write(number), is_new=True)


def _find_same(person_id: int, content: RecordContent, at: datetime) -> str | None:
    """The number of the latest record, if it states the same of the same day."""
    latest = next(iter(records.rows_of(person_id)), None)
    if latest is None or latest.content != content.as_json():
        return None
    zone = reporting_zone()
    return numbers.write(latest.number) if day_of(latest.made_at, zone) == day_of(at, zone) else None


def _check_number_made(person_id: int, at: datetime) -> None:
    made = sum(row.made_at > at - timedelta(days=1) for row in records.rows_of(person_id))
    if made >= MOST_A_DAY:
        raise Refused(
            _("%(n)s learning records were made within a day. Use one of them, or try again tomorrow.", n=MOST_A_DAY)
        )


def _signed(content: RecordContent, number: str, at: datetime) -> bytes:
    keys.ensure_key(by=SYSTEM, at=at)
    key, written = keys.current(), numbers.write(number)
    pdf = render_record(
        content,
        number=written,
        address=store.address_of(number),
        day=day_of(at, reporting_zone()),
        folders=font_folders(),
    )
    try:
        return sign_pdf(
            pdf,
            key,
            at=at,
            number=written,
            organiser=organiser_in(reader_locale()),
            timestamp_url=settings().timestamp_url,
            document="Learning record",
        )
    except TimestampAway as error:
        log.warning("no time stamp", error=str(error))
        raise Refused(_("The time stamp server is not responding. Try again in a few minutes.")) from error


@action
def _keep(person_id: int, number: str, content: RecordContent, digest: str, *, by: Actor, at: datetime) -> None:
    one_at_a_time(f"certificates.records {person_id}")
    if not held_people([person_id]):  # erased or merged meanwhile
        raise NotFound
    _check_number_made(person_id, at)
    row = LearningRecord(number=number, person_id=person_id, made_at=at, content=content.as_json(), digest=digest)
    db.session.add(row)
    db.session.flush()
    audit.record("make learning record", by=by, at=at, record=row.id, person=person_id)


@action
def forget_records(person_id: int) -> None:
    """Deletes what the records of an erased person state, and their files. Number and digest stay."""
    for row in records.rows_of(person_id):
        row.content = None
        delete_after_commit(records.key_of(row.number))

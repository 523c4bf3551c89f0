"""Changes of certificates that were issued: revoked, withdrawn, superseded, and what merging and erasing do to them."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import func, select

from lms.catalogue.models import CertificateKind
from lms.certificates import keys, numbers, rules
from lms.certificates.actions.bundles import forget_bundles
from lms.certificates.badges import status_list
from lms.certificates.badges.credential import give_badges
from lms.certificates.models import AWARDS, Award, Certificate, CertificateState
from lms.certificates.pdf import store
from lms.certificates.pdf.issue_context import issue_contexts
from lms.certificates.queries import certificates
from lms.certificates.queries.render_jobs import occasion_of
from lms.core.base.events import CountriesMerged, CountryMergeUndone
from lms.core.base.roles import SYSTEM, Actor
from lms.core.database import audit
from lms.core.database.bulk import among
from lms.core.database.cache_versions import touch
from lms.core.database.session import action, db, read_column
from lms.core.storage import journal
from lms.core.storage.file_deletions import delete_after_commit
from lms.core.text.typed_text import clean_text
from lms.people.actions.country_merging import moved_rows
from lms.people.models import Person

MERGED = "merged"  # the reason of a certificate that another of the same person has taken the place of


@action
def revoke(typed: str, *, reason: str, by: Actor, at: datetime) -> None:
    """Revokes a certificate, with a reason. Raises NotFound, Forbidden, Invalid, Refused."""
    row = _locked(typed)
    rules.check_can_revoke(row.state, reason, by)
    row.state, row.reason, row.ended_at = CertificateState.REVOKED, clean_text(reason), at
    journal.record("revoke_certificate", at=at, number=row.number)
    _record("revoke certificate", row, by=by, at=at)


@action
def withdraw(typed: str, *, by: Actor, at: datetime) -> None:
    """Withdraws a certificate at the holder's request. Its number then shows only that it was withdrawn."""
    row = _locked(typed)
    holder = certificates.canonical_ids([row.award.person_id])[row.award.person_id]
    rules.check_can_withdraw(row.state, is_holder=by.is_signed_in and by.person_id == holder, by=by)
    row.state, row.ended_at, row.credential = CertificateState.WITHDRAWN, at, None
    _forget_file(row)
    journal.record("withdraw_certificate", at=at, number=row.number)
    _record("withdraw certificate", row, by=by, at=at)


def _forget_file(row: Certificate) -> None:
    """Deletes the file now, and again after the commit in case it was created in between."""
    store.forget_pdf(row)
    delete_after_commit(store.key_of(row))
    forget_bundles()


def _locked(typed: str) -> Certificate:
    row = certificates.get_row(typed)
    return db.session.scalars(
        select(Certificate).where(Certificate.id == row.id).with_for_update().execution_options(populate_existing=True)
    ).one()


def _record(verb: str, row: Certificate, *, by: Actor, at: datetime) -> None:
    touch(AWARDS, [row.award.series_id])
    status_list.touch([row])
    audit.record(verb, by=by, at=at, certificate=row.id, series=row.award.series_id, person=row.award.person_id)


def _rows_of(*person_ids: int) -> list[tuple[Certificate, Award]]:
    query = (
        select(Certificate, Award)
        .join(Award, Award.id == Certificate.award_id)
        .where(Award.person_id.in_(person_ids))
        .order_by(Certificate.issued_at, Certificate.id)
    )
    return [(row, award) for row, award in db.session.execute(query)]


@action
def supersede(person_id: int, *, by: Actor, at: datetime) -> int:
    """Replaces the person's valid certificates that bear a former name. Returns how many.

    Where the new name cannot be printed, or the signing key is missing, the old certificates remain, and the next
    issuing run says why.
    """
    person = db.session.get_one(Person, person_id)
    ids = db.session.scalars(select(Person.id).where(func.coalesce(Person.canonical_id, Person.id) == person_id))
    old = [row for row, _award in _rows_of(*ids) if row.state is CertificateState.VALID and _is_stale(row, person)]
    if not old:
        return 0
    if not _can_sign(at=at) or store.fault_of_names(person.full_name, person.native_name, store.installed_fonts()):
        audit.record("refuse certificates", by=by, at=at, certificate=[row.id for row in old], person=person_id)
        return 0
    replace_certificates([(row, person) for row in old], by=by, at=at)
    return len(old)


def _can_sign(*, at: datetime) -> bool:
    try:
        keys.ensure_key(by=SYSTEM, at=at)
        keys.current()
    except keys.KeyMissing:
        return False
    return True


def touch_awards(person_ids: Sequence[int]) -> None:
    """Marks awards of these people as changed inside the running action: merged, split, or under another country,
    sector or gender.
    """
    people = select(Person.canonical_id).where(among(Person.id, person_ids))
    members = select(Person.id).where(Person.canonical_id.in_(people))
    touch(AWARDS, list(db.session.scalars(select(Award.series_id).where(Award.person_id.in_(members)).distinct())))


def touch_awards_moved(event: CountriesMerged | CountryMergeUndone) -> None:
    """Marks awards that a merge of countries moved as changed, inside the running action."""
    moved = moved_rows(Award.awarded_country_id, event)
    series = select(Award.series_id).where(among(Award.id, moved)).distinct()
    touch(AWARDS, read_column(series) if moved else [])


def _is_stale(row: Certificate, person: Person) -> bool:
    return (row.name, row.native_name) != (person.full_name, person.native_name)


def replace_certificates(pairs: Sequence[tuple[Certificate, Person]], *, by: Actor, at: datetime) -> None:
    """A successor for each certificate, with the person's current name and the day of the first issue."""
    touch_awards([person.id for _row, person in pairs])
    status_list.touch(row for row, _person in pairs)
    made: list[tuple[Certificate, Award]] = []
    around = issue_contexts([occasion_of(row) for row, _person in pairs])
    for (row, person), now in zip(pairs, around, strict=True):
        row.state, row.ended_at = CertificateState.SUPERSEDED, at
        made.append(
            (
                Certificate(
                    award_id=row.award_id,
                    number=numbers.generate(),
                    name=person.full_name,
                    native_name=person.native_name,
                    series_title=row.series_title,
                    title_language=row.title_language,
                    lectures=row.lectures,
                    hours_ms=row.hours_ms,
                    issued_on=row.issued_on,
                    issued_at=at,
                    design=row.design,
                    organiser=row.organiser or now["organiser"],
                    language=row.language or now["language"],
                    country=now["country"],
                    base_url=now["base_url"],
                    signatory=row.signatory,
                    signatory_office=row.signatory_office,
                    replaces_id=row.id,
                ),
                row.award,
            )
        )
    give_badges(made)
    db.session.add_all(row for row, _award in made)
    audit.record(
        "supersede certificates",
        by=by,
        at=at,
        certificate=[row.id for row, _person in pairs],
        person=[person.id for _row, person in pairs],
    )


@action
def unite(kept_id: int, merged_id: int, *, by: Actor, at: datetime) -> None:
    """After a merge, of two valid certificates of one series and kind the earliest stays."""
    ids = db.session.scalars(select(Person.id).where(func.coalesce(Person.canonical_id, Person.id) == kept_id))
    valid: dict[tuple[int, CertificateKind], Certificate] = {}
    for row, award in sorted(_rows_of(*ids, kept_id, merged_id), key=_earned_first):
        if row.state is not CertificateState.VALID:
            continue
        if valid.setdefault((award.series_id, award.kind), row) is not row:
            row.state, row.ended_at, row.reason = CertificateState.SUPERSEDED, at, MERGED
            _record("supersede certificate", row, by=by, at=at)


def _earned_first(held: tuple[Certificate, Award]) -> tuple[datetime, int]:
    """By when it was earned: a certificate that was corrected since is as early as its award."""
    row, award = held
    return award.awarded_at, row.id


@action
def part(kept_id: int, merged_id: int, *, by: Actor, at: datetime) -> None:
    """Makes the replaced certificate valid again when a merge is undone.

    Of people still merged into the kept person, the certificate stays replaced; a certificate corrected to the kept
    person's name since gets the other person's name again.
    """
    for row, _award in _rows_of(kept_id, merged_id):
        if row.state is CertificateState.SUPERSEDED and row.reason == MERGED:
            row.state, row.ended_at, row.reason = CertificateState.VALID, None, None
            _record("restore certificate", row, by=by, at=at)
    db.session.flush()
    unite(kept_id, kept_id, by=by, at=at)
    if any(row.replaces_id is not None for row, _award in _rows_of(merged_id)):
        supersede(merged_id, by=by, at=at)


@action
def erase_holder(person_id: int, *, withdraw_certificates: bool, by: Actor, at: datetime) -> None:
    """When a person is erased: the certificates stay as they are or, as the person chose, are withdrawn.

    Their badges go either way: what the holder has of them can still be checked. A withdrawn certificate keeps number,
    state and the figures, and loses the name and the file.
    """
    for row, _award in _rows_of(person_id):
        row.credential = None
        if not withdraw_certificates:
            continue
        row.name, row.native_name, row.country, row.reason = "", None, None, None
        if row.state is CertificateState.VALID:
            row.state, row.ended_at = CertificateState.WITHDRAWN, at
        _forget_file(row)
        _record("withdraw certificate", row, by=by, at=at)

"""Quotas of a series: set for many countries at once, released at their moment or by hand."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import select

from lms.catalogue.models import ReleaseRule, Series
from lms.catalogue.queries.series import get_series
from lms.core.base.errors import Fault, Forbidden, Invalid, Refused
from lms.core.base.roles import Actor
from lms.core.database import audit
from lms.core.database.session import action, db, read_column
from lms.core.text.i18n import _, _n
from lms.enrolment import seats
from lms.enrolment.models import CountryQuota
from lms.enrolment.queries.series import count_waiting
from lms.enrolment.quota_files import QuotaRow, StagedQuotas
from lms.people.queries.countries import country_ids, country_names


@dataclass(frozen=True)
class QuotaChange:
    """The effects of a row: how many seats a country has kept now (null: no quota), used, and would have; until
    when."""

    row: QuotaRow
    country_id: int
    before: int | None
    used: int
    is_same: bool


@dataclass(frozen=True)
class QuotaPreview:
    """The effects of a list of quotas: the changes, the rows that cannot be, how many seats would be kept and not taken
    in all, and how many there are for it (null: no limit)."""

    changes: list[QuotaChange]
    rejected: list[Fault]
    total: int
    reserved: int
    free: int | None

    @property
    def fits(self) -> bool:
        """Whether there are enough seats."""
        return self.free is None or self.reserved <= self.free


def check_can_set_quotas(by: Actor) -> None:
    """Raises Forbidden but for administrators."""
    if not by.is_administrator:
        raise Forbidden


def preview_quotas(slug: str, staged: StagedQuotas, *, locale: str, by: Actor) -> QuotaPreview:
    """Returns what `set_quotas` would do with the good rows at this moment, with names in `locale`. For
    administrators."""
    check_can_set_quotas(by)
    return _changes(get_series(slug, by=by), staged, locale)


def _changes(series: Series, staged: StagedQuotas, locale: str) -> QuotaPreview:
    names = country_names(locale)
    ids = country_ids()
    allowed = {country.id for country in series.countries}
    quotas = _quotas_of(series.id)
    changes: list[QuotaChange] = []
    rejected = list(staged.rejected)
    for row in staged.rows:
        country_id, name = ids.get(row.code), names.get(row.code, row.code)
        quota = quotas.get(country_id or 0)
        used = quota.used if quota is not None else 0
        if country_id is None:
            rejected.append(
                Fault(row=row.line, reason=_("There is no country with the code “%(code)s”.", code=row.code))
            )
        elif allowed and country_id not in allowed:
            rejected.append(Fault(row=row.line, reason=_("This series is not open to %(country)s.", country=name)))
        elif row.seats < used:
            rejected.append(Fault(row=row.line, field="seats", reason=_too_low(name, used)))
        else:
            before = quota.seats if quota is not None and quota.released_at is None else None
            same = quota is not None and (before, quota.kept_until) == (row.seats, row.kept_until)
            is_same = same or (quota is None and row.seats == 0)
            changes.append(QuotaChange(row, country_id, before, used, is_same))
    rejected.sort(key=lambda fault: fault.row or 0)
    unused = {key: quota.seats - quota.used for key, quota in quotas.items() if quota.released_at is None}
    unused |= {change.country_id: change.row.seats - change.used for change in changes}
    return QuotaPreview(changes, rejected, staged.total, sum(unused.values()), series.free_seats)


def _too_low(country: str, used: int) -> str:
    return _n(
        "%(num)s place of the quota of %(country)s is already taken or reserved, so it cannot be lower.",
        "%(num)s places of the quota of %(country)s are already taken or reserved, so it cannot be lower.",
        used,
        country=country,
    )


def _quotas_of(series_id: int) -> dict[int, CountryQuota]:
    query = select(CountryQuota).where(CountryQuota.series_id == series_id)
    rows = db.session.scalars(query.execution_options(populate_existing=True))
    return {quota.country_id: quota for quota in rows}


@action
def set_quotas(
    slug: str,
    staged: StagedQuotas,
    *,
    rule: ReleaseRule | None = None,
    locale: str = "en",
    by: Actor,
    at: datetime,
) -> QuotaPreview:
    """Reserves seats for countries until a moment each; other countries are unchanged. No seats end a quota.

    Newly reserved seats go first to waiting people of the country, freed ones to everyone. Returns what changed. The
    same list again changes nothing. `rule`: also sets the rule of the release. Raises Forbidden; Invalid with the bad
    rows, named in `locale`; Refused where there are too few seats.
    """
    check_can_set_quotas(by)
    series = seats.lock(get_series(slug, by=by).id, at=at)
    preview = _changes(series, staged, locale)
    if preview.rejected:
        raise Invalid(faults=preview.rejected)
    if not preview.fits:
        raise Refused(too_many(preview))
    if rule is not None:
        set_release_rule(slug, rule, by=by, at=at)
    changed = [change for change in preview.changes if not change.is_same]
    if not changed:
        return preview
    seats.set_kept(
        series,
        [(change.country_id, change.row.seats, change.row.kept_until) for change in changed],
        _quotas_of(series.id),
        by=by,
        at=at,
    )
    detail = {"quotas": {change.row.code: change.row.seats for change in changed}}
    audit.record("seats.set_quotas", by=by, at=at, detail=detail, series=series.id)
    seats.promote_in(series, by=by, at=at)
    return preview


def too_many(preview: QuotaPreview) -> str:
    """Why a list of quotas does not fit."""
    return _(
        "These quotas keep %(kept)s places, but only %(free)s are not taken. Lower the quotas or raise the capacity of "
        "the series.",
        kept=preview.reserved,
        free=preview.free or 0,
    )


@action
def set_release_rule(slug: str, rule: ReleaseRule, *, by: Actor, at: datetime) -> Series:
    """Sets to whom the series gives seats that countries did not use. For administrators."""
    check_can_set_quotas(by)
    series = seats.lock(get_series(slug, by=by).id, at=at)
    if series.release_rule is not rule:
        series.release_rule = rule
        audit.record("seats.set_rule", by=by, at=at, detail={"rule": rule.value}, series=series.id)
    return series


@dataclass(frozen=True)
class Release:
    """The next release of a series: when, of which countries how many seats that are unused now, how many people wait,
    and who would get seats now, as countries (null: not stated) and numbers, the most first."""

    at: datetime
    unused: Mapping[int, int]
    waiting: int
    winners: list[tuple[int | None, int]] = field(default_factory=list)

    @property
    def seats(self) -> int:
        """How many seats are unused."""
        return sum(self.unused.values())

    @property
    def given(self) -> int:
        """How many of them somebody would get."""
        return sum(number for _country, number in self.winners)

    @property
    def left(self) -> int:
        """How many of them stay free for everybody."""
        return self.seats - self.given


def next_release(series: Series, *, by: Actor, at: datetime) -> Release | None:
    """The next release of a series as it would be now; None where no seats are kept. For those who read all of it."""
    if not by.is_reporter:
        raise Forbidden
    quotas = [quota for quota in _quotas_of(series.id).values() if quota.released_at is None]
    if not quotas:
        return None
    moment = min(quota.kept_until for quota in quotas)
    unused = {quota.country_id: quota.seats - quota.used for quota in quotas if quota.kept_until == moment}
    release = Release(moment, unused, count_waiting(series.id))
    if not (release.waiting and release.seats):
        return release
    line = seats.read_line(series.id, series.release_rule, limit=release.seats, at=at)
    winners = Counter(claim.country_id for claim in line.values()).most_common()
    return Release(moment, unused, release.waiting, winners)


@action
def release_now(slug: str, moment: datetime, *, by: Actor, at: datetime) -> int:
    """Releases the quotas that would lapse at a moment, before it. Returns how many there were.

    For administrators. Refused where they have been released or changed since.
    """
    check_can_set_quotas(by)
    series = seats.lock(get_series(slug, by=by).id, at=at)
    due = [
        quota for quota in _quotas_of(series.id).values() if quota.released_at is None and quota.kept_until == moment
    ]
    if not due:
        raise Refused(_("These quotas were released or changed in the meantime. This is how the places are now."))
    for quota in due:
        quota.kept_until = at
    db.session.flush()
    audit.record("seats.release_now", by=by, at=at, series=series.id)
    return seats.release_due(series.id, by=by, at=at)


def release_lapsed(*, at: datetime) -> int:
    """Releases all quotas that have lapsed, a series at a time; returns of how many series. The worker's part."""
    query = select(CountryQuota.series_id).where(CountryQuota.released_at.is_(None), CountryQuota.kept_until <= at)
    series_ids: Sequence[int] = read_column(query.distinct().order_by(CountryQuota.series_id))
    db.session.rollback()
    for series_id in series_ids:
        _release_series(series_id, at=at)
    return len(series_ids)


@action
def _release_series(series_id: int, *, at: datetime) -> None:
    seats.lock(series_id, at=at)
    seats.release_due(series_id, at=at)

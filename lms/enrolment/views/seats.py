"""The pages of a series' seats: their states, ledger, quotas and release."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from lms.catalogue.models import ReleaseRule, Series
from lms.catalogue.queries.series import get_series
from lms.core.base.errors import Forbidden, Invalid, Refused, TooLarge, WrongKind
from lms.core.base.lists import ListRequest
from lms.core.base.roles import Role
from lms.core.text.i18n import _, _l, _n, _p, name_key
from lms.core.time import clock
from lms.enrolment.forms import QuotasForm
from lms.enrolment.models import SeatKind, SeatReason
from lms.enrolment.queries.seat_entries import LedgerLine, count_seats, list_ledger, list_quotas, read_ledger
from lms.enrolment.quota_files import QuotaRow, StagedQuotas, stage_quota_file, stage_quota_lines
from lms.enrolment.quotas import (
    Release,
    next_release,
    preview_quotas,
    release_now,
    set_quotas,
    set_release_rule,
    too_many,
)
from lms.enrolment.views.blueprint import bp
from lms.people.queries.countries import country_names, country_rows
from lms.web.lists.parts import COUNTRY, Chip, Column, FileColumn
from lms.web.lists.routes import list_files, list_page
from lms.web.lists.view import ListView
from lms.web.pages.locale import reader_locale
from lms.web.request.guards import allow
from lms.web.request.identity import current_actor

SHOWN = 5
"""The number of countries named in the preview of a release, the rest together."""


SEATS = (Role.ADMINISTRATOR, Role.REPORTER, Role.FOCAL_POINT)
_CHANGES = {1: "taken", 0: "", -1: "given_back"}  # spreadsheets take -1 for a formula
_RESERVED = "reserved"  # a seat taken for a nominee who has not answered


def _change(line: LedgerLine) -> str:
    return _RESERVED if line.why is SeatReason.NOMINATED else _CHANGES[line.change]


@list_files(bp, "/series/<slug>/seats", *SEATS)
@list_page(bp, "/series/<slug>/seats", *SEATS)
class Ledger(ListView[LedgerLine]):
    """The states of a series' seats, the next release, and the ledger. Focal points see the part of their country."""

    endpoint, template, title = "enrolment.seats", "enrolment/seats.html", _l("Places")
    anchor, testid = "ledger", "ledger"
    text_label = _l("Name or country")
    filters = {"kind": frozenset(SeatKind)}
    columns = (
        Column("person", _l("Person")),
        replace(COUNTRY, first=""),
        Column("seat", _l("Place"), place="state"),
        Column("why", _l("Reason"), place="wide"),
        Column("at", _l("When"), _l("newest first"), _l("oldest first"), descending=True, place="fig"),
    )
    chips_filter = "kind"
    file_columns = (
        FileColumn("at", width=18),
        FileColumn("change", _change, 8),
        FileColumn("kind", "kind.value", 10),
        FileColumn("why", "why.value", 16),
        FileColumn("country", width=8),
        FileColumn("full_name", lambda line: line.full_name or line.nominee, 28),
        FileColumn("person", "person_id", 24),
        FileColumn("by", "by_name", 28),
        FileColumn("waited_since", width=18),
        FileColumn("number", width=8),
    )

    def __init__(self, slug: str) -> None:
        super().__init__(slug=slug)
        self.series = get_series(slug, by=self.by)
        self.names = country_names(reader_locale())
        self.is_whole = self.by.is_reporter
        self.file_name = f"seats-{slug}"

    def query(self, request: ListRequest) -> tuple[Sequence[LedgerLine], int]:
        self.counts = count_seats(self.series, by=self.by)
        return list_ledger(self.series, request, country_names=self.names, by=self.by)

    def file_query(self, request: ListRequest) -> Iterable[LedgerLine]:
        return read_ledger(self.series, request, country_names=self.names, by=self.by)

    def file_words(self) -> list[str]:
        return []

    def chips(self) -> list[Chip]:
        """The seats by origin; of a whole series also those that are free and kept."""
        series, counts = self.series, self.counts
        words = {
            SeatKind.QUOTA: _("By quota"),
            SeatKind.OPEN: _p("seat", "Open"),
            SeatKind.RELEASED: _("Released"),
            SeatKind.BY_HAND: _("By hand"),
        }
        chips = [Chip("", sum(counts.values()), _("Enrolled or reserved"))]
        if self.is_whole and series.capacity is not None:
            release = f"{url_for('enrolment.seats', slug=series.slug)}#release"
            chips.append(Chip("free", series.free_seats or 0, _("Free"), url=release))
        if self.is_whole:
            quotas = url_for("enrolment.quotas", slug=series.slug)
            chips.append(Chip("kept", series.reserved, _("Of them for countries"), url=quotas))
        return [*chips, *(Chip(kind, counts[kind], word) for kind, word in words.items())]

    def context(self) -> dict[str, Any]:
        release = next_release(self.series, by=self.by, at=self.at) if self.is_whole else None
        return {
            "series": self.series,
            "taken": sum(self.counts.values()),
            "release": release,
            "winners": _winners(release),
            "rules": _rules(),
            "names": self.names,
        }


def _rules() -> dict[ReleaseRule, str]:
    return {
        ReleaseRule.ROUNDS: _("Longest wait first, at most 3 places a country in each round"),
        ReleaseRule.FIRST_COME: _("Longest wait first, whatever the country"),
    }


def _winners(release: Release | None) -> list[tuple[str, int]]:
    """The people who would get seats at a release: countries by name with their numbers, the small ones together."""
    if release is None:
        return []
    names = country_names(reader_locale())
    codes = {country_id: code for country_id, code, *_rest in country_rows()}
    named = [(names[codes[one]] if one in codes else _("Not stated"), many) for one, many in release.winners]
    if len(named) <= SHOWN + 1:
        return named
    rest = named[SHOWN:]
    more = _n("%(num)s more", "%(num)s more", len(rest))
    return [*named[:SHOWN], (more, sum(many for _name, many in rest))]


@bp.post("/series/<slug>/seats/rule")
@allow(Role.ADMINISTRATOR)
def seats_rule(slug: str) -> ResponseReturnValue:
    """Sets to whom seats go that countries did not use."""
    rule = request.form.get("rule", "")
    if rule not in set(ReleaseRule):
        raise Invalid("rule", _("Choose an option from the list."))
    set_release_rule(slug, ReleaseRule(rule), by=current_actor(), at=clock.now())
    flash(_("Saved. The next release follows this rule."), "done")
    return _seats_page(slug)


def _seats_page(slug: str) -> ResponseReturnValue:
    return redirect(url_for("enrolment.seats", slug=slug), 303)


@bp.route("/series/<slug>/seats/release", methods=["GET", "POST"])
@allow(Role.ADMINISTRATOR)
def seats_release(slug: str) -> ResponseReturnValue:
    """Previews the next release as it would be now, and releases at once."""
    by, at = current_actor(), clock.now()
    series = get_series(slug, by=by)
    if request.method == "POST":
        try:
            moment = datetime.fromisoformat(request.form.get("moment", ""))
            release_now(slug, moment.replace(tzinfo=moment.tzinfo or UTC), by=by, at=at)
        except ValueError as error:
            raise Invalid("moment", _("Enter a date and time, such as 2026-12-02 14:00.")) from error
        except Refused as error:
            flash(error.message, "wrong")
        else:
            flash(_("The places are released. Everyone who got one has been e-mailed."), "done")
        return _seats_page(slug)
    release = next_release(series, by=by, at=at)
    if release is None:
        flash(_("No places are kept for countries in this series."), "wrong")
        return _seats_page(slug)
    return render_template(
        "enrolment/seats_release.html",
        series=series,
        release=release,
        winners=_winners(release),
        rules=_rules(),
        unused=_unused(release),
    )


def _unused(release: Release) -> list[tuple[str, int]]:
    """The countries of a release by name, with the seats that they have not used."""
    names = country_names(reader_locale())
    codes = {country_id: code for country_id, code, *_rest in country_rows()}
    unused = [(names[codes[country_id]], many) for country_id, many in release.unused.items() if many]
    return sorted(unused, key=lambda pair: name_key(pair[0]))


@bp.route("/series/<slug>/quotas", methods=["GET", "POST"])
@allow(Role.ADMINISTRATOR, Role.REPORTER, Role.FOCAL_POINT)
def quotas(slug: str) -> ResponseReturnValue:
    """Lists the seats that are reserved for countries, and sets them for many: with a preview first.

    Focal points see the quotas of their own countries.
    """
    by = current_actor()
    series = get_series(slug, by=by)
    form = QuotasForm() if by.is_administrator else None
    status = 200
    if request.method == "POST":
        if form is None:
            raise Forbidden
        if request.form.get("do") == "set":
            return _set(series)
        staged = _staged(form)
        if staged is not None:
            return _preview(series, staged)
        status = 422
    names = country_names(reader_locale())
    listed = sorted(list_quotas(series, by=by), key=lambda quota: name_key(names[quota.country]))
    return render_template(
        "enrolment/quotas.html", series=series, quotas=listed, names=names, form=form, at=clock.now()
    ), status


def _staged(form: QuotasForm) -> StagedQuotas | None:
    """Returns what the form says; None where it says nothing that can be read."""
    if not form.validate():
        return None
    until, at = form.kept_until.data, clock.now()
    until = until.replace(tzinfo=ZoneInfo(clock.reporting_zone())).astimezone(UTC) if until is not None else None
    try:
        if form.file.data is not None and form.file.data.filename:
            return stage_quota_file(form.file.data.read(), until=until, at=at)
        return stage_quota_lines(form.lines.data or "", until=until, at=at)
    except Invalid as error:
        form.take(error)
    except (TooLarge, WrongKind) as error:
        form.file.errors = [error.message]
    return None


def _preview(series: Series, staged: StagedQuotas) -> ResponseReturnValue:
    locale = reader_locale()
    preview = preview_quotas(series.slug, staged, locale=locale, by=current_actor())
    return render_template(
        "enrolment/quotas_preview.html",
        series=series,
        found=preview,
        names=country_names(locale),
        refusal=None if preview.fits else too_many(preview),
        lines="\n".join(_written(change.row) for change in preview.changes),
    ), 200 if preview.fits and preview.changes else 422


def _written(row: QuotaRow) -> str:
    """A row as a line that says the same, whatever else the form says."""
    return f"{row.code}\t{row.seats}\t{row.kept_until.isoformat()}"


def _set(series: Series) -> ResponseReturnValue:
    """Sets the good rows that a preview has shown."""
    by, at = current_actor(), clock.now()
    staged = stage_quota_lines(request.form.get("lines", ""), until=None, at=at)
    try:
        preview = set_quotas(series.slug, staged, locale=reader_locale(), by=by, at=at)
    except (Refused, Invalid) as error:  # other seats were taken or reserved since
        flash(error.message, "wrong")
        return _preview(series, staged)
    changed = sum(not change.is_same for change in preview.changes)
    flash(_n("%(num)s quota was set.", "%(num)s quotas were set.", changed), "done")
    return redirect(url_for("enrolment.quotas", slug=series.slug), 303)

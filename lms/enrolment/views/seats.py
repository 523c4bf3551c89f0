"""The pages of a series' seats: how they stand, their ledger, quotas and their release."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from flask import Response, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from lms.catalogue.models import ReleaseRule, Series
from lms.catalogue.queries.series import get_series
from lms.core import clock
from lms.core.errors import Forbidden, Invalid, Refused, TooLarge, WrongKind
from lms.core.i18n import _, _l, _n
from lms.core.roles import Role
from lms.core.sorting import sort_key
from lms.enrolment.forms import QuotasForm
from lms.enrolment.models import SeatKind, SeatReason
from lms.enrolment.queries.seat_entries import count_seats, list_ledger, list_quotas, read_ledger
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
from lms.web.guards import allow
from lms.web.identity import current_actor
from lms.web.lists import AskedList, Column, ListDefinition, ListPage, Sifted, read_list
from lms.web.locale import reader_locale
from lms.web.table_files import table_file

LEDGER = ListDefinition(
    filters={"kind": frozenset(SeatKind)},
    columns=(Column("at", _l("When"), first=_l("newest first"), last=_l("oldest first"), descending=True),),
)
SHOWN = 5
"""So many countries are named in the preview of a release, the rest together."""


@bp.get("/series/<slug>/seats")
@allow(Role.ADMINISTRATOR, Role.REPORTER, Role.FOCAL_POINT)
def seats(slug: str) -> ResponseReturnValue:
    """How the seats of a series stand, the next release, and the ledger. Focal points read what is of their country."""
    by, at = current_actor(), clock.now()
    series = get_series(slug, by=by)
    names = country_names(reader_locale())
    asked = read_list(LEDGER)
    lines, total = list_ledger(series, asked.wanted, country_names=names, by=by)
    return render_template(
        "enrolment/seats.html",
        series=series,
        lines=lines,
        list=ListPage(asked, total, endpoint="enrolment.seats", values={"slug": slug}, anchor="ledger"),
        figures=_figures(series if by.is_reporter else None, counts := count_seats(series, by=by)),
        taken=sum(counts.values()),
        release=(release := next_release(series, by=by, at=at) if by.is_reporter else None),
        is_whole=by.is_reporter,
        winners=_winners(release),
        rules=_rules(),
        names=names,
    )


def _figures(series: Series | None, counts: dict[SeatKind, int]) -> list[Sifted]:
    """The seats by origin; of a whole `series` also those that are free and kept."""
    words = {
        SeatKind.QUOTA: _("by quota"),
        SeatKind.OPEN: _("open"),
        SeatKind.RELEASED: _("released"),
        SeatKind.BY_HAND: _("by hand"),
    }
    found = [Sifted("", sum(counts.values()), _("enrolled or reserved"))]
    if series is not None and series.capacity is not None:
        release = f"{url_for('enrolment.seats', slug=series.slug)}#release"
        found.append(Sifted("free", series.free_seats or 0, _("free"), url=release))
    if series is not None:
        quotas = url_for("enrolment.quotas", slug=series.slug)
        found.append(Sifted("kept", series.reserved, _("of them for countries"), url=quotas))
    return [*found, *(Sifted(kind, counts[kind], word) for kind, word in words.items())]


def _rules() -> dict[ReleaseRule, str]:
    return {
        ReleaseRule.ROUNDS: _("Longest wait first, at most 3 seats a country in each round"),
        ReleaseRule.FIRST_COME: _("Longest wait first, whatever the country"),
    }


def _winners(release: Release | None) -> list[tuple[str, int]]:
    """Who would get seats at a release: countries by name with their numbers, the small ones together."""
    if release is None:
        return []
    names = country_names(reader_locale())
    codes = {country_id: code for country_id, code, *_rest in country_rows()}
    named = [(names[codes[one]] if one in codes else _("Not stated"), many) for one, many in release.winners]
    if len(named) <= SHOWN + 1:
        return named
    rest = named[SHOWN:]
    more = _n("%(num)s more country", "%(num)s more countries", len(rest))
    return [*named[:SHOWN], (more, sum(many for _name, many in rest))]


@bp.get("/series/<slug>/seats.csv")
@allow(Role.ADMINISTRATOR, Role.REPORTER, Role.FOCAL_POINT)
def seats_csv(slug: str) -> ResponseReturnValue:
    """The ledger, or what the filter holds of it, as CSV."""
    return _file("csv", slug)


@bp.get("/series/<slug>/seats.xlsx")
@allow(Role.ADMINISTRATOR, Role.REPORTER, Role.FOCAL_POINT)
def seats_xlsx(slug: str) -> ResponseReturnValue:
    """The ledger, or what the filter holds of it, as a workbook."""
    return _file("xlsx", slug)


def _file(kind: str, slug: str) -> Response:
    series, asked = _asked_ledger(slug)
    return table_file(kind, f"seats-{series.slug}", _("Seats"), HEADINGS, _cells(series, asked), widths=_WIDTHS)


_CHANGES = {1: "taken", 0: "", -1: "given_back"}  # spreadsheets take -1 for a formula
_RESERVED = "reserved"  # a seat taken for a nominee who has not answered
HEADINGS = ["at", "change", "kind", "why", "country", "full_name", "person", "by", "waited_since", "number"]
_WIDTHS = [18, 8, 10, 16, 8, 28, 24, 28, 18, 8]


def _asked_ledger(slug: str) -> tuple[Series, AskedList]:
    return get_series(slug, by=current_actor()), read_list(LEDGER)


def _cells(series: Series, asked: AskedList) -> Iterator[tuple[object, ...]]:
    names = country_names(reader_locale())
    for line in read_ledger(series, asked.wanted, country_names=names, by=current_actor()):
        change = _RESERVED if line.why is SeatReason.NOMINATED else _CHANGES[line.change]
        yield (
            line.at, change, line.kind.value, line.why.value, line.country,
            line.full_name or line.nominee,
            line.person_id, line.by_name, line.waited_since, line.number,
        )  # fmt: skip


@bp.post("/series/<slug>/seats/rule")
@allow(Role.ADMINISTRATOR)
def seats_rule(slug: str) -> ResponseReturnValue:
    """Sets to whom seats go that countries did not use."""
    wanted = request.form.get("rule", "")
    if wanted not in set(ReleaseRule):
        raise Invalid("rule", _("Choose an option from the list."))
    set_release_rule(slug, ReleaseRule(wanted), by=current_actor(), at=clock.now())
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
            flash(_("The seats are released. Everyone who got one has been e-mailed."), "done")
        return _seats_page(slug)
    release = next_release(series, by=by, at=at)
    if release is None:
        flash(_("No seats are kept for countries in this series."), "wrong")
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
    found = [(names[codes[country_id]], many) for country_id, many in release.unused.items() if many]
    return sorted(found, key=lambda pair: sort_key(pair[0]))


@bp.route("/series/<slug>/quotas", methods=["GET", "POST"])
@allow(Role.ADMINISTRATOR, Role.REPORTER, Role.FOCAL_POINT)
def quotas(slug: str) -> ResponseReturnValue:
    """Lists the seats that are kept for countries, and sets them for many: with a preview first. Focal points see the
    quotas of their own countries."""
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
    listed = sorted(list_quotas(series, by=by), key=lambda quota: sort_key(names[quota.country]))
    return render_template(
        "enrolment/quotas.html", series=series, quotas=listed, names=names, form=form, at=clock.now()
    ), status


def _staged(form: QuotasForm) -> StagedQuotas | None:
    """What the form says; None where it says nothing that can be read."""
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
    found = preview_quotas(series.slug, staged, locale=locale, by=current_actor())
    return render_template(
        "enrolment/quotas_preview.html",
        series=series,
        found=found,
        names=country_names(locale),
        refusal=None if found.fits else too_many(found),
        lines="\n".join(_written(change.row) for change in found.changes),
    ), 200 if found.fits and found.changes else 422


def _written(row: QuotaRow) -> str:
    """A row as a line that says the same, whatever else the form says."""
    return f"{row.code}\t{row.seats}\t{row.kept_until.isoformat()}"


def _set(series: Series) -> ResponseReturnValue:
    """Sets the good rows that a preview has shown."""
    by, at = current_actor(), clock.now()
    staged = stage_quota_lines(request.form.get("lines", ""), until=None, at=at)
    try:
        found = set_quotas(series.slug, staged, locale=reader_locale(), by=by, at=at)
    except (Refused, Invalid) as error:  # other seats were taken or kept meanwhile
        flash(error.message, "wrong")
        return _preview(series, staged)
    changed = sum(not change.is_same for change in found.changes)
    flash(_n("%(num)s quota was set.", "%(num)s quotas were set.", changed), "done")
    return redirect(url_for("enrolment.quotas", slug=series.slug), 303)

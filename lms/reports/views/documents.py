"""Country dossiers and lecture reports as pages and files."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any

from flask import render_template, url_for
from flask.typing import ResponseReturnValue

from lms.catalogue.queries.lectures import get_lecture
from lms.catalogue.queries.series import get_series
from lms.catalogue.rules import may_edit_lecture
from lms.core.base.errors import Refused
from lms.core.base.lists import ListRequest
from lms.core.base.roles import Actor, Role
from lms.core.database.search import match_of_text, search_words
from lms.core.text.i18n import _, _l, name_key
from lms.core.text.translations import reader_text
from lms.core.time import clock
from lms.feedback.queries import Subject
from lms.feedback.results import results_of
from lms.people.queries.countries import countries_meant, country_names
from lms.reports.documents import dossier as reading
from lms.reports.documents import dossier_data as dossiers
from lms.reports.documents.feedback import feedback_document
from lms.reports.documents.files import FILES, file_answer, file_of
from lms.reports.documents.lecture import lecture_document
from lms.reports.documents.model import ReportDocument
from lms.reports.documents.paper import drawable_language
from lms.reports.documents.tables import ATTENDANCES, CERTIFICATES, COUNTRY, PARTICIPANTS
from lms.reports.documents.wording import written
from lms.reports.queries.drilldown import NOT_STATED
from lms.reports.queries.lecture import get_lecture_report
from lms.reports.rules import Group
from lms.reports.views.blueprint import bp
from lms.reports.views.drilldown import drilldown_of
from lms.web.lists.parts import Chip, Column
from lms.web.lists.routes import list_page
from lms.web.lists.view import ListView
from lms.web.pages.locale import reader_locale
from lms.web.request.guards import SIGNED_IN, allow
from lms.web.request.identity import current_actor


@list_page(bp, "/countries", Role.ADMINISTRATOR, Role.REPORTER)
class ReportedCountries(ListView[Group]):
    """Lists every country with figures, with links to its dossier."""

    endpoint, template, title = "reports.countries", "reports/countries.html", _l("Countries")
    anchor = "countries"
    text_label = _l("Country or area")
    filters = {"partner": frozenset({"true", "false"})}
    order = "participants"
    columns = (
        replace(COUNTRY, place=""),
        Column("partner", _l("Partner"), place="wide"),
        replace(PARTICIPANTS, place="fig"),
        replace(ATTENDANCES, place="wide"),
        replace(CERTIFICATES, place="wide"),
    )
    chips_filter = "partner"

    def query(self, request: ListRequest) -> tuple[Sequence[Group], int]:
        report, self.partners = dossiers.list_reported_countries(by=self.by, at=self.at, locale=reader_locale())
        self.as_at = report.as_at
        self.every = [group for group in report.groups if group.keys[0] is not None]
        rows = _filtered(self.every, self.partners, request)
        return request.rows_of_page(rows), len(rows)

    def chips(self) -> list[Chip]:
        number = sum(group.keys[0] in self.partners for group in self.every)
        return [
            Chip("", len(self.every), _("All")),
            Chip("true", number, _("Partner countries")),
            Chip("false", len(self.every) - number, _("Other countries")),
        ]

    def context(self) -> dict[str, Any]:
        return {"partners": self.partners, "as_at": self.as_at}


def _filtered(groups: Sequence[Group], partners: frozenset[str], request: ListRequest) -> list[Group]:
    """The countries that a list asks for, by any name in use, part of the name, or code."""
    words, partner = tuple(search_words(request.q)), request.filters.get("partner")
    meant = countries_meant(request.q, {str(group.keys[0]): group.labels[0] for group in groups})
    matching = [
        group
        for group in groups
        if (not request.q or group.keys[0] in meant or match_of_text(words, group.labels[0]) is not None)
        and (partner is None or (group.keys[0] in partners) is (partner == "true"))
    ]
    matching.sort(key=lambda group: name_key(group.labels[0]))
    if request.sort == "country":
        return matching[::-1] if request.descending else matching
    return sorted(matching, key=lambda group: getattr(group.figures, request.sort), reverse=request.descending)


@bp.get("/countries/<code>")
@allow(Role.ADMINISTRATOR, Role.REPORTER, Role.FOCAL_POINT)
def dossier(code: str) -> ResponseReturnValue:
    """The dossier of one country. Focal points see only their own country."""
    at = clock.now()
    out = read_dossier(asked_dossier(code, at), at)
    return render_template("reports/dossier.html", out=out, code=code.upper(), written=written, downloads=FILES)


@bp.get("/countries/<code>.<kind>")
@allow(Role.ADMINISTRATOR, Role.REPORTER, Role.FOCAL_POINT)
def dossier_file(code: str, kind: str) -> ResponseReturnValue:
    """Downloads the dossier."""
    at = clock.now()
    with drawable_language(kind):
        return file_answer(*file_of(read_dossier(asked_dossier(code, at), at), kind))


def asked_dossier(code: str, at: datetime) -> dossiers.Dossier:
    """The dossier of a country as the reader can see it. Raises Forbidden, NotFound."""
    return dossiers.get_dossier(code, by=current_actor(), at=at, locale=reader_locale())


def read_dossier(dossier: dossiers.Dossier, at: datetime) -> ReportDocument:
    """The dossier as sections, with links from each figure to its rows."""
    return reading.dossier_document(
        dossier,
        at=at,
        ways=reading.Ways(
            series=lambda slug: url_for("dashboards.series", slug=slug),
            lecture=lambda lecture_id: url_for("dashboards.lecture", lecture_id=lecture_id),
            lecture_report=lambda lecture_id: url_for("reports.lecture", lecture_id=lecture_id),
            enrolments=lambda slug: url_for("enrolment.series_enrolments", slug=slug),
            group=lambda public_id: url_for("viewing_groups.group", group_id=public_id),
            published=lambda public_id: url_for("reports.snapshot", public_id=public_id),
            opened=partial(_opened, dossier.code),
        ),
    )


def _opened(code: str, figure: str, /, **group: str | None) -> str:
    given = {name: NOT_STATED if key is None else key for name, key in group.items()}
    return drilldown_of(figure, **({"country": code} | given))


@bp.get("/lectures/<int:lecture_id>/report")
@allow(SIGNED_IN)
def lecture(lecture_id: int) -> ResponseReturnValue:
    """The report of a lecture: from registered to certified, minute by minute, by country. Focal points see only people
    from their own country.
    """
    by = current_actor()
    out = _document_of(lecture_id, by)
    shown = get_lecture(lecture_id, by=by)
    return render_template(
        "reports/lecture.html",
        lecture=shown,
        out=out,
        written=written,
        downloads=FILES,
        may_see_roster=by.is_reporter or may_edit_lecture(shown, by),
    )


@bp.get("/lectures/<int:lecture_id>/report.<kind>")
@allow(SIGNED_IN)
def lecture_file(lecture_id: int, kind: str) -> ResponseReturnValue:
    """Downloads the report. Returns 409 until the lecture has been held."""
    with drawable_language(kind):
        out = _document_of(lecture_id, current_actor())
        if out is not None:
            return file_answer(*file_of(out, kind))
    raise Refused(_("This lecture has not been held yet."))


@bp.get("/lectures/<int:lecture_id>/feedback-results.pdf")
@allow(Role.ADMINISTRATOR, Role.INSTRUCTOR, Role.REPORTER)
def feedback_paper(lecture_id: int) -> ResponseReturnValue:
    """Downloads what people answered about a lecture as PDF."""
    return _feedback_paper(get_lecture(lecture_id, by=current_actor()))


@bp.get("/series/<slug>/feedback-results.pdf")
@allow(Role.ADMINISTRATOR, Role.INSTRUCTOR, Role.REPORTER)
def series_feedback_paper(slug: str) -> ResponseReturnValue:
    """Downloads what people answered about a series as PDF."""
    return _feedback_paper(get_series(slug, by=current_actor()))


def _feedback_paper(subject: Subject) -> ResponseReturnValue:
    at = clock.now()
    with drawable_language("pdf"):
        results = results_of(subject, by=current_actor(), at=at)
        locale, title = reader_locale(), reader_text(subject)
        out = feedback_document(results, title=title, countries=country_names(locale), locale=locale, at=at)
        return file_answer(*file_of(out, "pdf"))


def _document_of(lecture_id: int, by: Actor) -> ReportDocument | None:
    report = get_lecture_report(lecture_id, by=by, at=clock.now(), locale=reader_locale())
    if report is None:
        return None

    def dossier_url(code: str) -> str | None:
        return url_for("reports.dossier", code=code) if by.is_reporter or by.is_focal_point else None

    return lecture_document(report, dossier_url=dossier_url)

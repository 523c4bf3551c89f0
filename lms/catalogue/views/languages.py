"""Pages for the texts of series and lectures in several languages."""

from __future__ import annotations

from flask import redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from lms.catalogue.actions.lectures import edit_lecture
from lms.catalogue.actions.series import edit_series
from lms.catalogue.actions.translations import translate_lecture, translate_series
from lms.catalogue.forms.languages import LectureTextsForm, SeriesTextsForm
from lms.catalogue.queries import lectures as lecture_queries
from lms.catalogue.queries import series as series_queries
from lms.catalogue.rules import check_can_edit_lecture, check_can_edit_series
from lms.catalogue.views.blueprint import bp
from lms.core.text.translations import languages_of, outdated_fields
from lms.core.time import clock
from lms.web.forms.languages import languages_page
from lms.web.request.guards import SIGNED_IN, allow
from lms.web.request.identity import current_actor


@bp.route("/series/<slug>/languages", methods=["GET", "POST"])
@allow(SIGNED_IN)
def series_languages(slug: str) -> ResponseReturnValue:
    """The texts of a series in each language, and which of its lectures have no text, or an old one, in one of them."""
    by, at = current_actor(), clock.now()
    series = series_queries.get_series(slug, by=by)
    check_can_edit_series(series, by)
    page = languages_page(
        series,
        SeriesTextsForm,
        translate=lambda code, texts: translate_series(slug, code, texts, by=by, at=at),
        state_main=lambda code: edit_series(slug, {"text_language": code}, by=by, at=at),
    )
    if page.status is None:
        return redirect(url_for("catalogue.series_languages", slug=slug), 303)
    lectures = lecture_queries.list_lectures(series.id, by=by)
    codes = list(dict.fromkeys(code for row in (series, *lectures) for code in languages_of(row)))
    missing = {lecture.id: [code for code in codes if code not in languages_of(lecture)] for lecture in lectures}
    outdated = {lecture.id: [code for code in codes if outdated_fields(lecture, code)] for lecture in lectures}
    return render_template(
        "catalogue/series_languages.html",
        series=series,
        lectures=lectures,
        missing=missing,
        outdated=outdated,
        page=page,
    ), page.status


@bp.route("/lectures/<int:lecture_id>/languages", methods=["GET", "POST"])
@allow(SIGNED_IN)
def lecture_languages(lecture_id: int) -> ResponseReturnValue:
    """The texts of a lecture in each language."""
    by, at = current_actor(), clock.now()
    lecture = lecture_queries.get_lecture(lecture_id, by=by)
    check_can_edit_lecture(lecture, by)
    page = languages_page(
        lecture,
        LectureTextsForm,
        translate=lambda code, texts: translate_lecture(lecture_id, code, texts, by=by, at=at),
        state_main=lambda code: edit_lecture(lecture_id, {"text_language": code}, by=by, at=at),
    )
    if page.status is None:
        return redirect(url_for("catalogue.lecture_languages", lecture_id=lecture_id), 303)
    return render_template("catalogue/lecture_languages.html", lecture=lecture, page=page), page.status

"""Texts of series and lectures in further languages, one language at a time."""

from collections.abc import Mapping
from datetime import datetime

from lms.catalogue.actions.history import record
from lms.catalogue.actions.lectures import locked_lecture
from lms.catalogue.actions.series import locked_series
from lms.catalogue.inputs import LECTURE_TEXTS, SERIES_TEXTS
from lms.catalogue.rules import check_can_edit_lecture, check_can_edit_series
from lms.core.base.roles import Actor
from lms.core.database import audit
from lms.core.database.session import action
from lms.core.text.translations import confirm_translation, translated_into

CHANGED = ["translations"]


@action
def translate_series(slug: str, language: str, texts: Mapping[str, str], *, by: Actor, at: datetime) -> None:
    """Replaces the texts of a series in one language; without any text, the language is removed.

    Raises NotFound, Forbidden, and Invalid with each field that is wrong.
    """
    series = locked_series(slug)
    check_can_edit_series(series, by)
    series.translations = translated_into(series, language, texts, SERIES_TEXTS)
    confirm_translation(series, language)
    audit.record("edit_series", by=by, at=at, detail={"fields": CHANGED, "language": language}, series=series.id)


@action
def translate_lecture(lecture_id: int, language: str, texts: Mapping[str, str], *, by: Actor, at: datetime) -> None:
    """As `translate_series`, of a lecture."""
    lecture = locked_lecture(lecture_id)
    check_can_edit_lecture(lecture, by)
    lecture.translations = translated_into(lecture, language, texts, LECTURE_TEXTS)
    confirm_translation(lecture, language)
    record("edit_lecture", lecture, by=by, at=at, fields=CHANGED, language=language)

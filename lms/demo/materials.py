"""Files of lectures in the demonstration: slides, a checklist for everyone, and answers that open after the lecture.

Made from the programme alone, and uploaded by somebody who gives the lecture, as the page does it.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from random import Random

import xlsxwriter

from lms.core.db import action, db
from lms.core.roles import SYSTEM
from lms.core.typesetting import CannotRender, font_folders, tongue, typeset
from lms.demo.programme import LecturePlan, SeriesPlan
from lms.materials.actions import edit_file, upload_file
from lms.materials.models import Audience, FileDownloads
from lms.materials.queries import find_file

MOST_LECTURES = 12
"""Lectures with files: the last ones that were held, and the next ones."""
_SLIDES = Path(__file__).parent / "design" / "slides.typ"
_SENTENCES = re.compile(r"(?<=[.!?。؟])\s*")
_SEED = "materials"


def take_in(series: Sequence[SeriesPlan], lecture_ids: Mapping[tuple[str, int], int], *, now: datetime) -> None:
    """Uploads the files of some lectures, and lets those that were held have downloads."""
    random = Random(_SEED)  # noqa: S311  invented, not a secret
    for plan, lecture in _chosen(series, now):
        lecture_id = lecture_ids[plan.slug, lecture.number]
        at = min(lecture.starts_at - timedelta(days=1), now)
        for name, title, content, audience in _files(plan, lecture):
            file_id = upload_file(lecture_id, io.BytesIO(content), name, audience, by=SYSTEM, at=at)
            edit_file(lecture_id, file_id, title, audience, by=SYSTEM, at=at)
            if lecture.state == "held":
                _let_download(lecture_id, file_id, random.randrange(40, 1500))


def _chosen(series: Sequence[SeriesPlan], now: datetime) -> list[tuple[SeriesPlan, LecturePlan]]:
    going = [(plan, one) for plan in series for one in plan.lectures if one.state in ("held", "live", "scheduled")]
    going.sort(key=lambda pair: abs(pair[1].starts_at - now))
    return going[:MOST_LECTURES]


def _files(plan: SeriesPlan, lecture: LecturePlan) -> Iterator[tuple[str, str, bytes, Audience]]:
    points = [point for point in _SENTENCES.split(lecture.abstract) if point] or [lecture.title]
    direction = "rtl" if lecture.language.startswith("ar") else "ltr"
    lang = tongue(lecture.language)["lang"] or "en"
    inputs = {"title": lecture.title, "series": plan.title, "points": "\n".join(points), "lang": lang, "dir": direction}
    try:
        slides = typeset(_SLIDES, inputs, font_folders())
    except CannotRender:  # its script has no font here
        pass
    else:
        yield "slides.pdf", f"{lecture.title}: slides", slides, Audience.ENROLLED
    checklist = _workbook(("Before you start", "Done"), [(point, "") for point in points])
    yield "checklist.xlsx", "Checklist", checklist, Audience.EVERYONE
    answers = _workbook(("Question", "Answer"), [(f"Exercise {n}", point) for n, point in enumerate(points, 1)])
    yield "answers.xlsx", "Answers to the exercises", answers, Audience.AFTERWARDS


def _workbook(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> bytes:
    out = io.BytesIO()
    with xlsxwriter.Workbook(out, {"in_memory": True}) as book:
        sheet = book.add_worksheet()
        for number, row in enumerate([headings, *rows]):
            sheet.write_row(number, 0, row)
        sheet.set_column(0, 1, 60)
    return out.getvalue()


@action
def _let_download(lecture_id: int, file_id: str, count: int) -> None:
    file = find_file(lecture_id, file_id)
    assert file is not None
    db.session.add(FileDownloads(file_id=file.id, count=count))

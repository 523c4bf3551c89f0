"""Pages of lectures in the demonstration: files, speakers, and the lecture that is live with people in its room."""

import io
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import xlsxwriter

from lms.attendance.actions.room import keep_offline_beats, open_join, record_beat
from lms.attendance.rules import BEAT_SECONDS
from lms.catalogue.actions.states import start_lecture
from lms.core.base.roles import SYSTEM
from lms.core.database.session import action, db
from lms.core.text.typesetting import CannotRender, font_folders, tongue, typeset
from lms.core.time.clock import to_ms
from lms.demo.generate import SEED, Demonstration
from lms.demo.programme import LecturePlan, SeriesPlan, load_instructors
from lms.enrolment.membership import enrolled_ids
from lms.materials.actions import edit_file, upload_file
from lms.materials.models import Audience, FileDownloads
from lms.materials.queries import find_file
from lms.speakers.actions import SpeakerInput, add_new_speaker, add_speaker

MOST_LECTURES = 12
"""Lectures with files: the last ones that were held, and the next ones."""
_SLIDES = Path(__file__).parent / "design" / "slides.typ"
_SENTENCES = re.compile(r"(?<=[.!?。؟])\s*")
_SEED = "materials"


def upload_files(series: Sequence[SeriesPlan], lecture_ids: Mapping[tuple[str, int], int], *, now: datetime) -> None:
    """Uploads the files of some lectures, and lets those that were held have downloads."""
    random = Random(_SEED)  # noqa: S311  invented, not a secret
    for plan, lecture in _chosen(series, now):
        lecture_id = lecture_ids[plan.slug, lecture.number]
        at = min(lecture.starts_at - timedelta(days=1), now)
        for name, title, content, audience in _files_of(plan, lecture):
            file_id = upload_file(lecture_id, io.BytesIO(content), name, audience, by=SYSTEM, at=at)
            edit_file(lecture_id, file_id, title, audience, by=SYSTEM, at=at)
            if lecture.state == "held":
                _let_download(lecture_id, file_id, random.randrange(40, 1500))


def _chosen(series: Sequence[SeriesPlan], now: datetime) -> list[tuple[SeriesPlan, LecturePlan]]:
    going = [(plan, one) for plan in series for one in plan.lectures if one.state in ("held", "live", "scheduled")]
    going.sort(key=lambda pair: abs(pair[1].starts_at - now))
    return going[:MOST_LECTURES]


def _files_of(plan: SeriesPlan, lecture: LecturePlan) -> Iterator[tuple[str, str, bytes, Audience]]:
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


@action
def list_speakers(series: Sequence[SeriesPlan], lecture_ids: Mapping[tuple[str, int], int], *, now: datetime) -> None:
    """Lists those who give a lecture as its speakers, each with one profile for all lectures."""
    instructors = {row["key"]: row for row in load_instructors()}
    known: dict[str, str] = {}
    for lecture in (lecture for plan in series for lecture in plan.lectures):
        lecture_id = lecture_ids[lecture.series, lecture.number]
        for key in lecture.instructors:
            if key in known:
                add_speaker(lecture_id, known[key], by=SYSTEM, at=now)
            else:
                row = instructors[key]
                position = ", ".join(part for part in (row["job_title"], row["organisation"]) if part)
                speaker = SpeakerInput(row["full_name"], row["native_name"], position)
                known[key] = add_new_speaker(lecture_id, speaker, by=SYSTEM, at=now)


LIVE_AUDIENCE = 60
"""The number of people in the room of the live lecture when the demonstration is built."""
LINE_DOWN = 4, 16
"""From which to which heartbeat after the join the line of some of them was down."""


@action
def go_live(demonstration: Demonstration, series_ids: dict[str, int], lecture_ids: dict[tuple[str, int], int]) -> None:
    """Starts the current lecture, with people who have been in its room for a while."""
    random = Random(f"{SEED}:live")  # noqa: S311  invented, not a secret
    now = demonstration.now
    lecture = demonstration.live
    lecture_id = lecture_ids[lecture.series, lecture.number]
    began = lecture.starts_at.astimezone(UTC) + timedelta(seconds=40)
    start_lecture(lecture_id, by=SYSTEM, at=now, started_at=began)
    waiting = sorted(enrolled_ids(series_ids[lecture.series]))[: -len(demonstration.guests)]
    for place, person_id in enumerate(random.sample(waiting, min(LIVE_AUDIENCE, len(waiting)))):
        joined = began + timedelta(seconds=int(420 * random.random()))
        _stay(lecture_id, person_id, joined, now, line_down=place % 8 == 0)


def _stay(lecture_id: int, person_id: int, joined: datetime, until: datetime, *, line_down: bool) -> None:
    """Heartbeats from a join on; where the line was down for some minutes, those that the page kept meanwhile."""
    join = open_join(lecture_id, person_id, by=SYSTEM, at=joined)
    every = timedelta(seconds=BEAT_SECONDS)
    count = (until - joined) // every
    down = range(LINE_DOWN[0], min(LINE_DOWN[1], count)) if line_down else range(0)
    for seq in range(1, count + 1):
        if seq not in down:
            record_beat(join.id, seq, at=joined + seq * every)
    if down:
        last = joined + (down.start - 1) * every
        beats = [(seq, (seq - down.start + 1) * BEAT_SECONDS * 1000) for seq in down]
        keep_offline_beats(join.id, beats, mark_ms=to_ms(last), lecture_id=lecture_id, at=joined + down.stop * every)

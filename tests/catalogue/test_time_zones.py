"""A new time zone database: lectures to come keep their local time, people are told, and nothing is told twice.

The zones are those of real changes that came at short notice, as the database had them before and after.
"""

# ruff: noqa: DTZ001 (planned times are local, without offset)

from __future__ import annotations

import struct
import zoneinfo
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from apiflask import APIFlask
from sqlalchemy import select

from lms.catalogue.actions.lectures import schedule_lecture
from lms.catalogue.actions.series import create_series
from lms.catalogue.actions.time_zones import apply_shift, apply_shifts, find_shifts, last_version
from lms.catalogue.inputs import LectureInput, SeriesInput
from lms.catalogue.models import Lecture, LectureState
from lms.core.base.roles import SYSTEM
from lms.core.database.session import db
from lms.core.time import zones
from lms.enrolment.actions.places import enrol
from lms.mail.outbox import OutboxMail
from lms.mail.rendering import render
from tests.factories import Make

pytestmark = [pytest.mark.databases, pytest.mark.usefixtures("context")]
Changes = Sequence[tuple[datetime, int]]
"""When (UTC) clocks change, and to how many hours ahead of UTC."""


def tzif(first: int, changes: Changes) -> bytes:
    """A compiled zone (RFC 9636): so many hours ahead of UTC at first, then as the changes say."""
    hours = sorted({first, *(ahead for _when, ahead in changes)}, key=lambda ahead: ahead != first)
    names = b"".join(b"%+03d\0" % ahead for ahead in hours)

    def block(version: bytes, form: str) -> bytes:
        times = b"".join(struct.pack(form, int(when.timestamp())) for when, _ahead in changes)
        indices = bytes(hours.index(ahead) for _when, ahead in changes)
        kinds = b"".join(struct.pack(">lbb", ahead * 3600, 0, 4 * n) for n, ahead in enumerate(hours))
        counts = struct.pack(">6l", 0, 0, 0, len(changes), len(hours), len(names))
        return b"TZif" + version + bytes(15) + counts + times + indices + kinds + names

    last = changes[-1][1] if changes else first
    return block(b"2", ">l") + block(b"2", ">q") + f"\n<{last:+03d}>{-last}\n".encode()


@pytest.fixture
def use(tmp_path: Path) -> Iterator[Callable[[str, Mapping[str, bytes]], None]]:
    """Makes this process use a time zone database of some version, with these zones."""

    def forget() -> None:
        zoneinfo.ZoneInfo.clear_cache()
        zones.version.cache_clear()
        zones._info.cache_clear()

    def change(version: str, zone_files: Mapping[str, bytes]) -> None:
        folder = tmp_path / version
        for name, content in zone_files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content)
        (folder / "+VERSION").write_text(f"{version}\n")
        zoneinfo.reset_tzpath([str(folder)])
        forget()

    yield change
    zoneinfo.reset_tzpath()
    forget()


def utc(month: int, day: int, hour: int = 0, *, year: int = 2023) -> datetime:
    return datetime(year, month, day, hour, tzinfo=UTC)


LEBANON = {"2023a": tzif(2, [(utc(3, 25, 22), 3)]), "2023b": tzif(2, [(utc(4, 20, 22), 3)])}
EGYPT = {"2022g": tzif(2, []), "2023a": tzif(2, [(utc(4, 27, 22), 3), (utc(10, 26, 21), 2)])}
PALESTINE = {"2022g": tzif(2, [(utc(3, 24, 22), 3)]), "2023b": tzif(2, [(utc(4, 29), 3)])}
MOROCCO = {
    "2022g": tzif(1, [(utc(2, 8, 2, year=2026), 0), (utc(3, 15, 2, year=2026), 1)]),
    "2026a": tzif(1, [(utc(2, 15, 2, year=2026), 0), (utc(3, 22, 2, year=2026), 1)]),
}


class Scene:
    """A series with somebody enrolled, and a lecture at a local time."""

    def __init__(self, app: APIFlask, make: Make, zone: str, local: datetime, at: datetime) -> None:
        self.app, self.at = app, at
        series = create_series(SeriesInput(slug="customs", title="Customs"), by=SYSTEM, at=at)
        person = make.person("Amina", "amina@people.test", time_zone="Africa/Nairobi")
        enrol(series.id, person.id, by=make.actor(person), at=at)
        draft = LectureInput(title="Rules of origin", time_zone=zone, starts_at=local)
        self.lecture_id = schedule_lecture("customs", draft, by=SYSTEM, at=at).id

    @property
    def lecture(self) -> Lecture:
        return db.session.get_one(Lecture, self.lecture_id, populate_existing=True)

    def told(self) -> list[OutboxMail]:
        query = select(OutboxMail).where(OutboxMail.template == "lecture_postponed").order_by(OutboxMail.id)
        return list(db.session.scalars(query))


@pytest.mark.parametrize(
    ("zone", "versions", "local", "before", "after"),
    [
        ("Asia/Beirut", LEBANON, datetime(2023, 4, 5, 15), utc(4, 5, 12), utc(4, 5, 13)),
        ("Africa/Cairo", EGYPT, datetime(2023, 6, 1, 15), utc(6, 1, 13), utc(6, 1, 12)),
        ("Asia/Hebron", PALESTINE, datetime(2023, 4, 10, 15), utc(4, 10, 12), utc(4, 10, 13)),
        (
            "Africa/Casablanca", MOROCCO, datetime(2026, 3, 18, 15),
            utc(3, 18, 14, year=2026), utc(3, 18, 15, year=2026),
        ),
    ],
    ids=["lebanon", "egypt", "palestine", "morocco"],
)  # fmt: skip
def test_a_lecture_keeps_its_local_time_and_people_are_told(
    app: APIFlask,
    make: Make,
    use: Callable[[str, Mapping[str, bytes]], None],
    zone: str,
    versions: Mapping[str, bytes],
    local: datetime,
    before: datetime,
    after: datetime,
) -> None:
    (old, was), (new, now) = versions.items()
    at = before - timedelta(days=20)
    use(old, {zone: was})
    scene = Scene(app, make, zone, local, at)
    assert scene.lecture.starts_at == before
    assert find_shifts(at=at) == []
    use(new, {zone: now})
    [shift] = find_shifts(at=at)
    assert (shift.before, shift.after, shift.enrolled, shift.reason) == (before, after, 1, "")
    sequence = scene.lecture.sequence
    assert apply_shifts([shift], at=at) == 1
    lecture = scene.lecture
    assert (lecture.local_start, lecture.starts_at, lecture.sequence) == (local, after, sequence + 1)
    assert last_version() == new
    [mail] = scene.told()
    text = str(render(mail, app.extensions["lms.config"]).get_body(("plain",)).get_content())  # type: ignore[union-attr]
    assert "keeps its local time, which is now:" in text
    assert (apply_shifts([shift], at=at), find_shifts(at=at), len(scene.told())) == (0, [], 1)
    use(old, {zone: was})  # Lebanon took it back within days
    assert apply_shifts(find_shifts(at=at), at=at) == 1
    assert (scene.lecture.starts_at, scene.lecture.sequence, len(scene.told())) == (before, sequence + 2, 2)


def test_a_local_time_that_is_skipped_now_is_left_to_people(
    app: APIFlask, make: Make, use: Callable[[str, Mapping[str, bytes]], None]
) -> None:
    at = utc(3, 1)
    use("2022g", {"Africa/Cairo": EGYPT["2022g"]})
    scene = Scene(app, make, "Africa/Cairo", datetime(2023, 4, 28, 0, 30), at)
    use("2023a", {"Africa/Cairo": EGYPT["2023a"]})
    [shift] = find_shifts(at=at)
    assert shift.after is None
    assert "does not exist in Africa/Cairo" in shift.reason
    assert apply_shifts([shift], at=at) == 0
    assert (scene.lecture.starts_at, scene.told()) == (utc(4, 27, 22, year=2023) + timedelta(minutes=30), [])


def test_what_was_changed_meanwhile_and_what_is_past_stays(
    app: APIFlask, make: Make, use: Callable[[str, Mapping[str, bytes]], None]
) -> None:
    at = utc(3, 1)
    use("2022g", {"Africa/Cairo": EGYPT["2022g"]})
    scene = Scene(app, make, "Africa/Cairo", datetime(2023, 6, 1, 15), at)
    use("2023a", {"Africa/Cairo": EGYPT["2023a"]})
    assert find_shifts(at=utc(6, 2)) == []
    [shift] = find_shifts(at=at)
    lecture = scene.lecture
    lecture.state = LectureState.CANCELLED
    db.session.commit()
    assert (apply_shift(shift, at=at), find_shifts(at=at), scene.told()) == (False, [], [])

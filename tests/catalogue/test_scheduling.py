"""Many lectures planned at once: a series copied, a lecture repeated, all to come moved; on both databases."""

# ruff: noqa: DTZ001 (planned times are local, without offset)

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from apiflask import APIFlask
from sqlalchemy import func, select

from lms.catalogue.actions.scheduling import (
    copy_series,
    key_of,
    movable_lectures,
    move_lectures,
    schedule_repeated,
)
from lms.catalogue.actions.states import cancel_lecture, postpone_lecture
from lms.catalogue.dates import Every, Repeat, first_after, repeated
from lms.catalogue.inputs import LectureInput, SeriesCopy, slug_of, title_in_year
from lms.catalogue.models import Lecture, LectureState, Series, Visibility
from lms.catalogue.queries.lectures import list_lectures
from lms.catalogue.queries.policies import current_policy
from lms.catalogue.queries.series import free_slug, get_series
from lms.core.base.errors import Forbidden, Invalid, NotFound, Refused
from lms.core.base.roles import SYSTEM, Actor
from lms.core.database.session import db

MakeSeries = Callable[..., Series]
MakeLecture = Callable[..., Lecture]
BERLIN = "Europe/Berlin"
GOOD_FRIDAY = {"1-2027-03-26T14:00": "keep"}
REPEATED = LectureInput(
    title="Open hour", time_zone=BERLIN, starts_at=datetime(2027, 3, 12, 14, 0), instructors=("ines@example.org",)
)


def starts_of(slug: str) -> list[tuple[datetime | None, datetime | None]]:
    """The local times and the instants of the lectures of a series."""
    return [(one.local_start, one.starts_at) for one in lectures_of(slug)]


def lectures_of(slug: str) -> list[Lecture]:
    return list_lectures(get_series(slug, by=SYSTEM).id, by=SYSTEM)


def counted() -> tuple[int, int]:
    """How many series and lectures there are."""
    series = db.session.scalar(select(func.count()).select_from(Series))
    lectures = db.session.scalar(select(func.count()).select_from(Lecture))
    return series or 0, lectures or 0


@pytest.fixture
def last_year(make_series: MakeSeries, make_lecture: MakeLecture, ines: Actor, omar: Actor) -> Series:
    """Four Fridays at 14:00 in Berlin, over the change of clocks at the end of March 2026."""
    series = make_series("green-2026", by=ines, title="Green trade, 2026", capacity=40, starts_on=date(2026, 3, 20),
                         nominations_need_approval=True)  # fmt: skip
    for number, day in enumerate((20, 27)):
        make_lecture("green-2026", title=f"Part {number + 1}", time_zone=BERLIN, abstract="Why",
                     starts_at=datetime(2026, 3, day, 14), instructors=("ines@example.org",),
                     join_url="https://meet.example/1", recording_url="https://video.example/1",
                     materials=({"title": "Slides", "url": "https://files.example/1"},))  # fmt: skip
    for number, day in enumerate((3, 10)):
        make_lecture("green-2026", title=f"Part {number + 3}", time_zone=BERLIN, starts_at=datetime(2026, 4, day, 14),
                     instructors=("omar@example.org",), interpretation=("fr",))  # fmt: skip
    return series


@pytest.mark.databases
def test_a_copied_series_keeps_local_hours_and_weekdays_over_the_change_of_clocks(
    last_year: Series, ines: Actor, omar: Actor, at: datetime
) -> None:
    cancelled = lectures_of("green-2026")[-1].id
    cancel_lecture(cancelled, reason="No speaker", by=ines, at=datetime(2026, 1, 5, tzinfo=UTC))
    copy = SeriesCopy(slug="green-2027", title="Green trade, 2027", first=date(2027, 3, 19), decisions=GOOD_FRIDAY)
    made = copy_series("green-2026", copy, by=ines, at=at)
    assert (made.visibility, made.taken, made.capacity, made.starts_on) == (
        Visibility.DRAFT, 0, 40, date(2027, 3, 19))  # fmt: skip
    assert made.nominations_need_approval
    assert [person.full_name for person in made.instructors] == ["Ines", "Omar"]
    lectures = lectures_of("green-2027")
    assert [one.title for one in lectures] == ["Part 1", "Part 2", "Part 3"]
    assert starts_of("green-2027") == [
        (datetime(2027, 3, 19, 14), datetime(2027, 3, 19, 13, tzinfo=UTC)),
        (datetime(2027, 3, 26, 14), datetime(2027, 3, 26, 13, tzinfo=UTC)),
        (datetime(2027, 4, 2, 14), datetime(2027, 4, 2, 12, tzinfo=UTC)),
    ]
    first, _second, third = lectures
    assert {one.state for one in lectures} == {LectureState.DRAFT}
    assert (first.abstract, first.materials) == ("Why", [{"title": "Slides", "url": "https://files.example/1"}])
    assert (first.join_url, first.recording_url, third.interpretation) == (None, None, ["fr"])
    assert [person.full_name for person in third.instructors] == ["Omar"]


@pytest.mark.databases
def test_the_same_copy_again_is_the_same_series(last_year: Series, ines: Actor, at: datetime) -> None:
    copy = SeriesCopy(slug="green-2027", title="Green trade, 2027", first=date(2027, 3, 19), decisions=GOOD_FRIDAY)
    first = copy_series("green-2026", copy, by=ines, at=at).id
    before = counted()
    assert copy_series("green-2026", copy, by=ines, at=at + timedelta(hours=1)).id == first
    assert counted() == before
    with pytest.raises(Refused):
        copy_series("green-2026", replace(copy, title="Another"), by=ines, at=at)
    assert counted() == before


@pytest.mark.databases
def test_a_clash_in_the_third_week_saves_nothing_until_it_is_decided(
    last_year: Series, make_series: MakeSeries, make_lecture: MakeLecture, ines: Actor, at: datetime
) -> None:
    make_series("other", title="Other")
    make_lecture("other", title="In depth", time_zone=BERLIN, starts_at=datetime(2027, 4, 9, 15), duration_minutes=60,
                 instructors=("omar@example.org",))  # fmt: skip
    before = counted()
    copy = SeriesCopy(slug="green-2027", title="Green trade, 2027", first=date(2027, 3, 26))
    with pytest.raises(Invalid) as error:  # 26 March is Good Friday in Germany
        copy_series("green-2026", copy, by=ines, at=at)
    assert [fault.field for fault in error.value.faults] == ["dates"]
    assert counted() == before
    decisions = {"0-2027-03-26T14:00": "keep"}
    with pytest.raises(Invalid):
        copy_series("green-2026", replace(copy, decisions=decisions), by=ines, at=at)
    assert counted() == before
    copy_series("green-2026", replace(copy, decisions={**decisions, "2-2027-04-09T14:00": "skip"}), by=ines, at=at)
    assert [(one.title, one.local_start) for one in lectures_of("green-2027")] == [
        ("Part 1", datetime(2027, 3, 26, 14)),
        ("Part 2", datetime(2027, 4, 2, 14)),
        ("Part 4", datetime(2027, 4, 16, 14)),
        ("Part 3", None),
    ]


def test_a_copy_takes_only_what_is_ticked(last_year: Series, ines: Actor, omar: Actor, at: datetime) -> None:
    copy = SeriesCopy(slug="bare", title="Bare", first=date(2027, 3, 19), instructors=False, links=False, rules=False,
                      countries=False, decisions=GOOD_FRIDAY)  # fmt: skip
    made = copy_series("green-2026", copy, by=omar, at=at)
    assert (made.capacity, current_policy(made.id).min_percent) == (None, 60)
    assert [person.full_name for person in made.instructors] == ["Omar"]
    assert [one.materials for one in lectures_of("bare")] == [[]] * 4
    assert [one.instructors for one in lectures_of("bare")] == [[]] * 4


def test_only_staff_of_a_series_copy_it(
    last_year: Series, make_series: MakeSeries, trainee: Actor, omar: Actor, admin: Actor, at: datetime
) -> None:
    make_series("hidden", visibility=Visibility.DRAFT)
    copy = SeriesCopy(slug="copy", title="Copy", first=date(2027, 3, 19), decisions=GOOD_FRIDAY)
    with pytest.raises(Forbidden):
        copy_series("green-2026", copy, by=trainee, at=at)
    with pytest.raises(NotFound):
        copy_series("hidden", copy, by=omar, at=at)
    assert copy_series("hidden", copy, by=admin, at=at).slug == "copy"


@pytest.mark.databases(differs=True)
def test_two_who_copy_to_one_address_at_once_make_one_series(
    app: APIFlask, last_year: Series, ines: Actor, omar: Actor, at: datetime
) -> None:
    before = counted()
    db.session.rollback()
    gate, outcomes = threading.Barrier(2), list[str]()

    def run(actor: Actor, title: str) -> None:
        with app.app_context():
            gate.wait()
            try:
                copy = SeriesCopy(slug="rush", title=title, first=date(2027, 3, 19), decisions=GOOD_FRIDAY)
                outcomes.append(copy_series("green-2026", copy, by=actor, at=at).title)
            except Refused:
                outcomes.append("refused")

    threads = [threading.Thread(target=run, args=each) for each in ((ines, "Hers"), (omar, "His"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes)[-1] == "refused"
    assert sorted(outcomes)[0] in {"Hers", "His"}
    assert counted() == (before[0] + 1, before[1] + 4)


@pytest.mark.databases
@pytest.mark.parametrize(
    ("first", "decisions", "hours"),
    [
        (datetime(2027, 3, 19, 14), GOOD_FRIDAY, [13, 13, 12]),  # forward on 28 March 2027
        (datetime(2027, 10, 22, 14), {}, [12, 12, 13]),  # back on 31 October 2027
    ],
)
def test_a_repeated_lecture_keeps_its_local_hour(
    series: Series, ines: Actor, at: datetime, first: datetime, decisions: dict[str, str], hours: list[int]
) -> None:
    draft = replace(REPEATED, starts_at=first)
    ids = schedule_repeated("trade", draft, Repeat(Every.WEEK, 3), decisions=decisions, by=ines, at=at)
    made = lectures_of("trade")
    assert [one.id for one in made] == ids
    assert [one.title for one in made] == ["Open hour 1", "Open hour 2", "Open hour 3"]
    assert {(one.local_start.hour, one.state) for one in made if one.local_start} == {(14, LectureState.DRAFT)}
    assert [one.starts_at.hour for one in made if one.starts_at] == hours


@pytest.mark.databases
def test_a_repeat_skips_a_clash_and_the_same_form_again_changes_nothing(
    series: Series, make_series: MakeSeries, make_lecture: MakeLecture, ines: Actor, at: datetime
) -> None:
    make_series("other", title="Other", by=ines)
    make_lecture("other", title="In depth", time_zone=BERLIN, starts_at=datetime(2027, 4, 30, 15), duration_minutes=60,
                 instructors=("ines@example.org",))  # fmt: skip
    draft, before = replace(REPEATED, starts_at=datetime(2027, 4, 16, 14)), counted()

    def repeat(decisions: dict[str, str]) -> list[int]:
        return schedule_repeated("trade", draft, Repeat(Every.WEEK, 4), decisions=decisions, by=ines, at=at)

    for decisions in ({}, {"2-2027-05-30T14:00": "keep"}):  # none, and one for a date of another form
        with pytest.raises(Invalid) as error:
            repeat(decisions)
        assert (error.value.faults[0].field, counted()) == ("dates", before)
    made = repeat({"2-2027-04-30T14:00": "skip"})
    assert repeat({"2-2027-04-30T14:00": "skip"}) == made
    assert [one.local_start for one in lectures_of("trade")] == [
        datetime(2027, 4, 16, 14), datetime(2027, 4, 23, 14), datetime(2027, 5, 7, 14)]  # fmt: skip
    assert counted() == (before[0], before[1] + 3)


def test_an_hour_that_the_clocks_skip_can_only_be_left_out(series: Series, ines: Actor, at: datetime) -> None:
    draft = replace(REPEATED, starts_at=datetime(2027, 3, 21, 2, 30))
    key = "1-2027-03-28T02:30"  # Easter Sunday, and the clocks go forward
    with pytest.raises(Invalid):
        schedule_repeated("trade", draft, Repeat(Every.WEEK, 2), decisions={key: "keep"}, by=ines, at=at)
    made = schedule_repeated("trade", draft, Repeat(Every.WEEK, 2), decisions={key: "skip"}, by=ines, at=at)
    assert (len(made), lectures_of("trade")[0].title) == (1, "Open hour")


@pytest.mark.databases
def test_all_lectures_to_come_move_together_and_back(
    make_series: MakeSeries, make_lecture: MakeLecture, ines: Actor, at: datetime, published: list[str]
) -> None:
    series = make_series("weekly", by=ines)
    for day in (4, 11, 18):
        make_lecture("weekly", title=f"Day {day}", starts_at=datetime(2026, 12, day, 14), time_zone=BERLIN,
                     state=LectureState.DRAFT if day == 18 else LectureState.SCHEDULED,
                     instructors=("ines@example.org",))  # fmt: skip
    undated = make_lecture("weekly", title="Later", starts_at=None, state=LectureState.DRAFT)
    published.clear()
    before = starts_of("weekly")
    key = key_of(movable_lectures(series, by=ines, at=at))
    assert move_lectures("weekly", days=7, key=key, by=ines, at=at) == 3
    assert [local for local, _at in starts_of("weekly")] == [
        datetime(2026, 12, 11, 14), datetime(2026, 12, 18, 14), datetime(2026, 12, 25, 14), None]  # fmt: skip
    assert published == ["LecturePostponed", "LecturePostponed"]
    with pytest.raises(Refused):  # the same form once more
        move_lectures("weekly", days=7, key=key, by=ines, at=at)
    back = key_of(movable_lectures(get_series("weekly", by=ines), by=ines, at=at))
    assert move_lectures("weekly", days=-7, key=back, by=ines, at=at) == 3
    assert starts_of("weekly") == before
    assert undated.local_start is None


@pytest.mark.databases
def test_a_move_into_another_lecture_moves_nothing(
    make_series: MakeSeries, make_lecture: MakeLecture, ines: Actor, at: datetime
) -> None:
    series = make_series("weekly", by=ines)
    make_series("other", by=ines)
    for day in (4, 11):
        make_lecture("weekly", title=f"Day {day}", starts_at=datetime(2026, 12, day, 14), time_zone=BERLIN,
                     instructors=("ines@example.org",))  # fmt: skip
    make_lecture("other", title="In the way", starts_at=datetime(2026, 12, 6, 14), time_zone=BERLIN,
                 instructors=("ines@example.org",))  # fmt: skip
    before, key = starts_of("weekly"), key_of(movable_lectures(series, by=ines, at=at))
    with pytest.raises(Refused, match="In the way"):
        move_lectures("weekly", days=2, key=key, by=ines, at=at)
    for days in (0, 401, -401):
        with pytest.raises(Invalid):
            move_lectures("weekly", days=days, key=key, by=ines, at=at)
    with pytest.raises(Invalid):  # into the past
        move_lectures("weekly", days=-14, key=key, by=ines, at=at)
    assert starts_of("weekly") == before
    postpone_lecture(lectures_of("weekly")[0].id, by=ines, at=at)
    with pytest.raises(Refused):  # no longer what was looked at
        move_lectures("weekly", days=1, key=key, by=ines, at=at)


def test_repeats_of_each_kind() -> None:
    first = datetime(2027, 1, 29, 14)
    assert repeated(first, Repeat(Every.DAY, 3))[-1] == datetime(2027, 1, 31, 14)
    assert repeated(first, Repeat(Every.FORTNIGHT, 3))[-1] == datetime(2027, 2, 26, 14)
    assert repeated(first, Repeat(Every.MONTH, 3)) == [first, datetime(2027, 3, 29, 14), datetime(2027, 4, 29, 14)]
    for times in (1, 61):
        with pytest.raises(Invalid):
            repeated(first, Repeat(Every.DAY, times))


def test_names_and_days_that_a_copy_proposes() -> None:
    assert slug_of("Trade facilitation, 2027") == "trade-facilitation-2027"
    assert slug_of("Économie « verte » : l’été") == "economie-verte-lete"
    assert slug_of("贸易") == ""
    assert len(slug_of("word " * 30)) <= 80
    assert title_in_year("Trade facilitation, 2026", 2026, 2027) == "Trade facilitation, 2027"
    assert title_in_year("Trade facilitation", 2026, 2027) == "Trade facilitation, 2027"
    assert first_after(date(2026, 1, 9), date(2026, 11, 25)) == date(2027, 1, 8)
    assert first_after(date(2024, 1, 5), date(2026, 11, 25)) == date(2027, 1, 1)


def test_a_free_web_address_has_the_next_number(make_series: MakeSeries) -> None:
    for slug in ("trade", "trade-2", "trade-33"):
        make_series(slug)
    assert [free_slug(slug) for slug in ("trade", "trade-33", "trad")] == ["trade-3", "trade-33-2", "trad"]

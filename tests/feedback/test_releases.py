"""Releases: what is shown stays until five people are new in it, whoever reads it, and whatever happens meanwhile."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, select

from lms.attendance.actions.corrections import correct
from lms.attendance.actions.credits import credit_lecture
from lms.attendance.actions.facts import rebuild_facts
from lms.attendance.models.credits import Correction, Outcome
from lms.attendance.models.evidence import Presence, Source
from lms.catalogue.queries.series import get_series
from lms.core.base.cells import Cells
from lms.core.base.disclosure import FigureHistory, Member
from lms.core.base.roles import SYSTEM
from lms.core.database.session import db
from lms.core.time import clock
from lms.feedback import actions, releases
from lms.feedback.models import FeedbackForm, FeedbackRelease
from lms.feedback.queries import form_of, form_of_series
from lms.feedback.releases import release_due
from lms.mail.outbox import OutboxMail
from lms.people.actions.privacy import erase_person
from lms.people.models import Person
from lms.questions.rules import dump
from tests.factories import Make
from tests.feedback.test_feedback import Held
from tests.reports.world import World

pytestmark = pytest.mark.databases
NOBODY: dict[int, int] = {}


@pytest.fixture
def held(app: APIFlask, make: Make, at: datetime, monkeypatch: pytest.MonkeyPatch) -> Held:
    monkeypatch.setattr(clock, "now", lambda: at)
    return Held(app, make, at)


def counts(held: Held) -> Any:
    return dict(held.results().questions[0].counts)


# The rule


def people(*numbers: int) -> list[Member]:
    return [(number, 5) for number in numbers]


def test_a_figure_is_replaced_from_five_people_on_and_against_each_one_before() -> None:
    history = FigureHistory()
    assert not history.renew(people(1, 2, 3, 4), NOBODY)
    assert history.renew(people(1, 2, 3, 4, 5), NOBODY)
    assert not history.renew(people(*range(1, 10)), NOBODY)
    assert history.renew(people(*range(1, 11)), NOBODY)
    assert not history.renew(people(*range(1, 7)), NOBODY), "one more than at first"
    assert history.renew(people(1, 2, 3, 4, 5), NOBODY)
    stored = FigureHistory(history.as_json())
    assert sorted(stored.shown) == people(1, 2, 3, 4, 5)
    changed = [(number, 4) for number in range(1, 6)]
    assert not stored.renew([*changed[:4], (5, 5)], NOBODY)
    assert stored.renew(changed, NOBODY), "five changed their mind"


def test_below_five_a_figure_ends_and_keeps_what_it_showed() -> None:
    history = FigureHistory()
    history.renew(people(*range(1, 8)), NOBODY)
    assert not history.renew(people(4, 5, 6, 7), NOBODY), "three left"
    assert history.renew(people(6, 7), NOBODY)
    assert history.shown == []
    assert not history.renew(people(*range(1, 7)), NOBODY), "all but one of those before"
    assert history.renew(people(*range(1, 8)), NOBODY)


def test_records_of_one_person_are_one() -> None:
    merged = dict.fromkeys(range(1, 4), 1)
    assert not FigureHistory().renew(people(*range(1, 7)), merged)
    assert FigureHistory().renew(people(*range(1, 8)), merged)


@given(st.lists(st.sets(st.integers(1, 24)), min_size=1, max_size=25))
def test_no_two_sets_that_were_shown_differ_by_few(wanted: list[set[int]]) -> None:
    history, shown = FigureHistory(), []
    for numbers in wanted:
        history.renew(people(*numbers), NOBODY)
        shown.append({number for number, _version in history.shown})
    assert all(len(one ^ other) == 0 or len(one ^ other) >= 5 for one in shown for other in shown)


@given(
    st.lists(
        st.tuples(st.sets(st.integers(1, 40), min_size=5), st.lists(st.sampled_from("abc"), min_size=80, max_size=80)),
        min_size=1,
        max_size=8,
    )
)
def test_cells_and_what_they_leave_tell_of_nobody_or_five(pictures: list[tuple[set[int], list[str]]]) -> None:
    """Of two attributes, beside their total, whose sets differ by five as those of a history do."""
    history, cells = FigureHistory(), Cells()
    known: set[frozenset[Member]] = {frozenset()}
    for numbers, drawn in pictures:
        before = history.as_json()
        history.renew(people(*numbers), NOBODY)
        if cells.conflicts(history.shown, NOBODY):
            history = FigureHistory(before)
        total = history.shown
        values = {
            name: {member: drawn[member[0] + more] for member in total} for name, more in (("one", -1), ("two", 39))
        }
        sums = {"sum": ("one", {"a": ["ab"], "b": ["ab"]})}
        cells.renew(total, values, sums, NOBODY, is_over=True)
        cells = Cells(cells.as_json())
        shown = cells.shown()
        sets = {frozenset(total), *(frozenset(of) for groups in shown.values() for of in groups.values())}
        known |= sets
        assert all(len(one ^ other) == 0 or len(one ^ other) >= 5 for one in sets for other in known)
        for name in ("one", "two"):
            parts = [member for of in shown.get(name, {}).values() for member in of]
            left = set(total) ^ set(parts)
            assert len(parts) == len(set(parts))
            assert not parts or not left or len(left) >= 5


# Lectures


@pytest.mark.databases(differs=True)
def test_an_instructor_who_corrects_and_reads_learns_nothing(app: APIFlask, held: Held) -> None:
    """Nor who reads before and after one answer; the fifth that is new shows all."""
    attended = [held.attend() for _n in range(12)]
    for person in attended[:6]:
        held.answer(person, 5)
    assert counts(held) == {5: 6}
    before = held.results().released_at
    by = held.make.actor(held.instructor)
    with app.app_context():
        correct(held.lecture.id, attended[0].public_id, outcome=Outcome.ABSENT, reason="Left", by=by, at=held.at)
    held.at += timedelta(minutes=2)
    assert (counts(held), held.results().attended) == ({5: 6}, 11)
    with app.app_context():
        correct(held.lecture.id, attended[0].public_id, outcome=None, by=by, at=held.at)
    for number, person in enumerate(attended[6:10]):
        held.answer(person, 1)
        held.at += timedelta(minutes=2)
        assert (counts(held), held.results().released_at) == ({5: 6}, before), number
    held.answer(attended[10], 1)
    shown = held.results()
    assert (dict(shown.questions[0].counts), shown.answers, shown.released_at) == ({5: 6, 1: 5}, 11, held.at)
    with app.app_context():
        assert release_due(at=held.at) == 0
        assert db.session.scalar(select(func.count(FeedbackRelease.id))) == 1


def test_a_look_reads_no_answers_where_nothing_changed(
    app: APIFlask, held: Held, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where nothing can be shown yet; once more when feedback has ended."""
    for _n in range(4):
        held.answer(held.attend(), 5)
    with app.app_context():
        assert release_due(at=held.at) == 0
        looks: list[Any] = []
        monkeypatch.setattr(releases, "counted_answers", lambda *args: looks.append(args) or [])
        release_due(at=held.at)
        assert looks == []
        release_due(at=held.at + timedelta(days=14))
        release_due(at=held.at + timedelta(days=14, minutes=5))
        assert len(looks) == 1


def test_undoing_a_correction_goes_back_to_the_one_before(app: APIFlask, make: Make, at: datetime) -> None:
    """And from there to none; who sets the same anew adds nothing to go back to."""
    held = Held(app, make, at)
    person, by = held.attend(), make.administrator()

    def set_(outcome: Outcome | None) -> str | None:
        correct(held.lecture.id, person.public_id, outcome=outcome, reason="seen", by=by, at=at)
        in_force = select(Correction.outcome).where(Correction.withdrawn_at.is_(None))
        found: str | None = db.session.scalar(in_force)
        return found

    with app.app_context():
        set_(Outcome.EXCUSED)
        set_(Outcome.ABSENT)
        assert set_(Outcome.ABSENT) == "absent"
        assert set_(None) == "excused"
        assert set_(Outcome.PARTIAL) == "partial"
        assert set_(None) == "excused"
        assert set_(None) is None
        assert set_(None) is None


# Comments


def test_comments_are_named_by_tokens_that_join_nothing(app: APIFlask, held: Held, client: FlaskClient) -> None:
    """Two texts of one person have two tokens, and the order is neither that of answering nor the same at both."""
    for number in range(12):
        held.answer(held.attend(), 5, best=f"Best {number}", change=f"Change {number}")
    first, second = (
        [(each.token, each.text.split()[1]) for each in result.comments] for result in held.results().questions[1:3]
    )
    assert len({token for token, _number in (*first, *second)}) == 24
    assert first == sorted(first)
    orders = [[number for _token, number in comments] for comments in (first, second)]
    assert orders[0] != orders[1]
    assert [str(n) for n in range(12)] not in orders
    held.make.sign_in(client, held.instructor, held.at)
    page = client.get(f"/lectures/{held.lecture.id}/feedback-results").text
    assert set(re.findall(r'name="comment" value="([^"]*)"', page)) == {token for token, _n in (*first, *second)}


def test_what_an_erased_person_wrote_goes_at_once_with_four_others(app: APIFlask, held: Held) -> None:
    """For good; a second one takes the rest with it, since fewer than five would remain. Ratings stay."""
    gone = [held.attend(email=f"gone{n}@example.org") for n in range(2)]
    for number, person in enumerate([*gone, *(held.attend() for _n in range(11))]):
        held.answer(person, 5, best=f"Words {number}.")
    by = held.make.administrator()

    def erase(number: int) -> set[str]:
        with app.app_context():
            erase_person(
                gone[number].public_id, confirmation=f"gone{number}@example.org", withdraw_certificates=False, by=by,
                at=held.at,
            )  # fmt: skip
            row = db.session.scalars(select(FeedbackRelease)).one()
            assert f"Words {number}." not in str(row.shown)
        assert counts(held)[5] >= 13, "ratings stay"
        return {each.text for each in held.results().questions[1].comments}

    assert len(held.results().questions[1].comments) == 13
    left = erase(0)
    assert len(left) == 8
    for number in range(5):
        held.answer(held.attend(), 5, best=f"Later {number}")
    later = {each.text for each in held.results().questions[1].comments}
    assert later == left | {f"Later {number}" for number in range(5)}
    assert len(later - erase(1)) in (0, 5), "none where it was withheld before"


# Groups of people


def test_a_series_has_countries_that_leave_nobody(app: APIFlask, make: Make, world: World, at: datetime) -> None:
    series, lecture = world.series("one"), 0
    lecture = world.lecture(series, at - timedelta(hours=3))
    with app.app_context():
        actions.save_form_about_series(
            "one", [{"key": "worth", "kind": "rating", "text": "Worth?"}], by=SYSTEM, at=at - timedelta(days=1)
        )

    def answer(code: str, number: int) -> dict[str | None, int]:
        for _n in range(number):
            person = world.person(code)
            world.attend(lecture, person)
            with app.app_context():
                actions.answer(get_series("one", by=SYSTEM), person, {"worth": 5}, by=SYSTEM, at=at)
        with app.app_context():
            rebuild_facts(by=SYSTEM)
            release_due(at=at)
            row = db.session.scalars(select(FeedbackRelease).where(FeedbackRelease.series_id == series)).one()
            return {code: group["answers"] for code, group in row.shown["countries"].items()}

    assert answer("KE", 6) == {"KE": 6}
    assert answer("UG", 3) == {"KE": 6}
    assert answer("FR", 2) == {"KE": 6}
    assert answer("UG", 4) == {"KE": 6}, "seven of Uganda would leave two"
    assert answer("FR", 3) == {"KE": 6, "UG": 7, "FR": 5}


# Who is asked


def mails() -> list[int | None]:
    query = select(OutboxMail.person_id).where(OutboxMail.template == "feedback_asked").order_by(OutboxMail.id)
    return list(db.session.scalars(query))


@pytest.mark.databases(differs=True)
def test_whoever_becomes_known_until_feedback_ends_is_asked_once(app: APIFlask, held: Held) -> None:
    """By a late report, by a correction; not once the 14 days are over."""
    first = held.attend()
    late, corrected, too_late = (held.make.person(country="KE") for _n in range(3))
    for person in (late, corrected, too_late):
        held.make.enrolment(held.series, person)
    with app.app_context():
        rebuild_facts(by=SYSTEM)
        actions.ask_for_feedback(at=held.at)
        actions.ask_for_feedback(at=held.at + timedelta(minutes=1))
        assert mails() == [first.id]

    def appear(person: Person) -> None:
        start = clock.to_ms(held.at - timedelta(hours=3))
        World(app).insert(
            Presence, lecture_id=held.lecture.id, person_id=person.id, source=Source.LIVE, evidence=f"late{person.id}",
            joined_ms=start, left_ms=start + 5_400_000,
        )  # fmt: skip
        credit_lecture(held.lecture.id, by=SYSTEM, at=held.at)

    with app.app_context():
        appear(late)
        actions.ask_for_feedback(at=held.at + timedelta(days=4))
        assert mails() == [first.id, late.id]
        by = held.make.administrator()
        outcome = Outcome.ATTENDED
        correct(held.lecture.id, corrected.public_id, outcome=outcome, reason="Was there", by=by, at=held.at)
        actions.ask_for_feedback(at=held.at + timedelta(days=13))
        actions.ask_for_feedback(at=held.at + timedelta(days=13, hours=1))
        assert mails() == [first.id, late.id, corrected.id]
        appear(too_late)
        actions.ask_for_feedback(at=held.at + timedelta(days=15))
        assert len(mails()) == 3


# Keys


def test_keys_are_those_of_no_other_form_that_a_lecture_can_have(app: APIFlask, held: Held) -> None:
    """Of the series or of one of its lectures; what is saved as it was is no new version."""
    question = {"kind": "rating", "text": "Clear?"}
    by, slug = held.make.actor(held.instructor), held.series.slug
    other = held.make.lecture(held.series)

    def versions() -> int:
        return db.session.scalar(select(func.count(FeedbackForm.id))) or 0

    with app.app_context():
        actions.save_form_of_series(slug, [question], by=by, at=held.at)
        (of_series,) = form_of(held.subject).questions
        actions.save_form(held.lecture.id, [{**question, "text": "Of this one?"}], by=by, at=held.at)
        actions.save_form(other.id, [{**question, "text": "Of the other?"}], by=by, at=held.at)
        (own,) = form_of(held.subject).questions
        assert own.key != of_series.key
        more = [*dump([of_series]), {**question, "text": "More?"}]
        actions.save_form_of_series(slug, more, by=by, at=held.at)
        series = get_series(slug, by=SYSTEM)
        keys = [each.key for each in form_of_series(series).questions]
        assert (keys[0], own.key in keys) == (of_series.key, False)
        before = versions()
        actions.save_form_of_series(slug, dump(form_of_series(series).questions), by=by, at=held.at)
        actions.save_form(held.lecture.id, dump([own]), by=by, at=held.at)
        assert versions() == before
        actions.save_form(held.lecture.id, [], by=by, at=held.at)
        actions.save_form(held.lecture.id, [], by=by, at=held.at)
        assert versions() == before + 1

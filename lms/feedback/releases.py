"""Releases: what is shown of the answers about a lecture or series, made by the worker and read by everything else.

A release is renewed figure by figure, by the rule of `core.base.disclosure`: corrections, merges, erasures and moves of
country move it only so. See ADR 126.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any, Final

from sqlalchemy import exists, func, or_, select
from sqlalchemy.orm import InstrumentedAttribute

from lms.attendance.models.credits import LectureFacts
from lms.attendance.queries.facts import attended_in
from lms.catalogue.actions.lectures import locked_lecture
from lms.catalogue.actions.series import locked_series
from lms.catalogue.models import Lecture, LectureState, Series
from lms.core.base.cells import Cells, Sums, Values
from lms.core.base.disclosure import FEWEST, FigureHistory, Member
from lms.core.base.settings import signing_secrets
from lms.core.database.bulk import among
from lms.core.database.session import action, db, read
from lms.core.time import clock
from lms.feedback.figures import answer_of, figures_of, mean_of, satisfaction_names, sums_of, tagged, version_of
from lms.feedback.models import FeedbackAnswer, FeedbackForm, FeedbackRelease
from lms.feedback.queries import (
    CountedAnswer,
    Subject,
    attended_by_lecture,
    closing_of,
    closings_of_series,
    column_of,
    counted_answers,
    held_lectures,
    release_of,
    versions_of,
    versions_of_series,
    ways_of,
)
from lms.feedback.rules import (
    DEFAULT,
    OPEN_FOR,
    comment_token,
    digest,
    fits,
    is_open,
    name_of,
)
from lms.people.models import Country, Partnership, Person, Region
from lms.people.queries.countries import country_codes_of
from lms.questions.rules import Question, load

LOOKED_AT_AFTER: Final = timedelta(days=1)
"""So long after feedback has ended, what changed is still looked for at each run, and the last answers are among it."""
AT_ONCE: Final = 200
"""The most lectures or series of earlier that one run takes up."""
ALL: Final = "all"
"""The history of who has answered at all."""
ATTRIBUTES: Final = ("country", "sector", "gender", "source")
"""The attributes of people of which a lecture has cells; regions and partners are sums of countries."""


# Which subjects may have something new


def release_due(*, at: datetime) -> int:
    """Renews the releases of lectures and series whose feedback is open or ended lately, and of those of earlier whose
    attendance has changed or that have none yet; returns how many show something new.

    Those of which neither answers nor credits changed since the last look are known by their stamp.
    """
    lectures, series = _due_lectures(at), _due_series(at)
    db.session.rollback()
    renewed = [_renew_lecture(lecture_id, at=at) for lecture_id in lectures]
    renewed += [_renew_series(slug, at=at) for slug in series]
    return sum(renewed)


def _due_lectures(at: datetime) -> list[int]:
    recent = Lecture.actual_end > at - OPEN_FOR - LOOKED_AT_AFTER
    rows = _stamps(FeedbackAnswer.lecture_id, select(Lecture.id).where(Lecture.state == LectureState.HELD, recent))
    known = select(FeedbackRelease.lecture_id, FeedbackRelease.stamp)
    stamps = dict(read(known.where(among(FeedbackRelease.lecture_id, rows)))) if rows else {}
    facts = versions_of(rows)
    ends = dict(read(select(Lecture.id, Lecture.actual_end).where(among(Lecture.id, rows)))) if rows else {}
    due = [
        id_
        for id_, stamp in rows.items()
        if stamps.get(id_) != _stamp(stamp, [facts.get(id_)], is_open(ends[id_] + OPEN_FOR, at))
    ]
    changed = (
        select(FeedbackRelease.lecture_id)
        .join(LectureFacts, LectureFacts.lecture_id == FeedbackRelease.lecture_id)
        .join(Lecture, Lecture.id == FeedbackRelease.lecture_id)
        .where(
            Lecture.state == LectureState.HELD,
            or_(FeedbackRelease.facts_version.is_(None), FeedbackRelease.facts_version != LectureFacts.version),
        )
    )
    has_answers = exists().where(FeedbackAnswer.lecture_id == Lecture.id)
    has_release = exists().where(FeedbackRelease.lecture_id == Lecture.id)
    missing = select(Lecture.id).where(Lecture.state == LectureState.HELD, has_answers, ~has_release)
    due += [id_ for (id_,) in (*read(changed.limit(AT_ONCE)), *read(missing.limit(AT_ONCE)))]
    return sorted(set(due))


def _due_series(at: datetime) -> list[str]:
    closings = closings_of_series()
    open_ids = [id_ for id_, closes in closings.items() if is_open(closes, at - LOOKED_AT_AFTER)]
    has_answers = exists().where(FeedbackAnswer.series_id == Series.id)
    has_release = exists().where(FeedbackRelease.series_id == Series.id)
    missing = [id_ for (id_,) in read(select(Series.id).where(has_answers, ~has_release).limit(AT_ONCE))]
    slugs = dict(read(select(Series.id, Series.slug).where(among(Series.id, [*open_ids, *missing]))))
    stamps = dict(read(select(FeedbackRelease.series_id, FeedbackRelease.stamp)))
    answered = _stamps(FeedbackAnswer.series_id, list(slugs)) if slugs else {}
    due = []
    for id_, stamp in sorted(answered.items()):
        is_still_open = id_ in closings and is_open(closings[id_], at)
        if stamps.get(id_) != _stamp(stamp, versions_of_series(id_), is_still_open):
            due.append(slugs[id_])
    return due


def _stamps(column: InstrumentedAttribute[int | None], subjects: Any) -> dict[int, str]:
    """By lecture or series what changes with each of its answers; those without answers are left out."""
    condition = among(column, subjects) if isinstance(subjects, list) else column.in_(subjects)
    query = select(column, func.count(), func.sum(FeedbackAnswer.changes), func.max(FeedbackAnswer.changed_at))
    return {
        id_: f"{number} {changes} {latest}"
        for id_, number, changes, latest in read(query.where(condition).group_by(column))
    }


def _stamp(answers: str, facts: Sequence[int | None], is_still_open: bool) -> str:
    versions = digest(list(facts))
    return f"{answers} {versions} {'open' if is_still_open else 'over'}"


# One subject


@action
def _renew_lecture(lecture_id: int, *, at: datetime) -> bool:
    lecture = locked_lecture(lecture_id)
    if lecture.state is not LectureState.HELD or lecture.actual_start is None:
        return False
    attended = dict.fromkeys(attended_by_lecture([lecture]).get(lecture.id, {}), "")
    version = versions_of([lecture_id]).get(lecture_id)
    draft = _Draft(lecture, attended, [lecture], [version], at)
    draft.row.facts_version = version
    return draft.renew()


@action
def _renew_series(slug: str, *, at: datetime) -> bool:
    series = locked_series(slug)
    lectures = held_lectures(series)
    attended = ways_of(lectures, attended_by_lecture(lectures))
    return _Draft(series, attended, lectures, versions_of_series(series.id), at).renew()


@dataclass
class _Draft:
    """The release of one subject while it is renewed, its row locked."""

    subject: Subject
    attended: Collection[int]
    lectures: Sequence[Lecture]
    facts: Sequence[int | None]
    at: datetime
    row: FeedbackRelease = field(init=False)

    def __post_init__(self) -> None:
        existing = release_of(self.subject)
        self.row = existing or FeedbackRelease(stamp="", shown={}, history={})
        if existing is None:
            setattr(self.row, column_of(self.subject).key, self.subject.id)
            db.session.add(self.row)
        history: dict[str, Any] = deepcopy(self.row.history)
        self.histories = {name: FigureHistory(stored) for name, stored in history.get("figures", {}).items()}
        self.cells = {name: Cells(stored) for name, stored in history.get("cells", {}).items()}
        self.withheld: dict[str, list[int]] = history.get("withheld", {})
        self.is_over = not is_open(closing_of(self.subject), self.at)

    def renew(self) -> bool:
        """Renews each figure that may be; returns whether something else is shown now."""
        answers = counted_answers([self.subject.id], column_of(self.subject))
        rows = [row for row in answers if row.person_id in self.attended]
        questions = _questions_of(rows)
        fresh = self._fresh(rows, questions)
        person_of = _people_of([record for members in fresh.values() for record, _version_ in members], self.histories)
        before = {name: history.as_json() for name, history in self.histories.items()}
        self.histories = {name: self.histories.get(name) or FigureHistory() for name in fresh}
        renewed = {name for name, members in fresh.items() if self.histories[name].renew(list(members), person_of)}
        chosen = satisfaction_names(_forms_of(rows)) if isinstance(self.subject, Lecture) else []
        if chosen and renewed & {*chosen}:
            renewed -= self._take_back(chosen, before, person_of)
        shown = {**self.row.shown, "questions": dict(self.row.shown.get("questions", {}))}
        self._show(shown, {name: questions.get(name) for name in renewed}, fresh)
        if renewed:
            shown["forms"] = sorted({row.form_id or 0 for row in rows})
        is_new = bool(renewed) | self._renew_cells(shown, chosen, questions, person_of)
        self._store(shown, is_new)
        return is_new

    def _fresh(
        self, rows: Sequence[CountedAnswer], questions: Mapping[str, Question]
    ) -> dict[str, dict[Member, CountedAnswer]]:
        """By figure the members that it would have now."""
        fresh: dict[str, dict[Member, CountedAnswer]] = {name: {} for name in self.histories}
        fresh[ALL] = {(row.record_id, digest([row.form_id, row.answers])): row for row in rows}
        for name, question in questions.items():
            left = [row for row in rows if row.id not in self.withheld.get(name, ())]
            fitting = [row for row in left if fits(question, row.answers.get(question.key))]
            fresh[name] = {(row.record_id, version_of(question, row)): row for row in fitting}
        return fresh

    def _take_back(self, chosen: Sequence[str], before: Mapping[str, Any], person_of: Mapping[int, int]) -> set[str]:
        """Leaves the ratings as they were where they would give somebody away beside the cells that were shown."""
        cells = self.cells.get(ALL)
        if cells is None or not cells.conflicts(self._total(chosen), person_of):
            return set()
        for name in chosen:
            self.histories[name] = FigureHistory(before.get(name))
        return {*chosen}

    def _total(self, chosen: Iterable[str]) -> list[Member]:
        return [
            tagged(name, member) for name in chosen if name in self.histories for member in self.histories[name].shown
        ]

    def _show(
        self,
        shown: dict[str, Any],
        renewed: Mapping[str, Question | None],
        fresh: Mapping[str, Mapping[Member, CountedAnswer]],
    ) -> None:
        if ALL in renewed:
            history = self.histories[ALL]
            self.row.answers = len(history.shown) if history.is_shown else None
        for name, question in renewed.items():
            if name == ALL:
                continue
            if question is None or not self.histories[name].is_shown:
                shown["questions"].pop(name, None)
            else:
                shown["questions"][name] = figures_of(question, list(fresh[name].values()))

    def _renew_cells(
        self,
        shown: dict[str, Any],
        chosen: Sequence[str],
        questions: Mapping[str, Question],
        person_of: Mapping[int, int],
    ) -> bool:
        if isinstance(self.subject, Lecture):
            return self._renew_satisfaction(chosen, person_of)
        names = [ALL, *(name for name, question in questions.items() if question.kind == "rating")]
        last = max(
            clock.day_of(each.actual_start, clock.reporting_zone()) for each in self.lectures if each.actual_start
        )
        is_new = False
        codes: Mapping[int, str] = country_codes_of({*person_of.values()}, last)
        for name in names:
            members = self.histories[name].shown
            values = {"country": {one: codes.get(person_of.get(one[0], one[0]), "") for one in members}}
            cells = self.cells.setdefault(name, Cells())
            history = self.histories[name].history()
            is_new |= cells.renew(members, values, {}, person_of, history=history, is_over=self.is_over)
        shown["countries"] = self._countries(names)
        return is_new

    def _countries(self, names: Sequence[str]) -> dict[str, Any]:
        """The groups by country: how many answered, and the mean of each rating."""
        by_name = {name: self.cells[name].shown().get("country", {}) for name in names}
        return {
            code: {
                "answers": len(members),
                "means": {
                    name.partition(" ")[0]: mean_of(of_name[code]) if code in of_name else None
                    for name, of_name in by_name.items()
                    if name != ALL
                },
            }
            for code, members in by_name[ALL].items()
        }

    def _renew_satisfaction(self, chosen: Sequence[str], person_of: Mapping[int, int]) -> bool:
        (lecture,) = self.lectures
        assert lecture.actual_start is not None
        total = self._total(chosen)
        day = clock.day_of(lecture.actual_start, clock.reporting_zone())
        cells = self.cells.setdefault(ALL, Cells())
        history = [
            [tagged(name, member) for member in members]
            for name in chosen
            if name in self.histories
            for members in self.histories[name].history()
        ]
        values = _values_of(lecture.id, day, total, person_of)
        before = self.row.satisfaction
        cells.renew(total, values, _sums_of_countries(day), person_of, history=history, is_over=self.is_over)
        self.row.satisfaction = None
        if total:
            of_cells = cells.shown().items()
            self.row.satisfaction = {
                "total": sums_of(total),
                **{name: {value: sums_of(members) for value, members in of_name.items()} for name, of_name in of_cells},
            }
        return before != self.row.satisfaction

    def _store(self, shown: dict[str, Any], is_new: bool) -> None:
        self.row.shown = shown
        self.row.history = {
            "figures": {name: history.as_json() for name, history in self.histories.items()},
            "cells": {name: cells.as_json() for name, cells in self.cells.items()},
            "withheld": self.withheld,
        }
        answered = _stamps(column_of(self.subject), [self.subject.id]).get(self.subject.id, "")
        self.row.stamp = _stamp(answered, self.facts, not self.is_over)
        if is_new:
            self.row.released_at = self.at
        db.session.flush()


def _people_of(records: Iterable[int], histories: Mapping[str, FigureHistory]) -> dict[int, int]:
    """The person of each record as of now, of these and of all members that were ever shown."""
    shown = {record for history in histories.values() for members in history.history() for record, _version_ in members}
    query = select(Person.id, Person.canonical_id).where(among(Person.id, {*records, *shown}))
    return {record: person or record for record, person in read(query)}


def _questions_of(rows: Iterable[CountedAnswer]) -> dict[str, Question]:
    """The questions of the forms that were answered, by the name of their figure: of each the last version."""
    forms = _forms_of(rows)
    return {name_of(question): question for _id, form in sorted(forms.items()) for question in form}


def _forms_of(rows: Iterable[CountedAnswer]) -> dict[int, tuple[Question, ...]]:
    """The forms that were answered, by id; 0 for the default questions."""
    ids = {row.form_id for row in rows}
    query = select(FeedbackForm.id, FeedbackForm.questions).where(among(FeedbackForm.id, ids - {None}))
    forms = {id_: load(questions) for id_, questions in read(query)} if ids - {None} else {}
    return forms | ({0: DEFAULT} if None in ids else {})


def _values_of(lecture_id: int, day: date, members: Iterable[Member], person_of: Mapping[int, int]) -> Values:
    """By attribute the value of each member at the lecture."""
    people = {member: person_of.get(member[0], member[0]) for member in members}
    rows = {row.person: row for row in attended_in({lecture_id: day}, {*people.values()})[lecture_id]} if people else {}
    values: dict[str, dict[Member, str]] = {name: {} for name in ATTRIBUTES}
    for member, person in people.items():
        if row := rows.get(person):
            for name in ATTRIBUTES:
                values[name][member] = str(getattr(row, name) or "")
    return values


def _sums_of_countries(day: date) -> Sums:
    """The regions of each country, of every level, and whether it was a partner on this day."""
    parents: dict[str, str | None] = dict(read(select(Region.code, Region.parent_code)))
    is_partner = Partnership.since <= day, or_(Partnership.until.is_(None), Partnership.until >= day)
    partners = {country for (country,) in read(select(Partnership.country_id).where(*is_partner))}
    regions: dict[str, list[str]] = defaultdict(list)
    for country, region in read(select(Country.id, Country.region_code)):
        while region is not None:
            regions[str(country)].append(region)
            region = parents.get(region)
    by_partner = {country: ["true" if int(country) in partners else "false"] for country in regions}
    return {"region": ("country", regions), "partner": ("country", {"": ["false"], **by_partner})}


# What an erased person wrote


@action
def withhold_comments(answer_id: int, subject: Subject) -> None:
    """Takes the comments of one answer out of the release at once, and with each four others of its question for good,
    or all where fewer than five would remain: so that it is not found by what vanished. They are drawn by a secret
    order, which is not the one in which comments are listed. Its callers hold the row of the lecture or series."""
    row = release_of(subject)
    if row is None:
        return
    shown, history = deepcopy(row.shown), deepcopy(row.history)
    for name, figures in shown.get("questions", {}).items():
        ids = [comment[0] for comment in figures.get("comments", [])]
        if answer_id not in ids:
            continue
        drawn = sorted(ids, key=partial(_place_drawn, answer_id, name))
        drawn.remove(answer_id)
        taken = {answer_id, *(drawn if len(drawn) < 2 * FEWEST - 1 else drawn[: FEWEST - 1])}
        figures["comments"] = [comment for comment in figures["comments"] if comment[0] not in taken]
        figures["answers"] = len(figures["comments"])
        withheld = history.setdefault("withheld", {})
        withheld[name] = sorted({*withheld.get(name, []), *taken})
        figure = FigureHistory(history["figures"][name])
        figure.take_out([member for member in figure.shown if answer_of(member) in taken])
        history["figures"][name] = figure.as_json()
    questions = shown.get("questions", {}).items()
    shown["questions"] = {name: figures for name, figures in questions if figures["answers"]}
    row.shown, row.history = shown, history


def _place_drawn(erased_id: int, name: str, answer_id: int) -> str:
    return comment_token(signing_secrets()[0], answer_id, f"withheld with {erased_id} of {name}")

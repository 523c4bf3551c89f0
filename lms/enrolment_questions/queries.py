"""Which questions are asked of whom, what was answered, and what is open."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, BinaryIO

from sqlalchemy import ColumnElement, Select, Subquery, cast, func, or_, select
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import aliased, contains_eager

from lms.catalogue.models import Series
from lms.catalogue.queries.series import get_series
from lms.core.base.errors import Forbidden, NotFound
from lms.core.base.roles import Actor
from lms.core.database.bulk import among
from lms.core.database.session import db, is_sqlite
from lms.core.storage import files
from lms.enrolment.models import Enrolment
from lms.enrolment.queries.answers import CHOICES, NOT_GIVEN
from lms.enrolment.queries.rows import country_on, day_of, speaking
from lms.enrolment.rules import check_is_staff_of, is_staff_of, sees_shared_only
from lms.enrolment_questions.models import EnrolmentAnswers, EnrolmentForm
from lms.people.models import Country, Person
from lms.people.queries.countries import country_codes_of
from lms.questions.rules import Question, asked_of, load, open_questions

FOLDER = "answers"
"""The folder of files that people sent as answers."""


@dataclass(frozen=True)
class FormVersion:
    """The questions that are asked now; version 0, without an id, before there were any."""

    id: int | None
    version: int
    questions: tuple[Question, ...]


@dataclass(frozen=True)
class OwnQuestions:
    """The questions to one person. `answers` are those given, to whatever version; null where none were.

    `series` is null for those at registration. `is_open`: something is asked that has not been answered.
    """

    series: Series | None
    form: FormVersion
    questions: tuple[Question, ...]
    answers: Mapping[str, Any] | None
    missing: tuple[Question, ...]

    @property
    def is_open(self) -> bool:
        """Whether the person has not seen the questions yet, or a required one was added since."""
        return bool(self.questions) and (self.answers is None or bool(self.missing))


def check_may_ask(series: Series | None, by: Actor) -> None:
    """Staff of the series write its questions, administrators those at registration. Raises Forbidden."""
    if series is not None:
        check_is_staff_of(series, by)
    elif not by.is_administrator:
        raise Forbidden


def current_form(series_id: int | None) -> FormVersion:
    """The questions that are asked now at enrolment in a series or, without one, at registration."""
    return _forms([series_id])[series_id]


def is_anything_asked(series_id: int) -> bool:
    """Whether somebody who enrols in a series is asked something there or at registration."""
    return any(form.questions for form in _forms([None, series_id]).values())


def _forms(series_ids: Collection[int | None]) -> dict[int | None, FormVersion]:
    forms: dict[int | None, FormVersion] = dict.fromkeys(series_ids, FormVersion(None, 0, ()))
    known = [series_id for series_id in series_ids if series_id is not None]
    condition: ColumnElement[bool] = EnrolmentForm.series_id.in_(known)
    if None in forms:
        condition |= EnrolmentForm.series_id.is_(None)
    newest = select(func.max(EnrolmentForm.id)).where(condition).group_by(EnrolmentForm.series_id)
    for row in db.session.scalars(select(EnrolmentForm).where(EnrolmentForm.id.in_(newest))):
        forms[row.series_id] = FormVersion(row.id, row.version, load(row.questions))
    return forms


def used_keys(series_id: int | None) -> set[str]:
    """The keys of the questions of all versions."""
    query = select(EnrolmentForm.questions).where(_of(EnrolmentForm.series_id, series_id))
    return {question["key"] for questions in db.session.scalars(query) for question in questions}


def _of(column: Any, series_id: int | None) -> Any:
    return column.is_(None) if series_id is None else column == series_id


def own_questions(series: Series | None, person_id: int, *, at: datetime | None = None) -> OwnQuestions:
    """The questions to a person in a series or, without one, at registration. `person_id` is canonical."""
    series_id = series.id if series is not None else None
    return _own([(series, current_form(series_id))], person_id, at)[0]


def list_open(person_id: int, series: Iterable[Series], *, at: datetime | None = None) -> list[OwnQuestions]:
    """The questions that a person has not answered yet: at registration, and in these series, in which the person has a
    place, waits for one or has applied. `person_id` is canonical."""
    by_id: dict[int | None, Series | None] = {None: None, **{row.id: row for row in series}}
    forms = [(by_id[series_id], form) for series_id, form in _forms(list(by_id)).items() if form.questions]
    return [each for each in _own(forms, person_id, at) if each.is_open] if forms else []


def _own(forms: Sequence[tuple[Series | None, FormVersion]], person_id: int, at: datetime | None) -> list[OwnQuestions]:
    person = db.session.get_one(Person, person_id)
    country = country_codes_of([person_id], day_of(at)).get(person_id)
    sector = person.sector.value if person.sector else None
    rows: dict[int | None, EnrolmentAnswers] = {}
    for row in db.session.scalars(_rows(Person.canonical_id == person_id)):
        rows[row.series_id] = row
    inquiries = []
    for series, form in forms:
        given = rows.get(series.id if series is not None else None)
        answers = given.answers if given is not None else None
        questions = asked_of(form.questions, country=country, sector=sector)
        inquiries.append(OwnQuestions(series, form, questions, answers, open_questions(questions, answers or {})))
    return inquiries


def count_to_come(
    series_id: int, people: Sequence[tuple[int | None, str | None, str | None]], *, at: datetime
) -> list[tuple[int, int]]:
    """How many questions each of these people will be asked, at least and at most, once they are in a series and sign
    in: their canonical id or null, the code of their country where none is stored, and their sector where one is new.
    Callers check permission.
    """
    forms = {each: form.questions for each, form in _forms([None, series_id]).items() if form.questions}
    if not forms:
        return [(0, 0)] * len(people)
    ids = [person_id for person_id, _country, _sector in people if person_id is not None]
    countries = country_codes_of(ids, day_of(at))
    sectors = dict(db.session.execute(select(Person.id, Person.sector).where(among(Person.id, ids))).all())
    answers: dict[tuple[int | None, int], Mapping[str, Any]] = {}
    given = _rows(among(Person.canonical_id, ids)).add_columns(Person.canonical_id)
    for row, person_id in db.session.execute(given):
        answers[row.series_id, person_id] = row.answers
    counts = []
    for person_id, country, sector in people:
        known = person_id or 0
        stored = sectors.get(known)
        where = {"country": countries.get(known) or country, "sector": sector or (stored.value if stored else None)}
        least = most = 0
        for each, form in forms.items():
            questions = asked_of(form, **where)
            before = answers.get((each, known))
            open_ones = questions if before is None else open_questions(questions, before)
            most += len(open_ones)
            least += sum(not one.depends_on for one in open_ones) if before is None else len(open_ones)
        counts.append((least, most))
    return counts


def _rows(*conditions: Any) -> Select[EnrolmentAnswers]:
    """Answers with their forms, those that were given last at the end."""
    query = select(EnrolmentAnswers).join(EnrolmentAnswers.form).options(contains_eager(EnrolmentAnswers.form))
    query = query.join(Person, Person.id == EnrolmentAnswers.person_id).where(*conditions)
    return query.order_by(EnrolmentAnswers.answered_at, EnrolmentAnswers.id)


def rows_of(person_id: int) -> list[EnrolmentAnswers]:
    """All answers of a person and of those merged into them."""
    return list(db.session.scalars(_rows(Person.canonical_id == person_id)))


@dataclass(frozen=True)
class AnsweredBy:
    """One person's answers, as staff read them. `questions` are those of the version that was answered."""

    person: Person
    country: str | None
    version: int
    answered_at: datetime
    questions: Mapping[str, Question]
    answers: Mapping[str, Any]


def list_answers(series: Series, *, by: Actor, where: Mapping[str, str] | None = None, q: str = "") -> list[AnsweredBy]:
    """The answers of the people of a series, in the order of names; of those whom the actor may see.

    `where`: only who chose these options, by the question's key. Instructors see the answers of people whose profile
    is shared with them. Raises Forbidden.
    """
    check_is_staff_of(series, by)
    query = (
        speaking(Person, Country.code)
        .outerjoin(Country, Country.id == country_on(day_of(None)))
        .where(Enrolment.series_id == series.id, Person.erased_at.is_(None))
        .order_by(Person.sort_name, Person.id)
    )
    if sees_shared_only(by):
        query = query.where(Enrolment.profile_shared_at.is_not(None))
    people = {person.id: (person, country) for person, country in db.session.execute(query)}
    answers: dict[int, EnrolmentAnswers] = {}
    given = _rows(_of(EnrolmentAnswers.series_id, series.id)).add_columns(Person.canonical_id)
    answers.update((person_id, row) for row, person_id in db.session.execute(given))
    answered = []
    for person_id, (person, country) in people.items():
        row = answers.get(person_id)
        if row is None or q.casefold() not in person.full_name.casefold():
            continue
        if all(_has(row.answers.get(key), value) for key, value in (where or {}).items()):
            questions = {question.key: question for question in load(row.form.questions)}
            answered.append(AnsweredBy(person, country, row.form.version, row.answered_at, questions, row.answers))
    return answered


def _has(answer: Any, value: str) -> bool:
    return value in answer if isinstance(answer, list) else answer == value


def answers_of(series_id: int, person_ids: Collection[int]) -> dict[int, dict[str, tuple[Question, Any]]]:
    """The answers of these people (canonical ids), each with the question that it was given to.

    Callers check permission.
    """
    rows = _rows(_of(EnrolmentAnswers.series_id, series_id), among(Person.canonical_id, person_ids))
    questions: dict[int, dict[str, Question]] = {}
    answers = {}
    for row, person_id in db.session.execute(rows.add_columns(Person.canonical_id)):
        if row.form_id not in questions:
            questions[row.form_id] = {question.key: question for question in load(row.form.questions)}
        known = questions[row.form_id]
        answers[person_id] = {key: (known[key], value) for key, value in row.answers.items() if key in known}
    return answers


def is_answered(series_id: int, question: Question, value: str) -> ColumnElement[bool]:
    """Whether a `Person` chose this option or, of another question than a choice, answered it (`given`, `none`). Of the
    answers of people who were merged, those count that were given last."""
    member = aliased(Person)
    newest_first = EnrolmentAnswers.answered_at.desc(), EnrolmentAnswers.id.desc()
    place = func.row_number().over(partition_by=member.canonical_id, order_by=newest_first)
    given = (
        select(member.canonical_id, EnrolmentAnswers.answers, place.label("place"))
        .join(EnrolmentAnswers, EnrolmentAnswers.person_id == member.id)
        .where(EnrolmentAnswers.series_id == series_id)
        .subquery()
    )
    who = select(given.c.canonical_id).where(given.c.place == 1)
    if question.kind in CHOICES:
        return Person.id.in_(who.where(_holds(given, question.key, value)))
    answered = Person.id.in_(who.where(_holds(given, question.key, None)))
    return ~answered if value == NOT_GIVEN else answered


def _holds(given: Subquery, key: str, value: str | None) -> ColumnElement[bool]:
    """Whether stored answers have an option, alone or in a list, or without a value any answer to the question."""
    if is_sqlite():
        parts = func.json_each(given.c.answers, f'$."{key}"').table_valued("value")
        matching = select(parts.c.value).correlate(given)
        return (matching if value is None else matching.where(parts.c.value == value)).exists()
    answers = cast(given.c.answers, JSONB)
    if value is None:
        return func.jsonb_exists(answers, key)
    return or_(answers.contains({key: value}), answers.contains({key: [value]}))


def get_answer_file(slug: str, public_id: str, key: str, *, by: Actor) -> tuple[BinaryIO, dict[str, Any]]:
    """A file that a person sent as an answer, for the person and staff of the series. Raises NotFound."""
    series = get_series(slug, by=by)
    person_id = db.session.scalar(select(Person.canonical_id).where(Person.public_id == public_id))
    if person_id is None or (by.person_id != person_id and not is_staff_of(series, by)):
        raise NotFound
    rows = [row for row in rows_of(person_id) if row.series_id == series.id]
    answer = rows[-1].answers.get(key) if rows else None
    opened = files.reading(answer["key"]) if isinstance(answer, dict) else None
    if opened is None or not isinstance(answer, dict):
        raise NotFound
    return opened[0], answer


def count_answered(series_id: int | None) -> int:
    """How many people have answered. Callers check permission."""
    query = select(func.count(Person.canonical_id.distinct())).select_from(EnrolmentAnswers)
    query = query.join(Person, Person.id == EnrolmentAnswers.person_id)
    return db.session.scalar(query.where(_of(EnrolmentAnswers.series_id, series_id))) or 0


def file_keys() -> set[str]:
    """The keys of the files that must be there."""
    return {
        answer["key"]
        for answers in db.session.scalars(select(EnrolmentAnswers.answers))
        for answer in answers.values()
        if isinstance(answer, dict)
    }

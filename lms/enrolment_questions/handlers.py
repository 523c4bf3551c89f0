"""Event handlers of the questions at enrolment."""

from lms.catalogue.queries.series import get_series_by_id
from lms.core.base.events import (
    AnswersInListAsked,
    CopyPreviewed,
    EnrolmentAnswersAsked,
    LaterQuestionsAsked,
    LecturesCopied,
    MergeUndone,
    PeopleMerged,
    PersonErased,
    PersonExportAsked,
    StoredFilesAsked,
    handles,
)
from lms.core.base.roles import SYSTEM
from lms.enrolment_questions.actions import copy_questions, forget_answers, part_files
from lms.enrolment_questions.queries import (
    answers_of,
    count_to_come,
    current_form,
    file_keys,
    is_answered,
    is_anything_asked,
    list_open,
    rows_of,
)


@handles(EnrolmentAnswersAsked)
def add_open_questions(event: EnrolmentAnswersAsked) -> None:
    """The organiser's questions to somebody who enrols in a series: whether they were asked, and which must be
    answered."""
    if not is_anything_asked(event.series_id):
        return
    series = get_series_by_id(event.series_id, by=SYSTEM)
    for inquiry in list_open(event.person_id, [series], at=event.at):
        event.is_open.append(inquiry.is_open)
        event.missing.extend(question.key for question in inquiry.missing)


@handles(LaterQuestionsAsked)
def count_later(event: LaterQuestionsAsked) -> None:
    """How many questions people are asked who are enrolled by somebody else."""
    event.counts.extend(count_to_come(event.series_id, event.people, at=event.at))


@handles(AnswersInListAsked)
def add_answers(event: AnswersInListAsked) -> None:
    """The questions of the series and the answers to them."""
    if event.person_ids:
        event.answers.update(answers_of(event.series_id, event.person_ids))
        return
    event.questions.extend(current_form(event.series_id).questions)
    event.conditions.extend(
        is_answered(event.series_id, question, event.where[question.key])
        for question in event.questions
        if question.key in event.where
    )


@handles(CopyPreviewed)
def count_questions(event: CopyPreviewed) -> None:
    """How many questions a copy of the series would ask."""
    event.counts["questions"] = len(current_form(event.series_id).questions)


@handles(LecturesCopied)
def copy(event: LecturesCopied) -> None:
    """The copy asks the same questions, where that was asked for."""
    if "questions" in event.parts:
        copy_questions(event.series_id, event.copy_id, at=event.at)


@handles(PeopleMerged)
def unite(event: PeopleMerged) -> None:
    """Nothing: answers stay whose they were, so that they can be parted again. Of one person's, the last ones count."""


@handles(MergeUndone)
def part(event: MergeUndone) -> None:
    """Each has their own copy of a file that both answers refer to."""
    part_files(event.kept_id, event.merged_id)


@handles(PersonErased)
def erase(event: PersonErased) -> None:
    """Deletes the person's answers and their files."""
    forget_answers(event.person_id)


@handles(PersonExportAsked)
def export(event: PersonExportAsked) -> None:
    """All answers of the person, with their questions."""
    event.parts["enrolment_answers"] = [
        {
            "series": row.series_id,
            "version": row.form.version,
            "answered_at": row.answered_at.isoformat(),
            "questions": row.form.questions,
            "answers": row.answers,
        }
        for row in rows_of(event.person_id)
    ]


@handles(StoredFilesAsked)
def add_stored_files(event: StoredFilesAsked) -> None:
    """Files that people sent as answers must be there."""
    event.needed.update(file_keys())

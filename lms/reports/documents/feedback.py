"""The results of feedback about a lecture or series as a report document: on paper they say what their page says."""

from collections.abc import Mapping
from datetime import datetime

from lms.core.base.disclosure import FEWEST
from lms.core.text.i18n import _, _n
from lms.core.text.punctuation import gap
from lms.feedback.results import FeedbackResults, GroupResult, QuestionResult
from lms.reports.documents.model import Column, Mark, Picture, Point, ReportDocument, Section, Table, Value
from lms.web.pages.time import number, one_decimal, organiser_zone, short_day


def feedback_document(
    results: FeedbackResults, *, title: str, countries: Mapping[str, str], locale: str, at: datetime
) -> ReportDocument:
    """The results as sections: a section for each question, then the groups. `countries` are names by code."""
    hidden = _(
        "Groups with fewer than %(n)s answers, and those from which such a group could be worked out, are not shown.",
        n=FEWEST,
    )
    sections = [_question(place, result, locale) for place, result in enumerate(results.questions, 1)]
    if results.answers and results.is_of_series:
        sections.append(_groups("countries", _("By country"), results.countries, countries, results, locale, hidden))
    if results.years:
        sections.append(_years(results))
    return ReportDocument(
        name=results.name,
        over=_("Feedback"),
        title=title,
        lede=_lede(results),
        as_at=at,
        figures=(),
        sections=tuple(sections),
        filters=(),
        footnotes=(_("Comments that staff have hidden are left out."),),
    )


def _lede(results: FeedbackResults) -> str:
    if not results.answers or results.released_at is None:
        if results.is_of_series:
            return _("Results appear once %(n)s people who attended a lecture of the series have answered.", n=FEWEST)
        return _("Results appear once %(n)s people who attended have answered.", n=FEWEST)
    as_of = short_day(results.released_at, organiser_zone())
    sentences = [_("As of %(day)s, %(n)s answers.", day=as_of, n=number(results.answers))]
    if results.is_open:
        sentences.append(_("The next figures come when five more people have answered or changed their answer."))
    return gap().join([*sentences, _("%(attended)s people attended.", attended=number(results.attended))])


def _question(place: int, result: QuestionResult, locale: str) -> Section:
    """The answers to one question: bars with their table, a mean, or what people wrote."""
    words, question = result.question.words(locale), result.question
    anchor = f"question-{place}"
    if not result.answers:
        few = _("Fewer than %(n)s people have answered this question.", n=FEWEST)
        return Section(anchor, words.text, empty=few)
    answers = _n("%(num)s answer", "%(num)s answers", result.answers)
    if question.kind == "text":
        comments = tuple(Point(each.text) for each in result.comments if each.reason is None)
        return Section(anchor, words.text, text=answers, points=comments)
    if question.kind == "number":
        mean = _("Mean: %(mean)s", mean=number(round(result.mean or 0, 2)))
        return Section(anchor, words.text, text=answers, points=(Point(mean),))
    if question.kind == "rating":
        labels: dict[int | str, str] = {rating: number(rating) for rating in (5, 4, 3, 2, 1)}
    else:
        labels = dict(zip(question.options, words.options, strict=True))
    counts = [(label, result.counts.get(value, 0)) for value, label in labels.items()]
    rows = tuple((label, count, round(100 * count / result.answers, 1)) for label, count in counts)
    mean = "" if result.mean is None else _("Mean: %(mean)s of 5", mean=one_decimal(result.mean))
    return Section(
        anchor,
        words.text,
        text=gap().join(filter(None, (mean, answers))),
        picture=Picture("bars", tuple(Mark(label, count) for label, count in counts), _("As in the table.")),
        table=Table((Column(_("Answer"), "text"), Column(_("Answers")), Column(_("Share"), "percent")), rows),
    )


def _years(results: FeedbackResults) -> Section:
    """The feedback on the lectures of a series, by year."""
    columns = (
        Column(_("Year"), "text"),
        Column(_("Answers")),
        Column(_("Mean of 5"), "decimal"),
        Column(_("4 or 5"), "percent"),
    )
    rows = tuple(
        (year, group.answers, round(group.mean, 2), group.satisfied_percent) for year, group in results.years.items()
    )
    note = _("Only lectures with at least %(n)s answers to the same question count.", n=FEWEST)
    return Section("years", _("Feedback on its lectures, by year"), table=Table(columns, rows), note=note)


def _groups(
    anchor: str,
    title: str,
    groups: Mapping[str | None, GroupResult],
    names: Mapping[str, str],
    results: FeedbackResults,
    locale: str,
    note: str,
) -> Section:
    ratings = [result.question for result in results.questions if result.question.kind == "rating"]
    columns = [Column(question.words(locale).text, "decimal") for question in ratings]

    def means(group: GroupResult) -> list[Value]:
        given = [group.means.get(question.key) for question in ratings]
        return [None if mean is None else round(mean, 1) for mean in given]

    rows = tuple(
        (names.get(key or "") or _("Not stated"), group.answers, *means(group)) for key, group in groups.items()
    )
    table = Table((Column(title, "text"), Column(_("Answers")), *columns), rows)
    return Section(anchor, title, table=table, note=note, empty=_("No group is large enough to be shown."))

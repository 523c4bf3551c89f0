"""The forms of a series, fields named as in the API. What both must check lives in the actions."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields
from typing import Any

from wtforms import BooleanField, Form, FormField, RadioField, StringField, TextAreaField
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]
from wtforms.validators import InputRequired, Optional

from lms.catalogue.forms.base import Addresses, CatalogueForm, Day, InstructorsForm, codes_of
from lms.catalogue.inputs import PolicyInput, SeriesCopy, SeriesInput, slug_of
from lms.catalogue.models import Admission, CertificateKind, Policy, Series, Visibility, WalkIns
from lms.core.text.i18n import _l
from lms.people.queries.countries import country_names
from lms.web.forms.forms import BaseForm, KnownChoice, WholeNumber
from lms.web.forms.languages import language_choices
from lms.web.pages.locale import reader_locale


class PolicyForm(Form):
    """The policy of a series: the rules of attendance and certificates."""

    class Meta(BaseForm.Meta):
        """Settings of a part of a form: it is drawn as the form around it, which has the token."""

        csrf = False

    min_percent = WholeNumber(
        _l("Share of a lecture needed to count as attended, in percent"), [InputRequired()], default=60
    )
    replay_days = WholeNumber(_l("Days for which the replay counts"), [InputRequired()], default=28)
    walk_ins = RadioField(
        _l("If a registered person attends without enrolling"),
        choices=[
            SelectChoice(WalkIns.ENROL.value, _l("Enrol them")),
            SelectChoice(WalkIns.IGNORE.value, _l("Record it, but do not count it")),
        ],
        default=WalkIns.ENROL.value,
    )
    certificate = RadioField(
        _l("Certificate"),
        choices=[
            SelectChoice(CertificateKind.PARTICIPATION.value, _l("Of participation")),
            SelectChoice(CertificateKind.COMPLETION.value, _l("Of completion")),
            SelectChoice("", _l("None")),
        ],
        default=CertificateKind.PARTICIPATION.value,
    )
    min_lectures_percent = WholeNumber(_l("Share of the lectures needed, in percent"), [InputRequired()], default=60)
    min_lectures = WholeNumber(_l("Or number of lectures needed"), [Optional()])
    min_minutes = WholeNumber(_l("Minutes needed in total"), [Optional()])
    deadline = Day(_l("Last day for lectures that count"), [Optional()])
    confirmed_names = BooleanField(_l("Issue only to people who have confirmed their name"))
    min_feedback = WholeNumber(_l("Lectures to give feedback on"), [Optional()])
    checks_passed = BooleanField(_l("Issue only to people who have passed every knowledge check"))

    def typed(self) -> dict[str, Any]:
        """Returns what was typed, by the names of the API."""
        return {
            "min_percent": self.min_percent.data or 0,
            "min_lectures_percent": self.min_lectures_percent.data or 0,
            "replay_days": self.replay_days.data or 0,
            "walk_ins": WalkIns(self.walk_ins.data),
            "certificate": CertificateKind(self.certificate.data) if self.certificate.data else None,
            "min_lectures": self.min_lectures.data,
            "min_minutes": self.min_minutes.data,
            "deadline": self.deadline.data,
            "confirmed_names": self.confirmed_names.data,
            "checks_passed": self.checks_passed.data,
            "min_feedback": self.min_feedback.data,
        }


class SeriesForm(InstructorsForm):
    """A series, new or changed."""

    title = StringField(_l("Title"), [InputRequired(_l("Enter the title."))])
    slug = StringField(_l("Web address"), [InputRequired(_l("Enter a short web address."))])
    description = TextAreaField(_l("Description"))
    language = KnownChoice(_l("Language"), default="en")
    visibility = RadioField(
        _l("Who can see it"),
        choices=[
            SelectChoice(Visibility.DRAFT.value, _l("Draft: only its instructors and administrators")),
            SelectChoice(Visibility.PUBLIC.value, _l("Public: everyone")),
        ],
        default=Visibility.DRAFT.value,
    )
    admission = RadioField(
        _l("Enrolment"),
        choices=[
            SelectChoice(Admission.OPEN.value, _l("Open: anyone can enrol")),
            SelectChoice(Admission.APPLICATION.value, _l("By application: you decide on each application")),
            SelectChoice(
                Admission.NOMINATION.value, _l("By nomination: focal points nominate people from their country")
            ),
        ],
        default=Admission.OPEN.value,
    )
    nominations_need_approval = BooleanField(_l("An administrator approves nominations first"))
    capacity = WholeNumber(_l("Places"), [Optional()])
    starts_on = Day(_l("First day"), [Optional()])
    ends_on = Day(_l("Last day"), [Optional()])
    countries = TextAreaField(_l("Countries"))
    instructors = Addresses(_l("Instructors"))
    instructor_name = StringField(_l("Add by name or e-mail"))
    policy = FormField(PolicyForm)

    def propose_slug(self, free: Callable[[str], str]) -> None:
        """Makes the web address from the title if none was typed; `free` finds an unused one."""
        proposed = slug_of(self.title.data or "") if not self.slug.data else ""
        if proposed:
            self.slug.data = free(proposed)
            self.slug.raw_data = [self.slug.data]

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.language.choices = language_choices(self.language.data or None)

    @classmethod
    def of(cls, series: Series, policy: Policy, addresses: Iterable[str]) -> "SeriesForm":
        """The form of what is there, overlaid with what was sent."""
        return cls(
            data={
                "title": series.title,
                "slug": series.slug,
                "description": series.description,
                "language": series.language,
                "visibility": series.visibility.value,
                "admission": series.admission.value,
                "nominations_need_approval": series.nominations_need_approval,
                "capacity": series.capacity,
                "starts_on": series.starts_on,
                "ends_on": series.ends_on,
                "countries": "\n".join(country.code for country in series.countries),
                "instructors": "\n".join(addresses),
                "policy": {
                    **{one.name: getattr(policy, one.name) for one in fields(PolicyInput)},
                    "walk_ins": policy.walk_ins.value,
                    "certificate": policy.certificate.value if policy.certificate else "",
                },
            }
        )

    def draft(self) -> SeriesInput:
        """Returns what was typed."""
        return SeriesInput(
            slug=self.slug.data or "",
            title=self.title.data or "",
            description=self.description.data or "",
            language=self.language.data,
            visibility=Visibility(self.visibility.data),
            admission=Admission(self.admission.data),
            nominations_need_approval=bool(self.nominations_need_approval.data),
            starts_on=self.starts_on.data,
            ends_on=self.ends_on.data,
            capacity=self.capacity.data,
            countries=codes_of(self.countries.data, country_names(reader_locale())) or None,
            instructors=self.addresses(),
            policy=PolicyInput(**self.policy.form.typed()),
        )


class CopyForm(CatalogueForm):
    """A series to be made from another: its name, its first day, and what is copied."""

    title = StringField(_l("Title"), [InputRequired(_l("Enter the title."))])
    slug = StringField(_l("Web address"), [InputRequired(_l("Enter a short web address."))])
    first = Day(_l("First lecture"), [Optional()])
    instructors = BooleanField(_l("Instructors"), default=True)
    speakers = BooleanField(_l("Speakers"), default=True)
    files = BooleanField(_l("Files"), default=True)
    links = BooleanField(_l("Links to slides and further reading"), default=True)
    checks = BooleanField(_l("Knowledge checks and question bank"), default=True)
    questions = BooleanField(_l("Questions at enrolment"), default=True)
    feedback = BooleanField(_l("Feedback questions"), default=True)
    rules = BooleanField(_l("Rules for attendance and certificates"), default=True)
    countries = BooleanField(_l("Countries and number of places"), default=True)

    def copy(self, decisions: Mapping[str, str]) -> SeriesCopy:
        """Returns what was typed."""
        values = dict(self.values()) | {"title": self.title.data or "", "slug": self.slug.data or ""}
        return SeriesCopy(**values, decisions=decisions)

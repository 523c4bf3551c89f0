"""Forms on the pages of certificates."""

from collections.abc import Iterable, Mapping
from typing import Any

from flask_wtf.file import FileField, FileRequired
from wtforms import BooleanField, ColorField, SelectField, StringField, TextAreaField
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]
from wtforms.validators import InputRequired, Length

from lms.core.text.i18n import _, _l
from lms.web.forms.forms import BaseForm


class RevokeForm(BaseForm):
    """Why a certificate is revoked."""

    reason = TextAreaField(
        _l("Reason"),
        validators=[InputRequired(_l("Enter a reason.")), Length(max=2000)],
    )


class WithdrawForm(BaseForm):
    """The holder means it."""

    sure = BooleanField(
        _l("I understand that this cannot be undone"),
        validators=[InputRequired(_l("Tick the box to confirm. A withdrawn certificate cannot be restored."))],
    )


class CheckFileForm(BaseForm):
    """A file presented as a certificate. It needs no token, and so no cookie, because it changes nothing."""

    class Meta(BaseForm.Meta):
        csrf = False

    file = FileField(_l("Certificate (PDF) or badge (PNG)"), [FileRequired(_l("Select a file."))])


class NewDesignForm(BaseForm):
    """A new design."""

    name = StringField(_l("Name"))
    like = SelectField(_l("Start from"), coerce=int, default=0)

    def offer(self, designs: Iterable[tuple[int, str]]) -> None:
        """The designs that it can begin with."""
        self.like.choices = [
            SelectChoice(0, _("Built-in design")),
            *(SelectChoice(key, name) for key, name in designs),
        ]


class DesignLooksForm(BaseForm):
    """Name, colours and signatory."""

    name = StringField(_l("Name of the design"))
    accent = ColorField(_l("Colour of the route"))
    ink = ColorField(_l("Colour of names and text"))
    quiet = ColorField(_l("Colour of secondary text"))
    signatory = StringField(_l("Signatory"))


class DesignWordsForm(BaseForm):
    """The words of a design in one language."""

    participation = StringField(_l("Title of a certificate of participation"))
    completion = StringField(_l("Title of a certificate of completion"))
    sentence = TextAreaField(_l("Sentence before the name of the series"))
    sentence_all = TextAreaField(_l("Sentence for people who attended every lecture"))
    sentence_one = TextAreaField(_l("Sentence for a series with one lecture"))
    office = StringField(_l("Signatory’s title"))
    issued = StringField(_l("Text before the date"))
    verify = StringField(_l("Text before the verification link"))
    missed = StringField(_l("Label for a lecture that was missed"))
    to_come = StringField(_l("Label for a lecture without a date"))


class DesignPictureForm(BaseForm):
    """A picture and what it shows."""

    file = FileField(_l("File"))
    alt = StringField(_l("Description (for screen readers)"))

    @classmethod
    def of(cls, role: str, **given: Any) -> "DesignPictureForm":
        """The form for one role. A page has several of them."""
        form = cls(**given)
        for field in (form.file, form.alt):
            field.id = f"{role}-{field.name}"
        return form


class LookForm(BaseForm):
    """The sample used to preview a design."""

    series = SelectField(_l("Series"), default="")
    sample = SelectField(_l("Sample"), default="longest")
    language = SelectField(_l("Language"), default="")
    kind = SelectField(_l("Kind"), default="participation")

    class Meta(BaseForm.Meta):
        csrf = False  # it is only ever read

    def offer(self, series: Mapping[str, str], samples: Mapping[str, str], languages: Mapping[str, str]) -> None:
        """Sets the choices of the fields. A value that is not among them becomes the first."""
        kinds = {"participation": _("Participation"), "completion": _("Completion")}
        given = ((self.series, series), (self.sample, samples), (self.language, languages), (self.kind, kinds))
        for field, offered in given:
            field.choices = [SelectChoice(value, label) for value, label in offered.items()]
            if field.data not in offered:
                field.data = next(iter(offered))


class SeriesDesignForm(BaseForm):
    """The design of a series: `all`, or a family (0 is the built-in one)."""

    design = SelectField(_l("Design"), default="all")

    def offer(self, designs: Iterable[tuple[int, str]], for_all: str) -> None:
        """The designs in use."""
        self.design.choices = [
            SelectChoice("all", _("Default design: %(name)s", name=for_all)),
            SelectChoice("0", _("Built-in design")),
            *(SelectChoice(str(key), name) for key, name in designs),
        ]

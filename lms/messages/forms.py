"""The form of a message."""

from collections.abc import Mapping, Sequence

from wtforms import RadioField, StringField, TextAreaField
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]  # the stubs are older
from wtforms.validators import InputRequired

from lms.catalogue.models import Lecture
from lms.core.text.i18n import _, _l
from lms.core.text.translations import reader_text
from lms.messages.models import Audience
from lms.messages.rules import AudienceInput, MessageInput
from lms.web.forms.forms import BaseForm, KnownChoice
from lms.web.pages.time import number, short_day


def audience_words() -> dict[Audience, str]:
    """Returns what each audience is called."""
    return {
        Audience.EVERYONE: _("Everyone enrolled"),
        Audience.ATTENDED: _("Attended the lecture"),
        Audience.PARTIAL: _("Attended part of it"),
        Audience.ABSENT: _("Missed it"),
        Audience.SHORT: _("One lecture short of a certificate"),
        Audience.BEHIND: _("Falling behind, but can still earn the certificate"),
    }


class MessageForm(BaseForm):
    """Audience, subject and text. Focal points choose no audience: they write to people who are falling behind."""

    to = RadioField(_l("Readers"), default=Audience.EVERYONE.value)
    lecture = KnownChoice(_l("Lecture"), default="")
    country = KnownChoice(_l("Country or area"), default="")
    search = StringField(_l("Name or e-mail"))
    subject = StringField(_l("Subject"), [InputRequired(_l("Enter a subject."))])
    text = TextAreaField(_l("Text"), [InputRequired(_l("Enter the text of the message."))])

    def offer(
        self,
        counts: Mapping[Audience, int],
        lectures: Sequence[Lecture],
        countries: Sequence[tuple[str, str, int]],
    ) -> None:
        """Fills the choices: audiences with how many people they hold, held lectures, and countries (code, name,
        people)."""
        words = audience_words()
        del self.search
        self.to.choices = [
            SelectChoice(one.value, _("%(who)s: %(n)s", who=words[one], n=number(count)))
            for one, count in counts.items()
        ]
        if lectures:
            self.lecture.choices = [SelectChoice(str(lecture.id), _named(lecture)) for lecture in lectures]
        else:
            del self.lecture
        everyone = SelectChoice("", _("All countries"))
        named = [SelectChoice(code, f"{name} ({number(count)})") for code, name, count in countries]
        self.country.choices = [everyone, *named]

    def offer_reminder(self, countries: Sequence[tuple[str, str]]) -> None:
        """Fills the choices of a focal point: their countries (code, name)."""
        del self.to, self.lecture
        self.country.choices = [SelectChoice(code, name) for code, name in countries]

    def audience(self) -> AudienceInput:
        """The audience as currently chosen."""
        if "to" not in self:
            return AudienceInput(Audience.BEHIND, None, self.country.data or "", self.search.data or "")
        lecture = self.lecture.data if "lecture" in self else ""
        known = self.to.data in {one.value for one in Audience}
        return AudienceInput(
            Audience(self.to.data) if known else Audience.EVERYONE,
            int(lecture) if lecture and lecture.isascii() and lecture.isdigit() else None,
            self.country.data or "",
        )

    def message(self) -> MessageInput:
        """Returns what was typed."""
        return MessageInput(self.audience(), self.subject.data or "", self.text.data or "")


def _named(lecture: Lecture) -> str:
    start = lecture.actual_start
    title = reader_text(lecture)
    return title if start is None else _("%(title)s, %(day)s", title=title, day=short_day(start))

"""Forms for the files of a lecture."""

from typing import Any

from flask_wtf.file import FileField, FileRequired
from wtforms import HiddenField, SelectField, StringField
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]  # the stubs are older

from lms.core.text.i18n import _l
from lms.materials.models import Audience
from lms.web.forms.forms import BaseForm

AUDIENCES = {
    Audience.ENROLLED: _l("Enrolled people"),
    Audience.EVERYONE: _l("Everyone"),
    Audience.AFTERWARDS: _l("Enrolled people, after the lecture"),
}
_CHOICES = [SelectChoice(audience.value, label) for audience, label in AUDIENCES.items()]


class FileOrUpload(FileRequired):
    """A file in the form, or the id of an upload that came in pieces before it."""

    def __call__(self, form: Any, field: Any) -> None:
        if not form.upload.data:
            super().__call__(form, field)


class UploadForm(BaseForm):
    """A file to add, or the upload in pieces that it came in, and who can open it."""

    file = FileField(_l("File"), [FileOrUpload(_l("Select a file."))])
    upload = HiddenField()
    audience = SelectField(_l("Who can open it"), choices=_CHOICES, default=Audience.ENROLLED.value)


class EditFileForm(BaseForm):
    """The name of a file in the list, and who can open it."""

    title = StringField(_l("Name"))
    audience = SelectField(_l("Who can open it"), choices=_CHOICES)


class ReplaceForm(BaseForm):
    """The file that takes the place of another, or the upload in pieces that it came in."""

    file = FileField(_l("New file"), [FileOrUpload(_l("Select a file."))])
    upload = HiddenField()

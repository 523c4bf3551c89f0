"""Forms on the pages of certificates."""

from __future__ import annotations

from flask_wtf.file import FileField, FileRequired
from wtforms import BooleanField, TextAreaField
from wtforms.validators import InputRequired, Length

from lms.core.words import _l
from lms.web.forms import BaseForm


class RevokeForm(BaseForm):
    """Why a certificate is revoked."""

    reason = TextAreaField(
        _l("Reason"),
        validators=[InputRequired(_l("Say why: the holder and the staff will read it.")), Length(max=2000)],
    )


class WithdrawForm(BaseForm):
    """The holder means it."""

    sure = BooleanField(
        _l("I know that this cannot be undone"),
        validators=[InputRequired(_l("Tick the box: a withdrawn number stays withdrawn."))],
    )


class CheckFileForm(BaseForm):
    """A file whose holder says it is a certificate. It needs no token, and so no cookie: it changes nothing."""

    class Meta(BaseForm.Meta):
        csrf = False

    file = FileField(_l("Certificate (PDF) or badge (PNG)"), [FileRequired(_l("Choose a file."))])

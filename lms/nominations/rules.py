"""Pure decisions on nominations: who can do what, and when."""

import unicodedata
from datetime import timedelta
from typing import Final

from lms.catalogue.models import Series, Visibility
from lms.core.base.errors import Forbidden, Invalid, NotFound, Refused
from lms.core.base.roles import Actor
from lms.core.text.i18n import _
from lms.core.text.typed_text import clean_line
from lms.enrolment.rules import speaks_for
from lms.nominations.models import Nomination, NominationState

INVITATION_LASTS: Final = timedelta(days=14)
"""How long a nominee has to answer, from the latest time the invitation was sent."""
REMIND_EVERY: Final = timedelta(days=3)
"""A nominee is sent the invitation again at most this often."""
FORGET_AFTER: Final = timedelta(days=180)
"""So long after a nomination ended without a place, the name and address of its nominee are erased."""
MAX_REASON: Final = 500
MAX_LETTER_MB: Final = 10
"""A letter of endorsement is at most this large."""


def may_nominate(by: Actor, country_id: int) -> bool:
    """Whether the actor nominates for this country: its focal point, and administrators."""
    return by.is_administrator or speaks_for(by, country_id)


def check_can_nominate(series: Series, by: Actor, country_id: int) -> None:
    """Raises NotFound for a country that the actor does not speak for, and Refused where the series does not take
    nominations from it."""
    if not may_nominate(by, country_id):
        raise NotFound
    if series.visibility is not Visibility.PUBLIC:
        raise Refused(_("This series is still a draft. You can nominate people once it is published."))
    if series.countries and country_id not in {country.id for country in series.countries}:
        raise Refused(_("This series is not open to this country."))


def check_can_decide(by: Actor) -> None:
    """Raises Forbidden unless the actor decides on nominations: administrators do."""
    if not by.is_administrator:
        raise Forbidden


def checked_reason(text: str | None, *, required: bool) -> str | None:
    """A reason as it is kept. Raises Invalid."""
    reason = clean_line(text or "")
    if required and not reason:
        raise Invalid("reason", _("Enter a reason."))
    if len(reason) > MAX_REASON:
        raise Invalid("reason", _("Use at most %(n)s characters.", n=MAX_REASON))
    return reason or None


def is_answered(nomination: Nomination) -> bool:
    """Whether the nominee has accepted already, and only a decision is missing: the nominee named another country."""
    return nomination.state is NominationState.SUBMITTED and nomination.answered_at is not None


def what_is_wrong_with(name: str) -> str | None:
    """Returns what is wrong with a name that somebody else wrote, as a sentence; None where nothing is seen."""
    if _is_damaged(name):
        return _("This name looks damaged. Save the file as “CSV UTF-8” or as XLSX.")
    picture = next((char for char in name if unicodedata.category(char) == "So"), None)
    if picture is not None:
        return _("This name contains a picture: %(picture)s", picture=picture)
    if not any(char.isalpha() for char in name):
        return _("This name has no letters.")
    return None


def _is_damaged(name: str) -> bool:
    """Whether a name was read in another encoding than it was written in: it has replacement characters, or its
    characters are the bytes of UTF-8, one by one."""
    if "\ufffd" in name or "?" in name:
        return True
    if name.isascii():
        return False
    try:
        read = b"".join(_byte_of(char) for char in name).decode()
    except UnicodeError:
        return False
    return read != name


def _byte_of(char: str) -> bytes:
    """The byte that spreadsheets show as this character."""
    try:
        return char.encode("cp1252")
    except UnicodeError:
        return char.encode("latin-1")  # five bytes mean nothing in cp1252

"""Rules for names, addresses and passwords, and for who can see and change a person."""

import re
import unicodedata
from collections.abc import Iterable
from datetime import date, timedelta
from typing import Final
from urllib.parse import quote

from babel import Locale
from email_validator import EmailNotValidError, validate_email

from lms.core.base.errors import Forbidden, Invalid
from lms.core.base.roles import Actor, Role
from lms.core.text.i18n import _, cldr_locale, translated
from lms.core.text.punctuation import listed
from lms.core.text.translations import base_of
from lms.core.text.typed_text import clean_line
from lms.people.throttling import is_guessed_soon, is_made_of, is_stolen

MAX_NAME: Final = 200
NAMES: Final = frozenset({"full_name", "native_name"})
"""The fields of a person that a certificate shows."""
MAX_ADDRESS: Final = 254
MIN_PASSWORD: Final = 8
MAX_PASSWORD: Final = 200
DEMO_PASSWORD: Final = "demo-only"  # noqa: S105 - works in a demonstration only, which is the point
CONSENT_VERSION: Final = "2026-11"
"""Version of the text on the privacy page that registration asks consent to."""

CONFIRM_LASTS: Final = timedelta(hours=24)
RESET_LASTS: Final = timedelta(hours=1)
SIGN_IN_LASTS: Final = timedelta(minutes=15)
INVITATION_LASTS: Final = timedelta(days=7)
TOKEN_LASTS: Final = timedelta(days=365)
MAX_LINKS: Final = 5
MAX_LINKS_WINDOW: Final = timedelta(hours=1)
"""The number of mails with a link to one address within an hour; a further request is answered alike and sends none."""
MAX_AT_ONCE: Final = 15
MAX_FAILURES: Final = 5
FAILURE_WINDOW: Final = timedelta(minutes=1)
OTP_FAILURE_WINDOW: Final = timedelta(minutes=5)
LONGEST_FAILURE_WINDOW: Final = max(FAILURE_WINDOW, OTP_FAILURE_WINDOW)
CLOCK_SKEW: Final = timedelta(seconds=5)
"""How far ahead another server's clock may be. A failure dated later was noted before the clock was set back."""
SEEN_EVERY: Final = timedelta(minutes=5)
"""How often, at most, the use of a session is written down."""
SESSIONS_KEPT: Final = timedelta(days=7)
"""How long a session stays in the table after its end, for its owner's export and to look into an incident."""
DEVICE_LASTS: Final = timedelta(days=180)
"""How long a browser is known after it last signed in."""
SECOND_STEP_LASTS: Final = timedelta(minutes=10)
"""So long after the password the code of the second factor is waited for."""
PENDING_LASTS: Final = timedelta(minutes=30)
"""So long a device may take to be set up."""
CODE_STEP: Final = 30
"""Seconds that a code of a device holds."""
CODE_SIGNS: Final = 10
RECOVERY_CODES: Final = 10

_PART = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_PLAIN_ADDRESS = re.compile(rf"{_PART}(?:\.{_PART})*@(?:{_LABEL}\.)+[A-Za-z]{{2,63}}")


def email_key(text: str) -> str:
    """Returns what makes two addresses one: NFC, casefolded, without blanks around."""
    stripped = text.strip()
    if stripped.isascii():
        return stripped.lower()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", stripped).casefold())


def checked_name(text: str, *, field: str = "full_name") -> str:
    """Returns a full name of 1 to 200 characters, cleaned but never split or re-cased. Raises Invalid."""
    name = clean_line(text)
    if not name:
        raise Invalid(field, _("Enter your full name."))
    if len(name) > MAX_NAME:
        raise Invalid(field, _("Use at most %(n)s characters.", n=MAX_NAME))
    return name


def checked_line(text: str | None, *, field: str) -> str | None:
    """Returns an optional line of at most 200 characters, or None if nothing visible is left. Raises Invalid."""
    line = clean_line(text or "")
    if len(line) > MAX_NAME:
        raise Invalid(field, _("Use at most %(n)s characters.", n=MAX_NAME))
    return line or None


def checked_language(text: str) -> str | None:
    """The code of an offered language, given by its code or by its name in one of them; None for an empty text. Raises
    Invalid for others."""
    line = clean_line(text)
    if not line:
        return None
    codes = translated()
    names = {
        (Locale.parse(code).get_display_name(cldr_locale(other)) or code).casefold(): code
        for code in codes
        for other in codes
    }
    code = names.get(line.casefold(), base_of(line.casefold()))
    if code not in codes:
        reason = _("Unknown language “%(cell)s”. Use one of: %(known)s.", cell=line[:40], known=listed(codes))
        raise Invalid("language", reason)
    return code


def checked_address(text: str, *, field: str = "email") -> str:
    """An e-mail address as typed, cleaned. Only its form is checked, never the network. Raises Invalid."""
    address = clean_line(text)
    if not address:
        raise Invalid(field, _("Enter the e-mail address."))
    fits = len(address) <= MAX_ADDRESS and address.rfind("@") <= 64
    if fits and _PLAIN_ADDRESS.fullmatch(address):
        return address
    try:
        if not fits:
            raise EmailNotValidError("too long")
        return validate_email(address, check_deliverability=False, test_environment=True).normalized
    except EmailNotValidError as error:
        raise Invalid(field, _("Enter an e-mail address in the correct format, like name@example.org.")) from error


def checked_password(password: str, *, demonstration: bool, known: Iterable[str] = (), field: str = "password") -> str:
    """Returns a password of 8 to 200 characters of any kind, unchanged. Raises Invalid with the reason.

    Refused are passwords on lists of stolen ones, easily guessed ones, and those made of public words: `known` (name,
    address, organiser). The password of the demonstration is refused elsewhere.
    """
    if len(password) < MIN_PASSWORD:
        raise Invalid(field, _("Use at least %(n)s characters.", n=MIN_PASSWORD))
    if len(password) > MAX_PASSWORD:
        raise Invalid(field, _("Use at most %(n)s characters.", n=MAX_PASSWORD))
    if password == DEMO_PASSWORD:
        if demonstration:
            return password
        raise Invalid(field, _("Everyone knows this password. Choose another."))
    if is_stolen(password):
        raise Invalid(
            field, _("This password appears in lists of stolen passwords, which attackers try first. Choose another.")
        )
    if is_made_of(password, known):
        raise Invalid(field, _("This is too close to your name, your address or the organiser’s name. Choose another."))
    if is_guessed_soon(password):
        raise Invalid(field, _("This password is too easy to guess. Use several unrelated words."))
    return password


def plain_code(otp: str) -> str:
    """A code as it is compared: without blanks and dashes; of a recovery code O is 0, I and L are 1, any case."""
    code = "".join(sign for sign in otp.upper() if sign.isascii() and sign.isalnum())
    return code.replace("O", "0").replace("I", "1").replace("L", "1")


def provisioning_address(secret: str, account: str, issuer: str) -> str:
    """Returns what the QR code of a device says: the key URI that authenticator apps read."""
    label = quote(f"{issuer}:{account}", safe="")
    return f"otpauth://totp/{label}?secret={secret}&issuer={quote(issuer, safe='')}"


def can_see_person(by: Actor, person_id: int) -> bool:
    """Returns whether `by` can see and change the whole profile of a person: administrators and the person."""
    return by.is_administrator or (by.is_signed_in and by.person_id == person_id)


def check_role_country(role: Role, country_code: str | None) -> None:
    """Raises Invalid at `country`: a focal point's role has one, no other role has."""
    if role is Role.FOCAL_POINT and not country_code:
        raise Invalid("country", _("Choose the country of the focal point."))
    if role is not Role.FOCAL_POINT and country_code:
        raise Invalid("country", _("Only the focal point role has a country."))


def check_country_since(by: Actor, since: date | None, today: date) -> None:
    """People can change their country from today; only administrators can set other days. Raises Forbidden."""
    if not by.is_administrator and since not in (None, today):
        raise Forbidden(_("Only the organiser can choose a day other than today."))

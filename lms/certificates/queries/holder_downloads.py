"""Downloads of a holder: the badge as text and picture, and links."""

from urllib.parse import urlencode

from lms.certificates import numbers, rules
from lms.certificates.badges import baking
from lms.certificates.badges.credential import KINDS
from lms.certificates.badges.picture import badge_picture
from lms.certificates.pdf import store
from lms.certificates.queries import certificates
from lms.certificates.queries.certificates import ShownCertificate
from lms.core.base.errors import Forbidden, Refused
from lms.core.base.roles import Actor
from lms.core.text.i18n import _

LINKEDIN = "https://www.linkedin.com/profile/add"


def get_badge(typed: str, *, by: Actor) -> str:
    """The badge of a valid certificate as signed text, for its holder and administrators.

    Raises NotFound, Forbidden, Refused.
    """
    return _badge_of(typed, by=by)[0]


def find_badge(typed: str) -> str | None:
    """The badge that is kept of a certificate, whatever its state: for the holder's own export."""
    row = certificates.find_row(typed)
    return row.credential if row else None


def get_baked_badge(typed: str, *, by: Actor) -> bytes:
    """As get_badge, inside a picture (PNG)."""
    text, shown = _badge_of(typed, by=by)
    return baking.bake(badge_picture(str(shown.kind), shown.series, shown.organiser), text)


def _badge_of(typed: str, *, by: Actor) -> tuple[str, ShownCertificate]:
    shown = certificates.get_certificate(typed, by=by)
    if not (shown.is_holder or by.is_administrator):
        raise Forbidden
    row = certificates.get_row(typed)
    rules.check_can_download(row.state)
    if row.credential is None:
        raise Refused(
            _("This certificate has no badge. The holder’s account was deleted, or the badge has not been made yet.")
        )
    return row.credential, shown


def linkedin_address(shown: ShownCertificate) -> str:
    """Where a holder adds the certificate to a LinkedIn profile: all but the press of the button is done."""
    title, _type = KINDS[shown.kind]
    return f"{LINKEDIN}?" + urlencode(
        {
            "startTask": "CERTIFICATION_NAME",
            "name": f"{title}: {shown.series}",
            "organizationName": shown.organiser,
            "issueYear": shown.issued_on.year,
            "issueMonth": shown.issued_on.month,
            "certUrl": store.address_of(numbers.parse(shown.number) or ""),
            "certId": shown.number,
        }
    )

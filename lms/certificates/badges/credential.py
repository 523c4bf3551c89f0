"""Open Badges 3.0 credentials for awards: created, signed and read back.

A credential contains only a salted hash of the holder's e-mail address, so only a reader who knows the address can tell
whose it is. `keys` signs it; `status` says whether it is still valid.
"""

import hashlib
import secrets
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any

from sqlalchemy import select

from lms.catalogue.models import CertificateKind, Series
from lms.certificates import keys, numbers
from lms.certificates.badges import status_list
from lms.certificates.badges.vc_jwt import instant, sign_credential
from lms.certificates.keys import SigningKey
from lms.certificates.models import Award, Certificate
from lms.certificates.rules import hours
from lms.core.base.settings import settings
from lms.core.database.session import db
from lms.people.queries.persons import addresses_of

CONTEXTS = ("https://www.w3.org/ns/credentials/v2", "https://purl.imsglobal.org/spec/ob/v3p0/context-3.0.3.json")
KINDS = {
    CertificateKind.COMPLETION: ("Certificate of completion", "CertificateOfCompletion"),
    CertificateKind.PARTICIPATION: ("Certificate of participation", "ext:CertificateOfParticipation"),
}


@dataclass(frozen=True)
class CredentialFacts:
    """The content of a credential.

    `number` is unformatted and `address` is the holder's e-mail address, if known. `days` are those of the lectures
    attended, `awarded_at` is when the award was first made, and `organiser` is the issuer.
    """

    number: str
    kind: CertificateKind
    series: str
    slug: str
    organiser: str
    name: str
    address: str | None
    hours_ms: int
    days: tuple[date, ...]
    issued_at: datetime
    awarded_at: datetime


def days_attended(lectures: Sequence[dict[str, Any]]) -> tuple[date, ...]:
    """The days of the lectures attended, from the stations of a certificate."""
    return tuple(date.fromisoformat(stop["day"]) for stop in lectures if stop["attended"] and stop["day"])


def _issuer(organiser: str) -> dict[str, Any]:
    """The organiser as the issuer of credentials."""
    base = settings().base_url
    return {"id": base, "type": ["Profile"], "name": organiser, "url": base}


def credential_of(facts: CredentialFacts, place: status_list.StatusIndex) -> dict[str, Any]:
    """The credential that states an award, not yet signed."""
    base = settings().base_url
    title, achievement_type = KINDS[facts.kind]
    series = f"{base}/series/{facts.slug}"
    achievement = f"{series}#{facts.kind}"
    number = numbers.write(facts.number)
    subject: dict[str, Any] = {
        "id": f"urn:uuid:{uuid.UUID(bytes=secrets.token_bytes(16), version=4)}",
        "type": ["AchievementSubject"],
        "identifier": [_identity(facts)],
        "licenseNumber": number,
        "achievement": {
            "id": achievement,
            "type": ["Achievement"],
            "achievementType": achievement_type,
            "name": f"{title}: {facts.series}",
            "description": f"{title} in the online lecture series “{facts.series}”.",
            "criteria": {"id": series, "narrative": "Lectures of the series attended, as its policy asks."},
            "resultDescription": [
                {
                    "id": f"{achievement}-hours",
                    "type": ["ResultDescription"],
                    "name": "Hours of lectures attended",
                    "resultType": "ext:Hours",
                }
            ],
        },
        "result": [
            {
                "type": ["Result"],
                "resultDescription": f"{achievement}-hours",
                "value": f"{hours([facts.hours_ms]):g}",
            }
        ],
    }
    if facts.days:
        subject["activityStartDate"] = instant(datetime.combine(min(facts.days), time(), UTC))
        subject["activityEndDate"] = instant(datetime.combine(max(facts.days), time(), UTC))
    return {
        "@context": list(CONTEXTS),
        "id": f"{base}/verify/{number}",
        "type": ["VerifiableCredential", "OpenBadgeCredential"],
        "name": f"{title}: {facts.series}",
        "issuer": _issuer(facts.organiser),
        "validFrom": instant(facts.issued_at),
        "awardedDate": instant(facts.awarded_at),
        "credentialSubject": subject,
        "credentialStatus": status_list.entry(place),
    }


def _identity(facts: CredentialFacts) -> dict[str, Any]:
    kind, identity = ("emailAddress", facts.address) if facts.address else ("name", facts.name)
    salt = secrets.token_hex(16)
    digest = hashlib.sha256(f"{identity}{salt}".encode()).hexdigest()
    return {
        "type": "IdentityObject",
        "hashed": True,
        "identityHash": f"sha256${digest}",
        "identityType": kind,
        "salt": salt,
    }


def badges_for(many: Sequence[CredentialFacts], key: SigningKey) -> list[dict[str, Any]]:
    """The columns with signed badges for new certificates. Runs inside the action that creates them."""
    places = status_list.take_places(len(many))
    return [
        {
            "credential": sign_credential(credential_of(facts, place), key),
            "status_list": place.number,
            "status_index": place.index,
            "signing_kid": key.kid,
        }
        for facts, place in zip(many, places, strict=True)
    ]


def give_badges(pairs: Sequence[tuple[Certificate, Award]]) -> None:
    """Signs a badge for each of these certificates inside the running action, and stores it."""
    if not pairs:
        return
    series = {award.series_id for _row, award in pairs}
    slugs = dict(db.session.execute(select(Series.id, Series.slug).where(Series.id.in_(series))).all())
    addresses = addresses_of([award.person_id for _row, award in pairs])
    many = [
        CredentialFacts(
            number=row.number,
            kind=award.kind,
            series=row.series_title,
            slug=slugs[award.series_id],
            organiser=row.organiser or settings().organiser,
            name=row.name,
            address=addresses.get(award.person_id),
            hours_ms=row.hours_ms,
            days=days_attended(row.lectures),
            issued_at=row.issued_at,
            awarded_at=award.awarded_at,
        )
        for row, award in pairs
    ]
    for (row, _award), columns in zip(pairs, badges_for(many, keys.current()), strict=True):
        for name, value in columns.items():
            setattr(row, name, value)

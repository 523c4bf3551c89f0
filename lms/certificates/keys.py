"""The organisation's P-256 keys: what certificates, badges and status lists are signed with, and checked against.

Private keys are files, in the data folder (`keys/<kid>.pem`) or where `LMS_SIGNING_KEY` names one; the database keeps
every public key and its certificate for ever, so that what an old key signed is known after rotation. A key's id is
its RFC 7638 thumbprint.
"""

import os
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import NameOID
from sqlalchemy import select

from lms.certificates.models import KnownKey
from lms.certificates.public_keys import key_address, kid_of, public_part
from lms.core.base.errors import NotFound, Refused
from lms.core.base.roles import Actor
from lms.core.base.settings import settings
from lms.core.database import audit
from lms.core.database.session import action, db, one_at_a_time
from lms.core.text.i18n import _

NO_END = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)  # RFC 5280: no well-defined end


class KeyMissing(Refused):
    """There is no signing key. The message says what to do."""


@dataclass(frozen=True)
class SigningKey:
    """A key to sign with: its id, the private key, its X.509 certificate, and those that certify it."""

    kid: str
    private: ec.EllipticCurvePrivateKey = field(repr=False)
    certificate: x509.Certificate
    chain: list[x509.Certificate] = field(default_factory=list)


@dataclass(frozen=True)
class _File:
    private: ec.EllipticCurvePrivateKey = field(repr=False)
    certificates: tuple[x509.Certificate, ...]

    @property
    def kid(self) -> str:
        return kid_of(self.private.public_key())


def _public_jwk(public: ec.EllipticCurvePublicKey) -> dict[str, Any]:
    return public_part(public) | {"kid": kid_of(public), "alg": "ES256", "use": "sig"}


# What there is ------------------------------------------------------------------------------------------------


def find_current() -> KnownKey | None:
    """The public part of the current key, or None if there is no key yet."""
    query = select(KnownKey).where(KnownKey.retired_at.is_(None)).order_by(KnownKey.id.desc()).limit(1)
    return db.session.scalar(query)


def list_keys() -> list[KnownKey]:
    """Every key there ever was, the newest first."""
    return list(db.session.scalars(select(KnownKey).order_by(KnownKey.id.desc())))


def current() -> SigningKey:
    """The key to sign with; its file is read once a process and again when it has changed. Raises KeyMissing."""
    known = find_current()
    if known is None:
        raise KeyMissing(_("There is no signing key yet. Run `lms init` to create one."))
    given = settings().signing_key
    path = Path(given) if given else _path(known.kid)
    file = _read(path)
    if file.kid != known.kid:
        raise KeyMissing(
            _("%(path)s contains a different key from the one in use. Run `lms keys rotate` to use it.", path=path)
        )
    certificate = x509.load_pem_x509_certificate(known.certificate.encode())
    return SigningKey(known.kid, file.private, certificate, [one for one in file.certificates if one != certificate])


def public_jwks() -> dict[str, list[dict[str, Any]]]:
    """All public keys, those of retired ones too, as a JSON Web Key Set."""
    return {"keys": [known.public_jwk for known in list_keys()]}


def published_jwks() -> dict[str, list[dict[str, Any]]]:
    """All public keys under each name that a badge may give them: their address, and the bare id of older badges."""
    return {"keys": [jwk for known in list_keys() for jwk in (_addressed(known.public_jwk), known.public_jwk)]}


def published_jwk(kid: str) -> dict[str, Any]:
    """The public key of this id as JWK, under its address. Raises NotFound for a key that was never ours."""
    jwk = find_public(kid)
    if jwk is None:
        raise NotFound
    return _addressed(jwk)


def _addressed(jwk: dict[str, Any]) -> dict[str, Any]:
    return jwk | {"kid": key_address(settings().base_url, jwk["kid"])}


def find_public(kid: str) -> dict[str, Any] | None:
    """The public key with this id as JWK, or None if it was never ours."""
    return db.session.scalar(select(KnownKey.public_jwk).where(KnownKey.kid == kid))


def trusted_certificates() -> list[x509.Certificate]:
    """The certificates of all keys there ever were: what they signed is ours."""
    return [x509.load_pem_x509_certificate(known.certificate.encode()) for known in list_keys()]


def from_files() -> tuple[dict[str, list[dict[str, Any]]], list[x509.Certificate]]:
    """Public keys and certificates found in the key files, for checking without a database."""
    given = settings().signing_key
    paths = [Path(given)] if given else []
    files = [_read(path) for path in [*paths, *sorted((settings().folder / "keys").glob("*.pem"))]]
    jwks = {"keys": [_public_jwk(file.private.public_key()) for file in files]}
    return jwks, [certificate for file in files for certificate in file.certificates]


# What makes and changes them ----------------------------------------------------------------------------------


@action
def ensure_key(*, by: Actor, at: datetime) -> str:
    """Ensures that there is a signing key, and returns its id; an existing one is unchanged."""
    known = find_current()
    if known is None:
        one_at_a_time("certificates.keys")
        known = find_current()
    return known.kid if known is not None else _take_new(by=by, at=at)


@action
def rotate_key(*, by: Actor, at: datetime) -> str:
    """Retires the key in use for a new one: a generated one, or the one in `LMS_SIGNING_KEY`.

    Signatures of the old key stay valid. Raises Refused where the named key is in use already.
    """
    one_at_a_time("certificates.keys")
    known = find_current()
    if known is not None:
        known.retired_at = at
        db.session.flush()
    return _take_new(by=by, at=at)


def _take_new(*, by: Actor, at: datetime) -> str:
    config = settings()
    if config.signing_key:
        file = _read(Path(config.signing_key))
    else:
        private = ec.generate_private_key(ec.SECP256R1())
        file = _File(private, (self_signed(private, config.organiser, at=at),))
        _keep(_path(file.kid), file)
    public = file.private.public_key()
    if find_public(file.kid) is not None:
        raise Refused(
            _("The key %(kid)s has already been used. Set a different key with LMS_SIGNING_KEY.", kid=file.kid)
        )
    certificate_given = next((one for one in file.certificates if one.public_key() == public), None)
    certificate = certificate_given or self_signed(file.private, config.organiser, at=at)
    db.session.add(
        KnownKey(
            kid=file.kid,
            public_jwk=_public_jwk(public),
            certificate=certificate.public_bytes(serialization.Encoding.PEM).decode("ascii"),
            since=at,
        )
    )
    audit.record("take signing key", by=by, at=at, detail={"kid": file.kid})
    return file.kid


def self_signed(private: ec.EllipticCurvePrivateKey, organiser: str, *, at: datetime) -> x509.Certificate:
    """An X.509 certificate by which the organiser vouches for its own key; it has no end."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, organiser[:64])])
    usage = x509.KeyUsage(
        digital_signature=True,
        content_commitment=True,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
    public = private.public_key()
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(at)
        .not_valid_after(NO_END)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .sign(private, hashes.SHA256())
    )


# Files --------------------------------------------------------------------------------------------------------


def _path(kid: str) -> Path:
    return settings().folder / "keys" / f"{kid}.pem"


def _keep(path: Path, key: _File) -> None:
    """Writes a private key and its certificate for this user's eyes only, before anything is signed with it."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    pem = key.private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    pem += b"".join(certificate.public_bytes(serialization.Encoding.PEM) for certificate in key.certificates)
    with os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
        file.write(pem)
        file.flush()
        os.fsync(file.fileno())


def _read(path: Path) -> _File:
    try:
        changed = path.stat().st_mtime_ns
        return _parse(path, changed, settings().signing_password)
    except OSError as error:
        raise KeyMissing(
            _("Cannot read the private key %(path)s: %(why)s.", path=path, why=error.strerror or "")
        ) from error


@lru_cache(maxsize=4)
def _parse(path: Path, _changed: int, password: str) -> _File:
    """A PEM (key, then certificates) or PKCS#12 file. Kept until the file is another one."""
    content = path.read_bytes()
    secret = password.encode() or None
    certificates: tuple[x509.Certificate, ...] = ()
    try:
        if content.lstrip().startswith(b"-----BEGIN"):
            private: object = serialization.load_pem_private_key(content, secret)
            if b"-----BEGIN CERTIFICATE-----" in content:
                certificates = tuple(x509.load_pem_x509_certificates(content))
        else:
            bundle = pkcs12.load_pkcs12(content, secret)
            private = bundle.key
            parsed = [bundle.cert, *bundle.additional_certs]
            certificates = tuple(one.certificate for one in parsed if one is not None)
    except (ValueError, TypeError) as error:
        raise KeyMissing(
            _("%(path)s is not a private key in PEM or PKCS#12 format, or LMS_SIGNING_PASSWORD is wrong.", path=path)
        ) from error
    if not isinstance(private, ec.EllipticCurvePrivateKey) or not isinstance(private.curve, ec.SECP256R1):
        raise KeyMissing(_("%(path)s does not contain a P-256 key. Only P-256 keys are supported.", path=path))
    return _File(private, certificates)

"""The keys that certificates are signed with."""

from __future__ import annotations

import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from apiflask import APIFlask
from click.testing import CliRunner
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import pkcs12

from lms.app import create_app
from lms.certificates import keys
from lms.cli.main import lms
from lms.config import Config
from lms.core.base.errors import Refused
from lms.core.base.roles import SYSTEM
from lms.core.database.session import db

SINCE = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def fresh(tmp_path: Path) -> APIFlask:
    """An installation of its own, with tables and no key."""
    return installation(tmp_path)


def installation(folder: Path, **settings: str) -> APIFlask:
    app = create_app(Config.load({}, data=str(folder), organiser="Ministry of Trade", **settings))
    with app.app_context():
        db.create_all()
    return app


def test_a_key_is_made_once_for_its_owner_alone(fresh: APIFlask, tmp_path: Path) -> None:
    with fresh.app_context():
        with pytest.raises(keys.KeyMissing, match="lms init"):
            keys.current()
        kid = keys.ensure_key(by=SYSTEM, at=SINCE)
        assert keys.ensure_key(by=SYSTEM, at=SINCE) == kid
        key = keys.current()
        assert (key.kid, key.private.curve.name, key.chain) == (kid, "secp256r1", [])
        assert key.certificate.public_key() == key.private.public_key()
        assert key.certificate.subject.rfc4514_string() == "CN=Ministry of Trade"
        assert key.certificate.not_valid_before_utc == SINCE
        assert [known.kid for known in keys.list_keys()] == [kid]
    path = tmp_path / "keys" / f"{kid}.pem"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_the_database_knows_nothing_private(fresh: APIFlask) -> None:
    with fresh.app_context():
        kid = keys.ensure_key(by=SYSTEM, at=SINCE)
        (jwk,) = keys.public_jwks()["keys"]
        assert set(jwk) == {"kty", "crv", "x", "y", "kid", "alg", "use"}
        assert (jwk["kty"], jwk["crv"], jwk["kid"], jwk["alg"]) == ("EC", "P-256", kid, "ES256")
        assert keys.find_public(kid) == jwk
        assert keys.find_public("another") is None
        assert "PRIVATE" not in keys.list_keys()[0].certificate


def test_an_old_key_is_known_after_rotation(fresh: APIFlask) -> None:
    with fresh.app_context():
        old = keys.ensure_key(by=SYSTEM, at=SINCE)
        certificate = keys.current().certificate
        new = keys.rotate_key(by=SYSTEM, at=SINCE + timedelta(days=1))
        assert new != old
        assert keys.current().kid == new
        assert {jwk["kid"] for jwk in keys.public_jwks()["keys"]} == {old, new}
        assert certificate in keys.trusted_certificates()
        assert {known.kid: known.retired_at for known in keys.list_keys()} == {
            old: SINCE + timedelta(days=1),
            new: None,
        }


def test_a_lost_or_broken_private_key_is_said_clearly(fresh: APIFlask, tmp_path: Path) -> None:
    with fresh.app_context():
        kid = keys.ensure_key(by=SYSTEM, at=SINCE)
        path = tmp_path / "keys" / f"{kid}.pem"
        path.write_bytes(b"-----BEGIN nothing")
        with pytest.raises(keys.KeyMissing, match=f"{kid}.pem is not a private key"):
            keys.current()
        path.unlink()
        with pytest.raises(keys.KeyMissing, match=f"Cannot read the private key .*{kid}.pem: No such file"):
            keys.current()


def test_a_key_of_ones_own_is_taken_from_pkcs12_with_its_chain(tmp_path: Path) -> None:
    root_key, own_key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    root = keys.self_signed(root_key, "Authority", at=SINCE)
    own = keys.self_signed(own_key, "Ministry", at=SINCE)
    encrypted = serialization.BestAvailableEncryption(b"open sesame")
    file = tmp_path / "own.p12"
    file.write_bytes(pkcs12.serialize_key_and_certificates(b"own", own_key, own, [root], encrypted))
    app = installation(tmp_path / "data", signing_key=str(file), signing_password="open sesame")
    with app.app_context():
        kid = keys.ensure_key(by=SYSTEM, at=SINCE)
        key = keys.current()
        assert (kid, key.certificate, key.chain) == (keys.kid_of(own_key.public_key()), own, [root])
        assert not (tmp_path / "data" / "keys").exists()
        with pytest.raises(Refused, match="already been used"):
            keys.rotate_key(by=SYSTEM, at=SINCE)
        assert keys.current().kid == kid
    shut = installation(tmp_path / "data", signing_key=str(file), signing_password="wrong")
    with shut.app_context(), pytest.raises(keys.KeyMissing, match="LMS_SIGNING_PASSWORD"):
        keys.current()


def test_a_key_of_ones_own_is_taken_from_pem_and_only_at_a_rotation(tmp_path: Path) -> None:
    private = ec.generate_private_key(ec.SECP256R1())
    file = tmp_path / "own.pem"
    form = serialization.PrivateFormat.TraditionalOpenSSL
    file.write_bytes(private.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()))
    with installation(tmp_path / "data").app_context():
        keys.ensure_key(by=SYSTEM, at=SINCE)
    with installation(tmp_path / "data", signing_key=str(file)).app_context():
        with pytest.raises(keys.KeyMissing, match="lms keys rotate"):
            keys.current()
        keys.rotate_key(by=SYSTEM, at=SINCE)
        assert keys.current().private.private_numbers() == private.private_numbers()
        own = keys.current().certificate
        assert x509.load_pem_x509_certificate(keys.list_keys()[0].certificate.encode()) == own


def test_another_kind_of_key_is_refused(tmp_path: Path) -> None:
    private = rsa.generate_private_key(65537, 2048)
    file = tmp_path / "rsa.pem"
    form = serialization.PrivateFormat.PKCS8
    file.write_bytes(private.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()))
    with (
        installation(tmp_path / "data", signing_key=str(file)).app_context(),
        pytest.raises(keys.KeyMissing, match="does not contain a P-256 key"),
    ):
        keys.ensure_key(by=SYSTEM, at=SINCE)


def test_the_command_makes_lists_and_rotates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LMS_DATA", str(tmp_path / "data"))
    run = CliRunner()
    assert run.invoke(lms, ["init"]).exit_code == 0
    assert run.invoke(lms, ["init"]).exit_code == 0
    (first,) = run.invoke(lms, ["keys", "list"]).stdout.splitlines()
    assert first.endswith("in use")
    rotated = run.invoke(lms, ["keys", "rotate"])
    assert rotated.exit_code == 0
    lines = run.invoke(lms, ["keys", "list"]).stdout.splitlines()
    assert [line.split()[0] for line in lines] == [rotated.stdout.strip(), first.split()[0]]
    assert [line.endswith("in use") for line in lines] == [True, False]

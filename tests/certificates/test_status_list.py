"""The lists that say whether a badge still holds."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from apiflask import APIFlask
from sqlalchemy import select, text

from lms.catalogue.models import CertificateKind
from lms.certificates import keys, numbers
from lms.certificates.actions import awards, changes
from lms.certificates.badges import status_list, vc_jwt
from lms.certificates.badges.vc_jwt import read_credential
from lms.certificates.models import Certificate, StatusList
from lms.core.base.errors import NotFound
from lms.core.base.roles import SYSTEM, Actor
from lms.core.database.session import action, db
from lms.core.time import clock
from lms.people.models import Person
from tests.certificates.conftest import Programme
from tests.certificates.test_badges import independent, part

Make = Callable[..., Programme]
KIND = CertificateKind.PARTICIPATION


@pytest.fixture
def issued(app: APIFlask, context: None, programme: Make, at: datetime) -> Programme:
    made = programme(dict.fromkeys(("Ada", "Bo", "Cy", "Di"), "aaa"))
    awards.issue_batch(made.series_id, KIND, list(made.people.values()), by=SYSTEM, at=at)
    return made


def row_of(name: str) -> Certificate:
    query = select(Certificate).where(Certificate.name == name).order_by(Certificate.id.desc())
    return db.session.scalars(query.execution_options(populate_existing=True)).first()  # type: ignore[return-value]


def number_of(name: str) -> str:
    return numbers.write(row_of(name).number)


def bit(row: Certificate, at: datetime) -> bool:
    claims = part(status_list.signed_list(row.status_list or 0, at=at), 1)
    return status_list.is_set(claims["credentialSubject"]["encodedList"], row.status_index or 0)


def test_every_certificate_has_a_signed_badge_and_a_place_of_its_own(issued: Programme) -> None:
    rows = list(db.session.scalars(select(Certificate)))
    assert len({(row.status_list, row.status_index) for row in rows}) == 4
    for row in rows:
        claims = vc_jwt.read_claims(row.credential or "", keys.public_jwks())
        assert claims is not None
        assert claims["credentialStatus"] == status_list.entry(
            status_list.StatusIndex(row.status_list or 0, row.status_index or 0)
        )
        assert claims["credentialSubject"]["licenseNumber"] == numbers.write(row.number)
        assert row.signing_kid == keys.current().kid
    assert db.session.get_one(StatusList, 1).taken == 4
    subjects = [vc_jwt.unproved(row.credential or "")[1] for row in rows]
    assert len({claims["credentialSubject"]["id"] for claims in subjects}) == 4
    assert len({claims["id"] for claims in subjects}) == 4


def test_places_are_drawn_at_random_and_a_full_list_begins_the_next(
    app: APIFlask, context: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(status_list, "FULL", 10)

    @action
    def take(count: int) -> list[status_list.StatusIndex]:
        return status_list.take_places(count)

    places = take(25)
    assert [place.number for place in places] == [1] * 10 + [2] * 10 + [3] * 5
    indices = [place.index for place in places]
    assert len(set(places)) == 25
    assert indices != sorted(indices)
    assert max(indices) < status_list.LENGTH == 131_072
    assert take(0) == []
    assert [place.number for place in take(6)] == [3] * 5 + [4]


def test_a_place_in_use_is_never_drawn(issued: Programme, monkeypatch: pytest.MonkeyPatch) -> None:
    used = set(db.session.scalars(select(Certificate.status_index)))
    monkeypatch.setattr(status_list, "LENGTH", max(used) + 3)
    assert set(status_list._draw(1, 2)).isdisjoint(used)


@pytest.mark.databases
def test_each_end_of_a_certificate_sets_its_bit(issued: Programme, administrator: Actor, at: datetime) -> None:
    rows = {name: row_of(name) for name in issued.people}
    assert [bit(row, at) for row in rows.values()] == [False] * 4
    changes.revoke(number_of("Ada"), reason="Not there", by=administrator, at=at)
    changes.withdraw(number_of("Bo"), by=issued.holder("Bo"), at=at)
    db.session.get_one(Person, issued.people["Cy"]).full_name = "Cyd"
    db.session.commit()
    changes.supersede(issued.people["Cy"], by=SYSTEM, at=at)
    assert [bit(rows[name], at) for name in ("Ada", "Bo", "Cy", "Di")] == [True, True, True, False]
    assert not bit(row_of("Cyd"), at)
    changes.erase_holder(issued.people["Di"], withdraw_certificates=True, by=SYSTEM, at=at)
    assert bit(rows["Di"], at)


def test_merging_sets_the_bit_and_undoing_clears_it(app: APIFlask, issued: Programme, at: datetime) -> None:
    kept, gone = issued.people["Ada"], issued.people["Bo"]
    db.session.execute(text("UPDATE person SET canonical_id = :kept WHERE id = :gone"), {"kept": kept, "gone": gone})
    db.session.commit()
    changes.unite(kept, gone, by=SYSTEM, at=at)
    assert [bit(row_of(name), at) for name in ("Ada", "Bo")] == [False, True]
    db.session.execute(text("UPDATE person SET canonical_id = id WHERE id = :gone"), {"gone": gone})
    db.session.commit()
    changes.part(kept, gone, by=SYSTEM, at=at)
    assert not bit(row_of("Bo"), at)


def test_the_list_is_signed_and_kept_until_a_state_changes(
    issued: Programme, administrator: Actor, at: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[int] = []
    real = status_list.list_credential

    def counted(number: int, *, at: datetime) -> dict[str, Any]:
        made.append(number)
        return real(number, at=at)

    monkeypatch.setattr(status_list, "list_credential", counted)
    status_list._kept.clear()
    first = status_list.signed_list(1, at=at)
    assert status_list.signed_list(1, at=at + timedelta(minutes=59)) == first
    assert made == [1]
    changes.revoke(number_of("Ada"), reason="Not there", by=administrator, at=at)
    assert status_list.signed_list(1, at=at) != first
    assert made == [1, 1]
    status_list.signed_list(1, at=at + timedelta(hours=1))
    assert made == [1, 1, 1], "signed anew, so that it does not run out"
    keys.rotate_key(by=SYSTEM, at=at)
    address = f"http://localhost/certificates/keys/{keys.current().kid}"
    assert part(status_list.signed_list(1, at=at + timedelta(hours=1)), 0)["kid"] == address
    with pytest.raises(NotFound):
        status_list.signed_list(2, at=at)


def test_the_list_is_as_the_standard_has_it(issued: Programme, at: datetime) -> None:
    claims = vc_jwt.read_claims(status_list.signed_list(1, at=at), keys.public_jwks())
    assert claims is not None
    encoded = claims["credentialSubject"].pop("encodedList")
    assert encoded.startswith("uH4s")
    assert claims == {
        "@context": ["https://www.w3.org/ns/credentials/v2"],
        "id": "http://localhost/certificates/status/1",
        "type": ["VerifiableCredential", "BitstringStatusListCredential"],
        "issuer": {"id": "http://localhost"},
        "validFrom": "2026-11-25T01:00:00Z",
        "validUntil": "2026-12-02T01:00:00Z",
        "credentialSubject": {
            "id": "http://localhost/certificates/status/1#list",
            "type": "BitstringStatusList",
            "statusPurpose": "revocation",
            "ttl": 300_000,
        },
        "iss": "http://localhost",
        "sub": "http://localhost/certificates/status/1#list",
        "jti": "http://localhost/certificates/status/1",
        "nbf": int(at.timestamp()),
    }


def test_the_first_bit_is_the_most_significant() -> None:
    encoded = status_list.encode([0, 9, 131_071])
    assert [index for index in range(131_072) if index % 64 in (0, 9, 63) and status_list.is_set(encoded, index)] == [
        0,
        9,
        131_071,
    ]


@pytest.mark.present
def test_others_accept_what_was_issued_and_see_its_end(issued: Programme, administrator: Actor, at: datetime) -> None:
    text = row_of("Ada").credential
    address = status_list.address_of(1)

    def judged() -> str | None:
        lists = {address: status_list.signed_list(1, at=clock.now())}  # others read it by their own clock
        return independent(jwks=keys.published_jwks(), badges=[text], lists=lists)["badges"][0]

    assert judged() is None
    changes.revoke(number_of("Ada"), reason="Not there", by=administrator, at=at)
    assert "revocation" in str(judged())


def test_an_erased_holders_badge_goes_and_can_still_be_checked(issued: Programme, at: datetime) -> None:
    row = row_of("Ada")
    given = row.credential or ""
    changes.erase_holder(issued.people["Ada"], withdraw_certificates=False, by=SYSTEM, at=at)
    assert row_of("Ada").credential is None
    assert read_credential(given, keys.public_jwks()).intact
    assert not bit(row, at)


def test_a_name_is_corrected_while_the_key_is_away_and_the_certificate_follows(
    app: APIFlask, issued: Programme, at: datetime
) -> None:
    path = keys._path(keys.current().kid)
    away = path.rename(path.with_suffix(".away"))
    try:
        db.session.get_one(Person, issued.people["Cy"]).full_name = "Cyd"
        db.session.commit()
        assert changes.supersede(issued.people["Cy"], by=SYSTEM, at=at) == 0
        with pytest.raises(keys.KeyMissing, match="Cannot read"):
            awards.issue_batch(issued.series_id, KIND, list(issued.people.values()), by=SYSTEM, at=at)
    finally:
        away.rename(path)
    assert not bit(row_of("Cy"), at)
    awards.issue_batch(issued.series_id, KIND, list(issued.people.values()), by=SYSTEM, at=at)
    assert bit(row_of("Cy"), at)
    assert row_of("Cyd").credential is not None

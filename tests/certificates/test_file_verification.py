"""What is said of a file that somebody holds: on the page, by the command, whatever the file is."""

from __future__ import annotations

import base64
import io
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from apiflask import APIFlask
from click.testing import CliRunner
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some
from sqlalchemy import event, text
from werkzeug.test import TestResponse

from lms.catalogue.models import CertificateKind
from lms.certificates import keys, numbers
from lms.certificates.actions import awards, changes
from lms.certificates.badges import baking, credential, status_list
from lms.certificates.pdf.signature import sign_pdf
from lms.certificates.verification import file_reading, file_verification
from lms.certificates.verification.file_reading import MOST_BYTES, Read, Seal
from lms.certificates.verification.file_verification import VerdictState
from lms.cli.main import lms
from lms.core.base.errors import DomainError, Invalid, TooLarge, WrongKind
from lms.core.base.roles import SYSTEM, Actor
from lms.core.database.session import db
from lms.people.models import Person
from tests.certificates.conftest import Programme
from tests.certificates.test_badges import DOT, FACTS, altered, another_key
from tests.certificates.test_status_list import number_of, row_of
from tests.certificates.test_typesetting import AWARD, DEFAULT, render
from tests.rows import each_row

Make = Callable[..., Programme]
ORGANISER = "Ministry of Trade"


@dataclass
class Held:
    """The files of Ada's certificate, as she has them."""

    number: str
    programme: Programme
    pdf: bytes = field(repr=False)
    jwt: bytes = field(repr=False)
    png: bytes = field(repr=False)

    @property
    def files(self) -> dict[str, bytes]:
        return {"pdf": self.pdf, "jwt": self.jwt, "png": self.png}


@pytest.fixture
def held(app: APIFlask, programme: Make, at: datetime) -> Held:
    made = programme({"Ada": "aaa", "Bo": "aaa"})
    with app.app_context():
        awards.issue_batch(made.series_id, CertificateKind.PARTICIPATION, list(made.people.values()), by=SYSTEM, at=at)
        number, token = number_of("Ada"), row_of("Ada").credential or ""
        plain = paper(number)
        signed = sign_pdf(plain, keys.current(), at=at, number=number, organiser=ORGANISER)
    return Held(number, made, signed, token.encode(), baking.bake(DOT, token))


def paper(number: str) -> bytes:
    """The unsigned file of a number."""
    return render(replace(AWARD, number=number, address=f"http://localhost/verify/{number}"), DEFAULT)


def drop(client: FlaskClient, content: bytes, name: str = "file.pdf") -> TestResponse:
    return client.post("/verify", data={"file": (io.BytesIO(content), name)})


def said(answer: TestResponse) -> str:
    found = re.search(r'data-testid="verdict" data-state="(\w+)"', answer.text)
    assert found is not None, answer.text
    return found[1]


@pytest.mark.databases
@each_row("kind", ["pdf", "jwt", "png"])
def test_a_file_as_it_was_issued_is_valid(client: FlaskClient, held: Held, kind: str) -> None:
    answer = drop(client, held.files[kind])
    assert (answer.status_code, said(answer)) == (200, "valid")
    for shown in ("Ada", "Livestream commerce from a village", "Certificate of participation", "4.5", held.number):
        assert shown in answer.text
    for hidden in ("Lecture 1", held.programme.public["Ada"]):
        assert hidden not in answer.text
    assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize("kind", ["pdf", "jwt", "png"])
def test_a_genuine_file_says_what_became_of_it(
    app: APIFlask, client: FlaskClient, held: Held, administrator: Actor, at: datetime, kind: str
) -> None:
    with app.app_context():
        db.session.get_one(Person, held.programme.people["Ada"]).full_name = "Ada Obi"
        db.session.commit()
        changes.supersede(held.programme.people["Ada"], by=SYSTEM, at=at)
        successor = number_of("Ada Obi")
    answer = drop(client, held.files[kind])
    assert said(answer) == "superseded"
    assert f'href="/verify/{successor}"' in answer.text
    with app.app_context():
        changes.withdraw(successor, by=administrator, at=at)
    answer = drop(client, held.files[kind])
    assert said(answer) == "withdrawn"
    assert not re.search(r"\bAda\b", answer.text)
    assert "Livestream" not in answer.text


def test_a_revoked_one_keeps_its_reason_to_itself(
    app: APIFlask, client: FlaskClient, held: Held, administrator: Actor, at: datetime
) -> None:
    with app.app_context():
        changes.revoke(held.number, reason="Was not there", by=administrator, at=at)
    for content in held.files.values():
        answer = drop(client, content)
        assert said(answer) == "revoked"
        assert "Was not there" not in answer.text


def test_an_erased_holders_files_say_what_the_holder_chose(
    app: APIFlask, client: FlaskClient, held: Held, at: datetime
) -> None:
    with app.app_context():
        changes.erase_holder(held.programme.people["Ada"], withdraw_certificates=False, by=SYSTEM, at=at)
    assert {said(drop(client, content)) for content in held.files.values()} == {"valid"}
    with app.app_context():
        changes.erase_holder(held.programme.people["Ada"], withdraw_certificates=True, by=SYSTEM, at=at)
    assert {said(drop(client, content)) for content in held.files.values()} == {"withdrawn"}


def test_an_altered_file_says_what_that_means(client: FlaskClient, held: Held) -> None:
    place = held.pdf.index(b"stream")
    changed = held.pdf[: place + 20] + bytes([held.pdf[place + 20] ^ 1]) + held.pdf[place + 21 :]
    token = altered(held.jwt.decode(), "Livestream", "Livestreem")
    for content in (changed, held.pdf + b"\n% more", token.encode(), baking.bake(DOT, token)):
        answer = drop(client, content)
        assert (answer.status_code, said(answer)) == (200, "altered")
        assert "was changed after it was signed" in answer.text
        assert f'href="/verify/{held.number}"' in answer.text
        assert not re.search(r"\bAda\b", answer.text), "nothing that the file says is repeated, nor what is on record"


def test_a_forged_file_with_our_number_is_told_from_a_changed_one(
    app: APIFlask, client: FlaskClient, held: Held, at: datetime
) -> None:
    foreign = another_key()
    plain = paper(held.number)
    with app.app_context():
        facts = credential.CredentialFacts(**vars(FACTS) | {"number": numbers.parse(held.number)})
        token = credential.sign_credential(credential.credential_of(facts, status_list.StatusIndex(1, 1)), foreign)
    for content in (
        sign_pdf(plain, foreign, at=at, number=held.number, organiser=ORGANISER),
        token.encode(),
        baking.bake(DOT, token),
    ):
        answer = drop(client, content)
        assert said(answer) == "altered"
        assert "was signed by someone else" in answer.text


def test_an_unsigned_file_is_not_called_altered_and_leads_to_what_was_issued(
    client: FlaskClient, held: Held, folder: Path
) -> None:
    """Certificates of ours from before they were signed are such files, and so is every imitation."""
    for content in (paper(held.number), b"%PDF-1.7\n% " + held.number.encode() + b"\n%%EOF"):
        answer = drop(client, content)
        assert (answer.status_code, said(answer)) == (200, "unknown")
        assert "This file has no signature" in answer.text
        assert "Altered" not in answer.text
        assert "was not issued here" not in answer.text
        assert f'href="/verify/{held.number}"' in answer.text
        assert not re.search(r"\bAda\b", answer.text), "nothing is said in place of the number's page"
    (folder / "old.pdf").write_bytes(paper(held.number))
    code, words = verify(folder / "old.pdf")
    assert (code, words.splitlines()) == (
        1,
        [
            f"unknown {held.number} (signature: missing)",
            "the file has no signature: it is impossible to tell whether it was altered",
            f"original certificate: http://localhost/verify/{held.number}",
        ],
    )


@each_row("share", [0.5, 0.9, 0.99])
def test_a_file_whose_end_is_gone_is_altered_not_unsigned(client: FlaskClient, held: Held, share: float) -> None:
    answer = drop(client, held.pdf[: int(len(held.pdf) * share)])
    assert said(answer) == "altered"
    assert "has no signature" not in answer.text


def test_what_was_never_issued_is_unknown(app: APIFlask, client: FlaskClient, held: Held, at: datetime) -> None:
    number = numbers.write(numbers.generate())
    plain = paper(number)
    with app.app_context():
        ours = sign_pdf(plain, keys.current(), at=at, number=number, organiser=ORGANISER)
    words = {
        ours: "The signature is ours, but we have no certificate with this number.",
        sign_pdf(
            plain, another_key(), at=at, number=number, organiser=ORGANISER
        ): "The file was signed by someone else",
        b"%PDF-1.4\nnothing": "The file has neither one of our numbers",
    }
    for content, reason in words.items():
        answer = drop(client, content)
        assert (answer.status_code, said(answer)) == (404, "unknown")
        assert reason in answer.text


def test_what_is_no_certificate_is_refused_clearly(client: FlaskClient, held: Held) -> None:
    for content, code, words in (
        (b"", 422, "The file is empty."),
        (DOT, 415, "This picture contains no badge."),
        (b"\x89PNG\r\n\x1a\n", 415, "This picture contains no badge."),
        (b"hello", 415, "This is neither a certificate (PDF) nor a badge"),
        ("žluť".encode("utf-16"), 415, "This is neither"),
        (b"PK\x03\x04" + bytes(500), 415, "This is neither"),
        (b"<svg onload=alert(1)>", 415, "This is neither"),
        (b"%PDF-1.7" + bytes(MOST_BYTES), 413, "larger than 1 MB"),
    ):
        answer = drop(client, content, "<script>.pdf")
        assert answer.status_code == code, words
        assert words in answer.text
        assert 'aria-invalid="true"' in answer.text
        assert "<script>." not in answer.text
    missing = client.post("/verify", data={})
    assert (missing.status_code, "Select a file." in missing.text) == (422, True)


def test_the_form_works_without_a_script_and_without_a_cookie(client: FlaskClient, app: APIFlask) -> None:
    page = client.get("/verify")
    assert "Set-Cookie" not in page.headers
    form = re.search(r'<form method="post" action="/verify"[^>]*enctype="multipart/form-data"', page.text)
    assert form is not None
    assert 'type="file"' in page.text


@pytest.mark.long
def test_files_are_throttled_with_the_numbers(client: FlaskClient, held: Held) -> None:
    from lms.web.request.limits import limiter

    limiter.enabled = True
    limiter.reset()
    try:
        codes = [drop(client, b"%PDF-1.7").status_code for _ in range(61)]
        assert codes == [404] * 60 + [429], "guessing by file is guessing"
        assert client.get("/verify/SR-0000-0000-0000-0000-0").status_code == 429
        limiter.reset()
        codes = [drop(client, held.jwt).status_code for _ in range(121)]
        assert codes == [200] * 120 + [429]
    finally:
        limiter.reset()
        limiter.enabled = False


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(some.binary(max_size=300), some.integers(0, 2**31), some.sampled_from(["pdf", "jwt", "png", "bare"]))
def test_any_bytes_are_answered(app: APIFlask, held: Held, noise: bytes, place: int, kind: str) -> None:
    content = held.files.get(kind, b"")
    cut = place % (len(content) + 1)
    broken = content[:cut] + noise + content[cut + len(noise) :]
    with app.app_context():
        try:
            verdict = file_verification.verdict_of_file(broken)
        except (Invalid, TooLarge, WrongKind):
            return
        # A badge's picture is signed by nobody: what is in it is
        held_in = {"png": lambda: (baking.unbake(broken) or "").encode() == held.jwt}
        is_same = held_in.get(kind, lambda: broken.strip() == content.strip())()
        assert is_same or verdict.state is not VerdictState.VALID


# However many there are ----------------------------------------------------------------------------------------


@pytest.fixture
def plans(app: APIFlask) -> Callable[[Callable[[], object]], list[tuple[str, str]]]:
    """What the database does for each statement of some work: (statement, plan)."""

    def of(work: Callable[[], object]) -> list[tuple[str, str]]:
        seen: list[tuple[str, object]] = []

        def note(_connection: object, _cursor: object, statement: str, parameters: object, *_rest: object) -> None:
            if statement.lstrip().upper().startswith("SELECT"):
                seen.append((statement, parameters))

        with app.app_context():
            engine = db.engine
        event.listen(engine, "before_cursor_execute", note)
        try:
            work()
        finally:
            event.remove(engine, "before_cursor_execute", note)
        with app.app_context(), engine.connect() as connection:
            is_sqlite = connection.dialect.name == "sqlite"
            if not is_sqlite:
                connection.execute(text("SET enable_seqscan = off"))  # with few rows it would be chosen
            explain = "EXPLAIN QUERY PLAN " if is_sqlite else "EXPLAIN "
            return [
                (
                    statement,
                    "\n".join(
                        " ".join(map(str, row)) for row in connection.exec_driver_sql(explain + statement, given)
                    ),
                )
                for statement, given in seen
            ]

    return of


LARGE = r"(?:SCAN|Seq Scan on) (?:certificate|award|person|credit|enrolment)\b"


@pytest.mark.databases(differs=True)
def test_every_lookup_goes_by_an_index_however_many_certificates_there_are(
    app: APIFlask,
    client: FlaskClient,
    held: Held,
    at: datetime,
    plans: Callable[[Callable[[], object]], list[tuple[str, str]]],
) -> None:
    with app.app_context():
        db.session.get_one(Person, held.programme.people["Ada"]).full_name = "Ada Obi"
        db.session.commit()
        changes.supersede(held.programme.people["Ada"], by=SYSTEM, at=at)
        valid = number_of("Bo")
    counts = {}
    for name, work in (
        ("valid", lambda: client.get(f"/verify/{valid}")),
        ("superseded", lambda: client.get(f"/verify/{held.number}")),
        ("unknown", lambda: client.get("/verify/SR-0000-0000-0000-0000-0")),
        ("api", lambda: client.get(f"/api/v1/certificates/{valid}")),
        ("file", lambda: drop(client, held.jwt)),
    ):
        found = plans(work)
        counts[name] = len(found)
        for statement, plan in found:
            assert not re.search(LARGE, plan), (name, statement, plan)
        by_number = [plan for _statement, plan in found if re.search(r"\(number=\?\)|uq_certificate_number", plan)]
        assert by_number, name
    # an unknown number could be that of a learning record
    assert counts == {"valid": 4, "superseded": 5, "unknown": 3, "api": 3, "file": 8}


# The command ---------------------------------------------------------------------------------------------------


@pytest.fixture
def folder(app: APIFlask, held: Held, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the files, and the environment of the installation that issued them."""
    config = app.extensions["lms.config"]
    monkeypatch.setenv("LMS_DATA", config.data)
    monkeypatch.setenv("LMS_DATABASE_URL", config.database_url)
    monkeypatch.setenv("LMS_BASE_URL", config.base_url)
    for ending, content in held.files.items():
        (tmp_path / f"ada.{ending}").write_bytes(content)
    return tmp_path


def verify(file: Path) -> tuple[int, str]:
    answer = CliRunner().invoke(lms, ["certificates", "verify", str(file)])
    if isinstance(answer.exception, DomainError):
        return 1, str(answer.exception)
    assert answer.exception is None or isinstance(answer.exception, SystemExit), answer.exception
    return answer.exit_code, answer.stdout


@pytest.mark.parametrize("ending", ["pdf", "jwt", "png"])
def test_the_command_says_the_same(
    app: APIFlask, held: Held, folder: Path, administrator: Actor, at: datetime, ending: str
) -> None:
    file = folder / f"ada.{ending}"
    facts = "Ada, Livestream commerce from a village, participation, 4.5 hours, 2026-11-25"
    assert verify(file) == (0, f"valid {held.number}: {facts}\n")
    with app.app_context():
        db.session.get_one(Person, held.programme.people["Ada"]).full_name = "Ada Obi"
        db.session.commit()
        changes.supersede(held.programme.people["Ada"], by=SYSTEM, at=at)
        successor = number_of("Ada Obi")
    assert verify(file) == (1, f"superseded {held.number}: {facts}\nreplaced by {successor}\n")
    with app.app_context():
        changes.revoke(successor, reason="Not there", by=administrator, at=at + timedelta(days=1))
    assert verify(file)[1].startswith("superseded")


def test_the_command_tells_withdrawn_altered_and_unknown(
    app: APIFlask, held: Held, folder: Path, administrator: Actor, at: datetime
) -> None:
    with app.app_context():
        changes.withdraw(held.number, by=administrator, at=at)
    assert verify(folder / "ada.jwt") == (1, f"withdrawn {held.number}\n")
    (folder / "changed.pdf").write_bytes(held.pdf + b" ")
    assert verify(folder / "changed.pdf") == (
        1,
        f"altered {held.number} (signature: broken)\noriginal certificate: http://localhost/verify/{held.number}\n",
    )
    (folder / "other.pdf").write_bytes(b"%PDF-1.7 nothing")
    assert verify(folder / "other.pdf") == (1, "unknown (signature: missing)\n")
    (folder / "note.txt").write_bytes(b"hello")
    assert "neither a certificate" in verify(folder / "note.txt")[1]


@each_row("ending", ["pdf", "jwt", "png"])
def test_without_the_database_the_signature_alone_is_checked_and_that_is_said(
    held: Held, folder: Path, monkeypatch: pytest.MonkeyPatch, ending: str
) -> None:
    monkeypatch.setenv("LMS_DATABASE_URL", f"sqlite:///{folder / 'none.db'}")
    code, words = verify(folder / f"ada.{ending}")
    assert (code, words.splitlines()) == (
        1,
        [
            f"signed by us, unaltered: {held.number}",
            "not checked whether it was superseded, revoked or withdrawn, because the database cannot be read",
        ],
    )
    changed = folder / f"changed.{ending}"
    content = held.files[ending]
    other = b"B" if content[-6:-5] == b"A" else b"A"
    changed.write_bytes(content[:-6] + other + content[-5:] if ending == "jwt" else content.replace(b"e", b"f", 9))
    assert changed.read_bytes() != content
    assert not verify(changed)[1].startswith("signed by us")


@each_row("ending", ["pdf", "jwt", "png"])
def test_where_nothing_was_ever_issued_a_genuine_file_is_not_called_altered(
    held: Held, folder: Path, monkeypatch: pytest.MonkeyPatch, ending: str
) -> None:
    monkeypatch.setenv("LMS_DATA", str(folder / "elsewhere"))
    monkeypatch.setenv("LMS_DATABASE_URL", "")
    code, words = verify(folder / f"ada.{ending}")
    assert (code, words.splitlines()) == (
        1,
        [
            f"unknown {held.number} (signature: foreign)",
            "not signed by a key in this data folder (LMS_DATA): ask the issuer",
        ],
    )


def test_what_is_read_of_a_file_alone(held: Held, app: APIFlask) -> None:
    with app.app_context():
        read = file_verification.read_without_database(held.pdf)
    assert read == Read(Seal.OURS, held.number, is_badge=False)


def test_a_badge_whose_key_is_on_a_curve_that_nobody_knows_is_answered(client: FlaskClient, held: Held) -> None:
    """A KeyError of the library for a curve that it does not know ended in 500."""
    parts = [{"alg": "ES256", "kid": "x", "jwk": {"kty": "EC", "crv": "P-999", "x": "AA", "y": "AA"}}, {"type": []}]
    pieces = [json.dumps(parts[0]).encode(), json.dumps(parts[1]).encode(), bytes(64)]
    text = ".".join(base64.urlsafe_b64encode(piece).rstrip(b"=").decode() for piece in pieces)
    answer = drop(client, text.encode())
    assert (answer.status_code, said(answer)) == (404, "unknown")


def test_a_file_that_kills_its_reader_is_answered_with_a_sentence(
    client: FlaskClient, held: Held, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_reading, "PROOFS", replace(file_reading.PROOFS, memory_mb=1))
    answer = drop(client, held.files["pdf"])
    assert answer.status_code == 422
    assert "needs too much memory or time" in answer.text


def test_who_checks_too_many_files_at_once_is_told_to_come_again(
    client: FlaskClient, held: Held, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_reading, "PROOFS", replace(file_reading.PROOFS, at_once=0, wait_seconds=0))
    answer = drop(client, held.files["pdf"])
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "60")

"""The signature on a certificate's file, judged by others: pyHanko's validation and qpdf, both without a network."""

from __future__ import annotations

import asyncio
import contextlib
import io
import random
import re
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pikepdf
import pytest
from asn1crypto import keys as asn1_keys
from asn1crypto import tsp
from asn1crypto import x509 as asn1
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from pyhanko.pdf_utils.generic import StreamObject
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.timestamps import DummyTimeStamper
from pyhanko.sign.validation import validate_pdf_signature
from pyhanko.sign.validation.status import SignatureCoverageLevel
from pyhanko_certvalidator import ValidationContext

from lms.certificates.keys import SigningKey, self_signed
from lms.certificates.pdf.check import PdfCheck, check_pdf
from lms.certificates.pdf.signature import TimestampAway, sign_pdf
from lms.certificates.public_keys import kid_of
from tests.certificates.test_typesetting import AWARD, DEFAULT, render
from tests.rows import each_row

AT = datetime(2026, 7, 2, 8, 30, tzinfo=UTC)
ORGANISER = "Ministry of Trade · 商务部"


def made_key(organiser: str = ORGANISER) -> SigningKey:
    private = ec.generate_private_key(ec.SECP256R1())
    return SigningKey(kid_of(private.public_key()), private, self_signed(private, organiser, at=AT))


KEY = made_key()
PLAIN = render(AWARD, DEFAULT)


def signed(key: SigningKey = KEY, timestamp_url: str | None = None) -> bytes:
    return sign_pdf(PLAIN, key, at=AT, number=AWARD.number, organiser=ORGANISER, timestamp_url=timestamp_url)


SIGNED = signed()


def as_asn1(certificate: x509.Certificate) -> asn1.Certificate:
    return asn1.Certificate.load(certificate.public_bytes(serialization.Encoding.DER))


def accepts(pdf: bytes, *trusted: x509.Certificate) -> bool:
    """Whether pyHanko finds one signature, good, trusted, over the whole file, and nothing changed after it."""
    roots = [as_asn1(one) for one in trusted]
    try:
        (one,) = PdfFileReader(io.BytesIO(pdf)).embedded_signatures
        status = validate_pdf_signature(one, ValidationContext(trust_roots=roots, allow_fetching=False))
    except Exception:  # an altered file fails in many ways, each a refusal
        return False
    return bool(status.bottom_line and status.docmdp_ok and status.coverage is SignatureCoverageLevel.ENTIRE_FILE)


def test_others_accept_what_was_signed() -> None:
    assert accepts(SIGNED, KEY.certificate)
    assert not accepts(SIGNED, made_key().certificate)
    with pikepdf.open(io.BytesIO(SIGNED)) as opened:
        assert opened.check_pdf_syntax() == []


def qpdf_check(folder: Path, pdf: bytes) -> int:
    """The exit code of `qpdf --check`: 0 well, 2 errors, 3 warnings.

    `pikepdf.Job` is qpdf's own command within the library (QPDFJob): its executable does no more than call it.
    """
    (folder / "file.pdf").write_bytes(pdf)
    job = pikepdf.Job(["qpdf", "--check", str(folder / "file.pdf")])
    with contextlib.suppress(pikepdf.PdfError):
        job.run()
        return int(job.exit_code)
    return 2


def test_qpdf_checks_it_without_a_word_and_rejects_a_damaged_one(tmp_path: Path) -> None:
    assert qpdf_check(tmp_path, SIGNED) == 0
    altered = bytearray(SIGNED)
    altered[SIGNED.index(b"stream", SIGNED.index(b"/FlateDecode")) + 40] ^= 255
    assert qpdf_check(tmp_path, bytes(altered)) in (2, 3)
    assert qpdf_check(tmp_path, SIGNED[:-400]) in (2, 3)


def test_it_is_known_as_ours_with_number_key_and_time() -> None:
    assert check_pdf(SIGNED, [made_key().certificate, KEY.certificate]) == PdfCheck(
        intact=True, ours=True, kid=KEY.kid, number=AWARD.number, signed_at=AT
    )


def test_what_a_retired_key_signed_stays_ours() -> None:
    new = made_key()
    assert [check_pdf(signed(key), [new.certificate, KEY.certificate]).kid for key in (KEY, new)] == [KEY.kid, new.kid]


def test_another_ones_signature_on_our_number_is_not_ours() -> None:
    check = check_pdf(signed(made_key()), [KEY.certificate])
    assert (check.intact, check.ours, check.kid, check.number) == (True, False, None, AWARD.number)


@each_row("pdf", [b"", b"%PDF-1.7\n", PLAIN, b"/ByteRange[0 0 0 0]", b"\0" * 5000])
def test_a_file_without_a_signature_is_neither_intact_nor_ours(pdf: bytes) -> None:
    check = check_pdf(pdf, [KEY.certificate])
    assert (check.intact, check.ours) == (False, False)


FOLDER = Path(__file__).parent
OLD = (FOLDER / "signed_by_own_writer.pdf").read_bytes()
"""As files were signed until November 2026, by code of our own."""
OLD_CERTIFICATE = x509.load_pem_x509_certificate((FOLDER / "signed_by_own_writer.pem").read_bytes())


def test_what_was_signed_by_code_of_our_own_is_still_known() -> None:
    check = check_pdf(OLD, [KEY.certificate, OLD_CERTIFICATE])
    assert (check.intact, check.ours, check.number, check.signed_at) == (True, True, AWARD.number, AT)
    assert accepts(OLD, OLD_CERTIFICATE)


@each_row("pdf, certificate", [(SIGNED, KEY.certificate), (OLD, OLD_CERTIFICATE)])
def test_no_byte_can_be_altered(pdf: bytes, certificate: x509.Certificate) -> None:
    """Bytes of content, structure, signature and padding; the same chance each time."""
    chance = random.Random(5)
    start = re.search(rb"/Contents ?<(?=30)", pdf).end()
    places = [*chance.sample(range(len(pdf)), 100), *range(start, start + 2050, 15), start + 2060, len(pdf) - 1]
    for place in places:
        altered = bytearray(pdf)
        altered[place] = ord("1") if altered[place] == ord("0") else ord("0")
        check = check_pdf(bytes(altered), [certificate])
        assert not (check.intact and check.ours), (place, bytes(altered[place - 20 : place + 20]))


@each_row("part", [b"stream", b"/StructTreeRoot", b"/Contents <3082", b"/ByteRange [0 ", b"/Reason ("])
def test_others_reject_an_altered_byte(part: bytes) -> None:
    altered = bytearray(SIGNED)
    altered[SIGNED.index(part) + len(part) + 40] ^= 1
    assert not accepts(bytes(altered), KEY.certificate)
    assert not check_pdf(bytes(altered), [KEY.certificate]).intact


def test_a_further_revision_that_changes_what_is_seen_is_rejected() -> None:
    writer = IncrementalPdfFileWriter(io.BytesIO(SIGNED))
    page = writer.root["/Pages"]["/Kids"][0]
    page["/Contents"] = writer.add_object(StreamObject(stream_data=b"0 0 100 100 re f"))
    writer.update_container(page)
    changed = io.BytesIO()
    writer.write(changed)
    assert changed.getvalue().startswith(SIGNED)
    check = check_pdf(changed.getvalue(), [KEY.certificate])
    assert (check.intact, check.ours, check.number) == (False, True, AWARD.number)
    assert not accepts(changed.getvalue(), KEY.certificate)


def test_a_signature_written_otherwise_is_not_what_was_signed() -> None:
    start = SIGNED.index(b"/Contents <30") + len(b"/Contents <")
    for length in (400, 4000):
        end = min(start + length, SIGNED.index(b">", start))
        other = SIGNED[:start] + SIGNED[start:end].lower() + SIGNED[end:]
        assert not check_pdf(other, [KEY.certificate]).intact


def test_bytes_behind_the_end_are_rejected() -> None:
    assert not check_pdf(SIGNED + b"\n", [KEY.certificate]).intact
    assert not check_pdf(SIGNED[:-1], [KEY.certificate]).intact


def written(date: object) -> datetime:
    """A moment as PDF writes it (ISO 32000-1, 7.9.4)."""
    return datetime.strptime(str(date).replace("'", ""), "D:%Y%m%d%H%M%S%z")


def test_the_signature_follows_the_document() -> None:
    assert SIGNED.startswith(PLAIN.rstrip() + b"\n"), "the end of the first revision is a line of its own"
    assert len(SIGNED) - len(PLAIN) < 20_000


def test_it_is_signed_in_a_thread_that_runs_an_event_loop() -> None:
    async def sign() -> bytes:
        return signed()

    assert accepts(asyncio.run(sign()), KEY.certificate)


def test_the_signature_keeps_the_structure_that_screen_readers_and_archives_need() -> None:
    with pikepdf.open(io.BytesIO(SIGNED)) as pdf:
        root, page = pdf.Root, pdf.pages[0]
        (widget,) = page.Annots
        assert root.AcroForm.Fields[0].objgen == widget.objgen
        assert int(root.AcroForm.SigFlags) == 3
        assert "/NeedAppearances" not in root.AcroForm
        assert root.Perms.DocMDP.objgen == widget.V.objgen
        # PDF/A: on no place, so that it needs no look; printed; neither hidden nor invisible
        assert [int(edge) for edge in widget.Rect] == [0, 0, 0, 0]
        assert int(widget.F) & 0b100110 + 1 == 0b100
        # PDF/UA: a form in the structure, with a description and its own place in the parent tree
        structure = root.StructTreeRoot
        form = structure.K[0].K[-1]
        assert str(form.S) == "/Form"
        assert form.P.objgen == structure.K[0].objgen
        assert form.K[0].Obj.objgen == widget.objgen
        assert str(widget.TU) == str(form.Alt) == f"Digital signature of {ORGANISER}"
        nums = list(structure.ParentTree.Nums)
        tree = dict(zip(nums[::2], nums[1::2], strict=True))
        assert tree[widget.StructParent].objgen == form.objgen
        assert int(page.StructParents) in tree
        assert int(structure.ParentTreeNextKey) == max(map(int, tree)) + 1
        assert str(page.Tabs) == "/S"
        # and what was there before
        assert bool(root.MarkInfo.Marked)
        assert str(root.OutputIntents[0].S) == "/GTS_PDFA1"
        with pdf.open_metadata() as metadata:
            assert metadata.pdfa_status == "2A"
            assert metadata["pdfuaid:part"] == "1"
            # PDF/A: both kinds of metadata say the same
            assert datetime.fromisoformat(metadata["xmp:ModifyDate"]) == written(pdf.docinfo["/ModDate"])
            assert metadata["pdf:Producer"] == str(pdf.docinfo["/Producer"])


@pytest.fixture
def stamping(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, x509.Certificate]]:
    """The address of a time stamp server of our own, and its certificate."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    private = rsa.generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Stamps")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(1)
        .not_valid_before(AT)
        .not_valid_after(AT.replace(year=2200))
        .add_extension(x509.ExtendedKeyUsage([x509.ExtendedKeyUsageOID.TIME_STAMPING]), critical=True)
        .sign(private, hashes.SHA256())
    )
    secret = private.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    stamper = DummyTimeStamper(as_asn1(certificate), asn1_keys.PrivateKeyInfo.load(secret))

    class Stamps(BaseHTTPRequestHandler):
        def do_POST(self) -> None:  # the server calls it so
            asked = tsp.TimeStampReq.load(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.send_header("Content-Type", "application/timestamp-reply")
            self.end_headers()
            self.wfile.write(stamper.request_tsa_response(asked).dump())

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    server = HTTPServer(("127.0.0.1", 0), Stamps)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/", certificate
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_time_stamp_stands_in_the_signature(stamping: tuple[str, x509.Certificate]) -> None:
    address, server = stamping
    pdf = signed(timestamp_url=address)
    assert check_pdf(pdf, [KEY.certificate]) == PdfCheck(
        intact=True, ours=True, kid=KEY.kid, number=AWARD.number, signed_at=AT
    )
    (one,) = PdfFileReader(io.BytesIO(pdf)).embedded_signatures
    context = ValidationContext(trust_roots=[as_asn1(KEY.certificate), as_asn1(server)], allow_fetching=False)
    status = validate_pdf_signature(one, context)
    assert status.bottom_line
    assert status.timestamp_validity is not None
    assert status.timestamp_validity.valid
    assert status.timestamp_validity.trusted


def test_a_time_stamp_server_that_is_away_is_said() -> None:
    with pytest.raises(TimestampAway):
        signed(timestamp_url="http://127.0.0.1:9/")


def test_a_key_that_others_certify_brings_its_chain() -> None:
    authority = made_key("Authority")
    pdf = signed(replace(KEY, chain=[authority.certificate]))
    (one,) = PdfFileReader(io.BytesIO(pdf)).embedded_signatures
    assert as_asn1(authority.certificate).dump() in [other.dump() for other in one.other_embedded_certs]
    assert check_pdf(pdf, [KEY.certificate]).intact

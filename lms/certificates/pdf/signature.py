"""The organisation's signature on a certificate's file: PAdES B-B, or B-T where there is a time stamp server.

The signature is one more revision of the file: a field without a look of its own, told to screen readers as a
form, that certifies the document (nothing may be changed after it). pyHanko makes what is signed; the field is
written here, since it is the same in every certificate and reading each file whole would cost more than setting it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from lms.certificates.keys import SigningKey
from lms.certificates.pdf.incremental_update import CannotRevise, Revision, text_string

DIGEST: Final = "sha256"
_ROOM = 1024  # bytes for all of a signature but its certificates
_STAMP = 12_000  # bytes for a time stamp with the certificates of its server


@dataclass(frozen=True)
class Spoken:
    """Words of the document, which a reader is given whole: `kind` is the element of the structure that holds them
    alone, `language` their BCP 47 tag. Those of one kind stand in the order of reading; the last may be untold."""

    kind: str
    text: str
    language: str


class TimestampAway(Exception):
    """The time stamp server did not answer, or not with a time stamp."""


def sign_pdf(
    pdf: bytes,
    key: SigningKey,
    *,
    at: datetime,
    number: str,
    organiser: str,
    spoken: Sequence[Spoken] = (),
    timestamp_url: str | None = None,
) -> bytes:
    """The file with the organisation's signature, with `at` (aware UTC) as its time.

    Raises TimestampAway, and CannotRevise for a file that was not created here.
    """
    from lms.certificates.pdf import signer  # its libraries take a tenth of the time in which a server starts

    room = _ROOM + sum(len(der(one)) for one in [key.certificate, *key.chain]) + (_STAMP if timestamp_url else 0)
    new = Revision(pdf)
    _say(new, spoken)
    signed = bytearray(_with_field(new, at=at, number=number, organiser=organiser, room=room))
    gap = b"<" + b"0" * (2 * room) + b">"
    start = signed.index(gap, len(pdf))
    end = start + len(gap)
    held = signed.index(b"/ByteRange[", len(pdf))
    span = b"/ByteRange[0 %d %d %d]" % (start, end, len(signed) - end)
    signed[held : held + len(_SPAN)] = span.ljust(len(_SPAN))
    whole = memoryview(signed)
    digest = hashlib.sha256(whole[:start])
    digest.update(whole[end:])
    whole.release()
    content = signer.sign_digest(digest.digest(), key, timestamp_url=timestamp_url)
    if len(content) > room:
        raise TimestampAway(f"a time stamp of {len(content)} bytes")
    signed[start + 1 : start + 1 + 2 * len(content)] = content.hex().encode()
    return bytes(signed)


_SPAN = b"/ByteRange[0 " + b" ".join([b"0" * 10] * 3) + b"]"


def der(certificate: x509.Certificate) -> bytes:
    """The certificate as bytes."""
    return certificate.public_bytes(serialization.Encoding.DER)


def _say(new: Revision, spoken: Sequence[Spoken]) -> None:
    """Gives paragraphs their text as words: in many scripts its letters are drawn by pieces, in no order of reading."""
    for kind in dict.fromkeys(words.kind for words in spoken):
        told = [words for words in spoken if words.kind == kind]
        places = new.elements(kind)
        if len(places) > len(told):
            raise CannotRevise(f"{len(places)} elements {kind} for {len(told)} texts")
        for number, words in zip(places, told, strict=False):
            entries = b"/ActualText%s/Lang(%s)" % (text_string(words.text), words.language.encode("ascii"))
            new.replace(number, rb"/S/\w+", b"/S/P" + entries)


def _with_field(new: Revision, *, at: datetime, number: str, organiser: str, room: int) -> bytes:
    """The file with a signature field that is yet to be filled.

    The field stands on no place of the page (PDF/A: it needs no look then), is a form in the structure (PDF/UA:
    with a description, its own entry in the parent tree), and lets nothing be changed after it.
    """
    structure = new.reference(new.root, b"StructTreeRoot")
    top = new.reference(structure, b"K")
    page = new.reference(new.reference(new.root, b"Pages"), b"Kids")
    value, form, widget = new.number(), new.number(), new.number()
    nums = new.replace(structure, rb"/Nums\s*\[([^\]]*)\]", rb"/Nums[\g<1> @KEY@ %d 0 R]" % form)
    keys = [int(key) for key in re.findall(rb"(\d+) \d+ 0 R", nums[1])]
    place = max(keys, default=-1) + 1
    new.replace(structure, rb"@KEY@", b"%d" % place)
    new.replace(structure, rb"/ParentTreeNextKey \d+", b"/ParentTreeNextKey %d" % (place + 1))
    new.replace(top, rb"/K\s*\[([^\]]*)\]", rb"/K[\g<1> %d 0 R]" % form)
    told = text_string(f"Digital signature of {organiser}")
    new.objects[form] = (
        b"<</Type/StructElem/S/Form/P %d 0 R/Pg %d 0 R/Alt%s/K[<</Type/OBJR/Obj %d 0 R/Pg %d 0 R>>]>>"
        % (top, page, told, widget, page)
    )
    new.objects[widget] = (
        b"<</Type/Annot/Subtype/Widget/FT/Sig/T(Signature)/TU%s/Contents%s/F 132/Rect[0 0 0 0]/P %d 0 R"
        b"/StructParent %d/V %d 0 R>>" % (told, told, page, place, value)
    )
    moment = at.astimezone(UTC).strftime("D:%Y%m%d%H%M%SZ").encode()
    new.objects[value] = (
        b"<</Type/Sig/Filter/Adobe.PPKLite/SubFilter/ETSI.CAdES.detached/M(%s)/Name%s/Reason(%s)"
        b"/Reference[<</Type/SigRef/TransformMethod/DocMDP/TransformParams<</Type/TransformParams/P 1/V/1.2>>>>]"
        b"%s/Contents<%s>>>" % (moment, text_string(organiser), _reason(number), _SPAN, b"0" * (2 * room))
    )
    if b"/Annots" in new.read(page):
        new.replace(page, rb"/Annots\s*\[([^\]]*)\]", rb"/Annots[\g<1> %d 0 R]" % widget)
    else:
        new.extend(page, b"/Annots[%d 0 R]" % widget)
    new.extend(new.root, b"/AcroForm<</Fields[%d 0 R]/SigFlags 3>>/Perms<</DocMDP %d 0 R>>" % (widget, value))
    return new.written()


def _reason(number: str) -> bytes:
    return f"Certificate {number}".encode("ascii")

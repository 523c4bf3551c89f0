"""What a design may say and in which colours; and certificates set in one."""

from __future__ import annotations

import io
from dataclasses import replace

import pikepdf
import pytest
from PIL import Image, ImageChops

from lms.certificates.designs import image_sanitizer
from lms.certificates.designs.design import (
    BUILT_IN,
    COLOURS,
    PLACEHOLDERS,
    Design,
    checked_colours,
    checked_line,
    checked_words,
    contrast_with_paper,
    faults_of_braces,
    fill,
)
from lms.certificates.pdf.check import check_pdf
from lms.certificates.pdf.typesetting import picture, render
from lms.core.base.errors import Invalid
from tests.certificates.test_image_sanitizer import SQUARE, raster, svg
from tests.certificates.test_scripts import elements, marked, signed
from tests.certificates.test_signature import KEY
from tests.certificates.test_typesetting import AWARD, DEFAULT, pages, stations
from tests.paper import inside
from tests.rows import each_row

FRENCH = {
    "participation": "Attestation de participation",
    "completion": "Attestation de réussite",
    "sentence": "a suivi {attended} des {lectures} conférences ({hours} heures) du cycle",
    "issued": "Délivrée le",
}
ARABIC = {
    "participation": "شهادة مشاركة",
    "completion": "شهادة إتمام",
    "sentence": "حضر {attended} من {lectures} محاضرات من سلسلة",
}


def faults(words: dict[str, str], language: str = "en") -> list[tuple[str | None, str]]:
    with pytest.raises(Invalid) as caught:
        checked_words(words, language)
    return [(fault.field, fault.reason) for fault in caught.value.faults]


def test_placeholders_are_filled_once() -> None:
    values = {"name": "{series}", "series": "<b>"}
    assert fill("{name} of {series}, {else}", values) == "{series} of <b>, {else}"


KNOWN = "{name}, {series}, {lectures}, {attended}, {hours}, {date}, {organiser}"


@each_row(
    "text, reasons",
    [
        ("{name} took {series}", []),
        ("{nmae} took", [f"Unknown placeholder {{nmae}}. The placeholders are {KNOWN}."]),
        ("{}", [f"Unknown placeholder {{}}. The placeholders are {KNOWN}."]),
        ("{Name}", [f"Unknown placeholder {{Name}}. The placeholders are {KNOWN}."]),
        ("{name.__class__}", [f"Unknown placeholder {{name.__class__}}. The placeholders are {KNOWN}."]),
        ("took {name", [f"There is an unmatched brace. The placeholders are {KNOWN}."]),
        ("took name}", [f"There is an unmatched brace. The placeholders are {KNOWN}."]),
        ("{{name}}", [f"There is an unmatched brace. The placeholders are {KNOWN}."]),
    ],
)
def test_a_brace_that_is_no_placeholder_is_said(context: None, text: str, reasons: list[str]) -> None:
    assert list(faults_of_braces(text, PLACEHOLDERS)) == reasons


def test_titles_take_no_placeholder(context: None) -> None:
    assert faults({"participation": "For {name}"}) == [
        ("participation", "This text cannot contain placeholders. Remove the braces.")
    ]


def test_words_are_one_line_without_steering_signs(context: None) -> None:
    given = {"participation": "  Of\u202e tak\x00ing\n part ", "sentence": "", "sentence_all": None}
    assert checked_words(given, "en") == {"participation": "Of taking part"}


def test_words_that_are_too_long_or_missing_are_said_at_their_field(context: None) -> None:
    needed = "Enter this text, so that the certificate does not mix two languages."
    assert faults({"participation": "x" * 61, "sentence": "ok"}, "fr") == [
        ("participation", "Use at most 60 characters; this text has 61."),
        ("completion", needed),
    ]
    assert checked_words({}, "en") == {}


def test_contrast_is_that_of_wcag() -> None:
    assert contrast_with_paper("#000000") == pytest.approx(21)
    assert contrast_with_paper("#ffffff") == pytest.approx(1)
    assert contrast_with_paper("#767676") == pytest.approx(4.54, abs=0.01)


def test_colours_that_cannot_be_read_are_said_in_words(context: None) -> None:
    assert checked_colours({"accent": " #7A1F3D "}) == COLOURS | {"accent": "#7a1f3d"}
    with pytest.raises(Invalid) as caught:
        checked_colours({"ink": "#777777", "accent": 'red"; #panic()', "quiet": "#ffc233"})
    assert [(fault.field, fault.reason) for fault in caught.value.faults] == [
        ("ink", "Its contrast on white paper is 4.4 to 1; at least 4.5 is needed. Use a darker colour."),
        ("quiet", "Its contrast on white paper is 1.6 to 1; at least 4.5 is needed. Use a darker colour."),
        ("accent", "Enter a colour as # followed by six hexadecimal digits, such as #00626b."),
    ]


def test_the_language_of_the_series_decides_and_english_stands_in() -> None:
    design = Design(words={"fr": FRENCH, "en": {"issued": "Given on"}})
    assert [design.language_for(tag) for tag in ("fr", "fr-CA", "ar", "en")] == ["fr", "fr", "en", "en"]
    assert design.word("issued", "fr") == "Délivrée le"
    assert design.word("verify", "fr") == "Anyone can verify this at"
    assert design.word("issued", "en") == "Given on"
    # of somebody who attended all it says what it says of all, before it falls back to English
    assert design.word("sentence_all", "fr") == FRENCH["sentence"]
    assert BUILT_IN.word("sentence_all", "en") == "attended all {lectures} lectures, {hours} hours, of the series"


def full() -> Design:
    logo, seal = image_sanitizer.read(raster("PNG")), image_sanitizer.read(svg(SQUARE))
    return Design(
        colours={"accent": "#7a1f3d"},
        signatory="Zhou Anran",
        words={"fr": FRENCH, "ar": ARABIC, "en": {"office": "Director"}},
        pictures={
            "logo": replace(logo, alt="Arms of the ministry"),
            "seal": replace(seal, alt="Seal"),
            "signature": replace(image_sanitizer.read(raster("JPEG", (900, 300))), alt="Signature of Zhou Anran"),
        },
    )


def test_a_design_stands_in_the_document_with_its_pictures_told() -> None:
    pdf = inside(render(replace(AWARD, design=full(), language="fr"), DEFAULT))
    for text in (b"Arms of the ministry", b"Signature of Zhou Anran", b"Attestation de participation: Fatima"):
        assert text in pdf
    assert b"<pdfuaid:part>1</pdfuaid:part>" in pdf
    assert b"<dc:language><rdf:Bag><rdf:li>fr</rdf:li></rdf:Bag></dc:language>" in pdf


@each_row("language", ["en", "fr", "ar"])
@each_row("count", [1, 12, 40])
def test_every_design_keeps_to_one_page(language: str, count: int) -> None:
    award = replace(AWARD, design=full(), language=language, full_name="Wong " * 40, native_name="م" * 200)
    assert pages(render(replace(award, series="xyz " * 50, stations=stations(count, (3,))), DEFAULT)) == 1


def test_words_as_long_as_they_may_be_keep_to_one_page() -> None:
    words = {"participation": "W" * 60, "sentence": "{name} {series} " * 15, "office": "w" * 100, "verify": "v" * 60}
    design = replace(full(), signatory="W" * 80, words={"en": words})
    award = replace(AWARD, design=design, full_name="W" * 200, series="x" * 200, stations=stations(12, title="t" * 200))
    assert pages(render(award, DEFAULT)) == 1


def test_an_svg_that_was_stored_before_logos_were_drawn_at_upload_is_still_set() -> None:
    design = Design(pictures={"logo": image_sanitizer.SanitizedImage(svg(SQUARE).decode(), 2.0, "Old logo")})
    old = picture(replace(AWARD, design=design), DEFAULT)
    new = picture(replace(AWARD, design=Design(pictures={"logo": image_sanitizer.read(svg(SQUARE))})), DEFAULT)
    images = [Image.open(io.BytesIO(png)).convert("RGB") for png in (old, new)]
    left, _top, right, _bottom = ImageChops.difference(*images).getbbox() or (0, 0, 0, 0)
    assert right - left <= 1, "but for the edge of a pixel they look the same"


def test_a_design_does_not_swell_the_file() -> None:
    assert len(render(replace(AWARD, design=full()), DEFAULT)) < 60_000


def test_words_that_look_like_code_are_text() -> None:
    code = '#panic() *a* $x$ "\\ <b> //'
    design = replace(full(), signatory=code, words={"en": dict.fromkeys(("participation", "sentence", "office"), code)})
    assert pages(render(replace(AWARD, design=design), DEFAULT)) == 1


def test_the_look_is_a_picture_of_the_same_sheet() -> None:
    png = picture(replace(AWARD, design=full()), DEFAULT, ppi=72)
    assert png.startswith(b"\x89PNG")
    assert int.from_bytes(png[16:20]) == 842


def test_a_line_says_how_long_it_may_be(context: None) -> None:
    assert checked_line("x" * 80, 80, "signatory") == "x" * 80
    with pytest.raises(Invalid, match="Use at most 80 characters; this text has 81"):
        checked_line("x" * 81, 80, "signatory")


@each_row("language", ["en", "fr", "ar"])
def test_a_signed_design_is_whole_and_tells_names_and_pictures(language: str) -> None:
    long = "Maria Guadalupe Fernanda Esperanza de la Concepción Rodríguez-Villanueva y Santa Cruz Alba"
    pdf = signed(replace(AWARD, design=full(), language=language, full_name=long, stations=stations(12, (3,))))
    assert check_pdf(pdf, [KEY.certificate]).intact
    with pikepdf.open(io.BytesIO(pdf)) as opened:
        assert opened.check_pdf_syntax() == []
        assert str(opened.Root.Lang) == language
        (top,) = opened.Root.StructTreeRoot.K
        found = list(elements(top))
        titles = [station.title for station in stations(12, (3,))]
        words = [long, AWARD.native_name, AWARD.series, *titles]
        assert [str(one.ActualText) for one in found if "/ActualText" in one] == words
        kinds = [str(one.S) for one in found]
        assert kinds.count("/H1") == 1
        told = [str(one.Alt) for one in found if str(one.S) == "/Figure" and "/Alt" in one]
        assert told == [
            "Arms of the ministry",
            "Signature of Zhou Anran",
            "Seal",
            "QR code: serai.example/verify/SR-7K4M-92QF-XH3D-8PWN-N",
        ]
        assert marked(opened.pages[0])[1] == []

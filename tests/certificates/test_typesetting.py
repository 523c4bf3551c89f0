import re
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lms.certificates.pdf.typesetting import PrintedAward, PrintedStation, render
from lms.core.text.typesetting import CannotRender, coverage, missing_signs
from tests.paper import inside

BUILD = Path(__file__).parents[2] / "static" / "build"
DEFAULT = [BUILD / "fonts"]
LARGE = [BUILD / "fonts", BUILD / "fonts-large"]


def stations(
    count: int, missed: tuple[int, ...] = (), title: str = "Customs for small parcels"
) -> tuple[PrintedStation, ...]:
    start = date(2026, 5, 20)
    return tuple(PrintedStation(title, start + timedelta(7 * at), at not in missed) for at in range(count))


AWARD = PrintedAward(
    kind="participation",
    full_name="Fatima Zahra Benali",
    native_name="فاطمة الزهراء بن علي",
    series="Livestream commerce from a village",
    language="en",
    stations=stations(6, missed=(2,)),
    hours=7.5,
    issued_on=date(2026, 7, 2),
    number="SR-7K4M-92QF-XH3D-8PWN-N",
    address="https://serai.example/verify/SR-7K4M-92QF-XH3D-8PWN-N",
    organiser="Ministry of Trade",
    country="MA",
)


def pages(pdf: bytes) -> int:
    return len(re.findall(rb"/Type\s*/Page\b", inside(pdf)))


def test_the_document_declares_both_standards() -> None:
    text = inside(render(AWARD, DEFAULT))
    assert b"<pdfaid:part>2</pdfaid:part>" in text
    assert b"<pdfaid:conformance>A</pdfaid:conformance>" in text
    assert b"<pdfuaid:part>1</pdfuaid:part>" in text
    assert b"Certificate of participation: Fatima Zahra Benali" in text


def test_the_same_award_gives_the_same_bytes() -> None:
    first = render(AWARD, DEFAULT)
    render(replace(AWARD, full_name="Somebody Else"), DEFAULT)
    assert render(AWARD, DEFAULT) == first
    assert render(replace(AWARD, number="SR-0000-0000-0000-0000-0"), DEFAULT) != first


def test_it_is_small() -> None:
    assert len(render(AWARD, DEFAULT)) < 60_000


@pytest.mark.parametrize(
    "award",
    [
        replace(
            AWARD,
            full_name="Maria Guadalupe Fernanda Esperanza de la Concepción Rodríguez-Villanueva y Santa",
        ),
        replace(
            AWARD,
            full_name="W" * 200,
            native_name="م" * 200,
            series="x" * 200,
            stations=stations(12, title="t" * 200),
        ),
        replace(
            AWARD,
            full_name="Wong " * 40,
            native_name="ກ " * 100,
            series="xyz " * 50,
            stations=stations(12, title="title " * 33),
        ),
        replace(AWARD, full_name="Suharto", native_name=None, kind="completion", stations=stations(12)),
        replace(AWARD, native_name=None, stations=stations(1), hours=1.0),
        replace(AWARD, stations=stations(40, missed=(3,))),
        replace(AWARD, stations=stations(120)),
        replace(AWARD, language="ar", series="التجارة الإلكترونية عبر الحدود"),
        replace(AWARD, language="zh-Hans"),
        replace(AWARD, language="pt-BR"),
    ],
    ids=[
        "long",
        "unbroken",
        "wordy",
        "mononym",
        "one lecture",
        "many",
        "very many",
        "arabic",
        "chinese",
        "portuguese",
    ],
)
def test_everything_stands_on_one_page(award: PrintedAward) -> None:
    assert pages(render(award, DEFAULT)) == 1


def test_a_sign_in_no_font_is_an_error_never_a_box() -> None:
    with pytest.raises(CannotRender, match="could not be displayed"):
        render(replace(AWARD, native_name="王小明"), DEFAULT)
    assert pages(render(replace(AWARD, native_name="王小明"), LARGE)) == 1


def test_markup_in_a_name_is_text() -> None:
    name = '#panic() *a* $x$ "\\\\ <b> //'
    assert pages(render(replace(AWARD, full_name=name, native_name=name, series=name), DEFAULT)) == 1


letters = st.characters(categories=["Lu", "Ll", "Lo", "Lm", "Nd", "Zs", "Pd", "Po"], max_codepoint=0x2FFF)


@given(st.text(letters, min_size=1, max_size=20))
def test_what_the_check_lets_pass_can_be_printed(name: str) -> None:
    award = replace(AWARD, native_name=name)
    if missing_signs(name, coverage(DEFAULT)):
        return
    assert pages(render(award, DEFAULT)) == 1

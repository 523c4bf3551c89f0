import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from lms.core.text import typesetting
from lms.core.text.typesetting import named
from tests.rows import each_row

BUILD = Path(__file__).parents[2] / "static" / "build"
DEFAULT = [BUILD / "fonts"]
LARGE = [BUILD / "fonts", BUILD / "fonts-large"]

NAMES = {
    "Latin": "Nguyễn Thị Hồng Hạnh Ọ̀ṣun Çağlar Ñandú O’Brien e‑commerce",
    "Cyrillic": "Айгүл Өмірбекқызы Ђорђе",
    "Greek": "Ελένη Παπαδοπούλου",
    "Arabic": "فاطمة الزهراء بن علي",
    "Persian": "می\u200cخواهم زهرا",
    "Urdu": "محمد علی جناح ٹ ڈ ے",
    "Hebrew": "נֹעָה כֹּהֵן",
    "Thai": "ณัฐพงศ์ ศรีสุข",
    "Khmer": "ព្រំ សុភា",
    "Lao": "ບຸນມີ ຫຼ້າ",
    "Burmese": "ဒေါ်ခင်မျိုးချစ်",
    "Devanagari": "कृष्ण श्रेष्ठ",
    "Bengali": "মোঃ শফিকুল ইসলাম র\u200d্যা",
    "Tamil": "லக்ஷ்மி ஸ்ரீ",
    "Sinhala": "කුමාරි ශ්\u200dරී",
    "Ethiopic": "ፀሐይ በቀለ",
    "Georgian": "ნინო ბერიძე",
    "Armenian": "Անի Հակոբյան",
    "Telugu": "శ్రీనివాస్",
    "Kannada": "ಶ್ರೀನಿವಾಸ",
    "Malayalam": "ശ്രീനിവാസൻ",
    "Gujarati": "શ્રીનિવાસ",
    "Gurmukhi": "ਸ੍ਰੀਨਿਵਾਸ",
    "Odia": "ଶ୍ରୀନିବାସ",
}


def missing_signs(text: str, folders: Sequence[Path]) -> tuple[str, ...]:
    return typesetting.missing_signs(text, typesetting.coverage(folders))


NAMES_IN_LARGE = {
    "Chinese": "王小明",
    "traditional": "陳國華",
    "Japanese": "青木 直樹 さくら",
    "Korean": "김철수",
}


@each_row("script", NAMES)
def test_the_default_fonts_have_the_script(script: str) -> None:
    assert missing_signs(NAMES[script], DEFAULT) == ()


@each_row("script", NAMES_IN_LARGE)
def test_chinese_japanese_and_korean_need_the_large_fonts(script: str) -> None:
    name = NAMES_IN_LARGE[script]
    assert missing_signs(name, DEFAULT) == tuple(dict.fromkeys(name.replace(" ", "")))
    assert missing_signs(name, LARGE) == ()


def test_each_missing_sign_is_named_once_in_order() -> None:
    assert missing_signs("王 a 小王\t明", DEFAULT) == ("王", "小", "明")


@each_row("text", ["", " ", "a\u00a0b\u3000c", "a\u200db\u200cc\u00ad", "\u200ea\u200f", "a\ufe0f"])
def test_spaces_and_joiners_need_no_glyph(text: str) -> None:
    assert missing_signs(text, DEFAULT) == ()


@each_row("sign", ["\x00", "\x07", "\ufeff", "\ue000", "\ud800", "😀", "\U000e0041", "𒀀", "\u0378"])
def test_what_cannot_be_printed_is_missing(sign: str) -> None:
    assert missing_signs(f"a{sign}b", LARGE) == (sign,)


def test_a_letter_taken_apart_counts_as_the_letter() -> None:
    assert missing_signs("Nguye\u0302\u0303n", DEFAULT) == ()


def test_an_accent_must_be_in_the_font_of_its_letter() -> None:
    assert missing_signs("a\u0951", DEFAULT) == ("a\u0951",)


def test_a_font_installed_later_is_seen(tmp_path: Path) -> None:
    assert missing_signs("ab", [tmp_path]) == ("a", "b")
    shutil.copy(DEFAULT[0] / "NotoSans[wght].ttf", tmp_path)
    assert missing_signs("ab", [tmp_path]) == ()
    assert missing_signs("ፀ", [tmp_path]) == ("ፀ",)
    shutil.copy(DEFAULT[0] / "NotoSansEthiopic[wght].ttf", tmp_path / "NotoSans[wght].ttf")
    os.utime(tmp_path / "NotoSans[wght].ttf", (1, 1))
    assert missing_signs("ፀ", [tmp_path]) == ()


def test_a_missing_folder_holds_nothing() -> None:
    assert missing_signs("a", [Path("/nowhere")]) == ("a",)


def test_signs_are_named_so_that_one_can_look_them_up() -> None:
    assert named(("王", "a\u0951")) == "王 (U+738B), a॑ (U+0061 U+0951)"
    assert named(tuple("王小明陳國華直")) == "王 (U+738B), 小 (U+5C0F), 明 (U+660E), 陳 (U+9673), 國 (U+570B) +2"

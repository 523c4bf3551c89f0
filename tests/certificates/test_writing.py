import pytest

from lms.certificates.writing import LATIN, Writing, writing_of


@pytest.mark.parametrize(
    ("text", "country", "expected"),
    [
        ("Suharto", None, LATIN),
        ("", None, LATIN),
        ("007", None, LATIN),
        ("فاطمة بن علي (Ali)", "MA", Writing("Arab", "ar", "rtl")),
        ("נֹעָה", None, Writing("Hebr", "he", "rtl")),
        ("ព្រំ សុភា", "KH", Writing("Khmr", "km")),
        ("王小明", "CN", Writing("Hans", "zh")),
        ("王小明", None, Writing("Hans", "zh")),
        ("青木直樹", "JP", Writing("Jpan", "ja")),
        ("青木 さくら", None, Writing("Jpan", "ja")),
        ("陳國華", "TW", Writing("Hant", "zh-TW")),
        ("김철수", "KR", Writing("Kore", "ko")),
        ("𞤀𞤣", "GN", Writing("Adlm", "ff", "rtl")),
    ],
)
def test_the_writing_is_that_of_most_letters(text: str, country: str | None, expected: Writing) -> None:
    assert writing_of(text, country) == expected
